"""Exposure: which limit binds, with which figures, and that what fits really fits."""

import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.correlation import BenchmarkCorrelation
from perpkit.risk.exposure import (
    ExposureLimits,
    Holding,
    Limit,
    PlannedEntry,
    cluster_risk,
    rooms,
)
from tests.cases import cases

NAN = math.nan
PAIRS = ("BTC", "ETH", "XRP", "LTC")
EQUITY = 1000.0
LONG = PlannedEntry("BTC", False, 0.02, 3.0)
SHORT = LONG._replace(is_short=True)


def alike(correlation: float):
    return lambda first, second: 1.0 if first == second else correlation


UNRELATED = alike(0.0)


def room(limits, holdings, entry, limit, between=UNRELATED):
    return next(r for r in rooms(limits, EQUITY, holdings, entry, between) if r.limit is limit)


def held(pair="ETH", notional=400.0, risk=8.0, margin=100.0) -> Holding:
    return Holding(pair, notional, risk, margin)


@pytest.mark.parametrize(
    ("limit", "holdings", "entry", "expected"),
    [
        (Limit.POSITIONS, [], LONG, math.inf),
        (Limit.POSITIONS, [held("ETH"), held("XRP")], LONG, math.inf),
        (Limit.POSITIONS, [held("ETH"), held("XRP"), held("LTC")], LONG, 0),
        (Limit.POSITIONS, [held("ETH"), held("XRP"), held("BTC")], LONG, math.inf),  # adds to it
        (Limit.PAIR, [held("ETH")], LONG, 1000),
        (Limit.PAIR, [held("BTC")], LONG, 600),
        (Limit.PAIR, [held("BTC", -400)], SHORT, 600),
        (Limit.SIDE, [held("ETH"), held("XRP", -300)], LONG, 1100),
        (Limit.SIDE, [held("ETH"), held("XRP", -300)], SHORT, 1200),
        (Limit.SIDE, [held("ETH", 1600)], LONG, -100),
        (Limit.SIDE, [held("ETH", 0.5)], SHORT, 1500),  # however small, it is a long
        (Limit.SIDE, [held("ETH", 0.5)], LONG, 1499.5),
        (Limit.GROSS, [held("ETH"), held("XRP", -300)], LONG, 1300),
        (Limit.NET, [held("ETH"), held("XRP", -300)], LONG, 1400),
        (Limit.NET, [held("ETH"), held("XRP", -300)], SHORT, 1600),
        (Limit.OPEN_RISK, [held(risk=8), held("XRP", -300, 12)], LONG, 500),
        (Limit.OPEN_RISK, [held(risk=8), held("XRP", -300, -99)], LONG, 1100),  # stop in profit
        (Limit.OPEN_RISK, [held(risk=31)], LONG, -50),
        (Limit.FREE_MARGIN, [held(margin=100), held("XRP", margin=500)], LONG, 600),
    ],
)
def test_the_room_under_each_limit(limit, holdings, entry, expected):
    assert room(ExposureLimits(), holdings, entry, limit).notional == pytest.approx(expected)


@pytest.mark.parametrize(
    ("correlation", "holdings", "entry", "expected"),
    [
        # cap 20, all risks 10: x^2 + 2 b x + a = 400
        (0.0, [held(risk=10)], LONG, math.sqrt(300)),
        (1.0, [held(risk=10)], LONG, 10),
        (1.0, [held(risk=10)], SHORT, 30),
        (NAN, [held(risk=10)], LONG, 10),
        (NAN, [held(risk=10)], SHORT, 10),  # an unknown hedge is none
        (0.8, [held(risk=10)], LONG, -8 + math.sqrt(364)),
        (1 / 6, [held(risk=10), held("XRP", risk=10)], LONG, 10),
        (0.64, [held(risk=10), held("XRP", risk=10)], LONG, -12.8 + math.sqrt(235.84)),
        (0.66, [held(risk=10), held("XRP", risk=10)], LONG, 0),  # room for 2.4, below 2.5
        (1.0, [held(risk=10), held("XRP", risk=10)], LONG, 0),
        (1.0, [held(risk=10), held("XRP", risk=10)], SHORT, 0),  # full: not even a hedge
        (1.0, [held(risk=-10), held("XRP", risk=10)], LONG, 10),
        (0.86, [held(risk=7), held("XRP", risk=7)], LONG, 7),
    ],
)
def test_the_room_in_the_cluster(correlation, holdings, entry, expected):
    answer = room(ExposureLimits(), holdings, entry, Limit.CLUSTER, alike(correlation))
    assert answer.notional * entry.stop_distance == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (Limit.POSITIONS, "open positions 2 of 3"),
        (Limit.PAIR, "exposure in the pair 0.00 of 1.00 x equity in use"),
        (Limit.SIDE, "exposure on the side 0.40 of 1.50 x equity in use"),
        (Limit.GROSS, "gross exposure 0.70 of 2.00 x equity in use"),
        (Limit.NET, "net exposure 0.10 of 1.50 x equity in use"),
        (Limit.OPEN_RISK, "open risk 1.80% of 3.00% of equity in use"),
        (Limit.CLUSTER, "cluster risk 1.00% of 2.00% of equity in use"),
        (Limit.FREE_MARGIN, "margin in use 20.00% of 80.00% of equity in use"),
    ],
)
def test_the_reason_names_the_limit_and_its_figures(limit, reason):
    holdings = [held(risk=8), held("XRP", -300, 10)]
    between = alike((64 + 100 - 100) / 160)
    assert room(ExposureLimits(), holdings, LONG, limit, between).reason == reason


@pytest.mark.parametrize(
    ("risks", "correlation", "expected"),
    [
        ([], 0.5, 0),
        ([("A", -3.0)], 0.5, 3),
        ([("A", 3.0), ("B", 4.0)], 0.0, 5),
        ([("A", 3.0), ("B", 4.0)], 1.0, 7),
        ([("A", 3.0), ("B", -4.0)], 1.0, 1),
        ([("A", 3.0), ("B", -4.0)], NAN, 7),
        ([("A", 1.0), ("B", 1.0), ("C", 1.0)], 0.5, math.sqrt(6)),
        ([("A", 1.0), ("B", -1.0)], 1.0, 0),
    ],
)
def test_cluster_risk_by_hand(risks, correlation, expected):
    assert cluster_risk(risks, alike(correlation)) == pytest.approx(expected)


@pytest.mark.parametrize("field", ["notional", "risk", "margin"])
def test_a_holding_of_unknown_size_leaves_no_known_room(field):
    holdings = [held("XRP"), held()._replace(**{field: NAN})]
    answers = rooms(ExposureLimits(), EQUITY, holdings, LONG, alike(0.5))
    assert any(math.isnan(answer.notional) for answer in answers)


holdings_of = st.lists(
    st.builds(
        Holding,
        st.sampled_from(PAIRS[1:]),
        st.floats(-800, 800),
        st.floats(0, 15),
        st.floats(0, 300),
    ),
    max_size=3,
    unique_by=lambda holding: holding.pair,
)
correlations = st.dictionaries(st.sampled_from(PAIRS), st.floats(-1, 1))
entries = st.builds(
    PlannedEntry, st.just("BTC"), st.booleans(), st.floats(0.002, 0.3), st.floats(1, 10)
)
some_limits = st.builds(
    ExposureLimits,
    max_positions=st.integers(1, 4),
    max_pair=st.floats(0.1, 3),
    max_side=st.floats(0.1, 3),
    max_gross=st.floats(0.1, 3),
    max_net=st.floats(0.1, 3),
    max_open_risk=st.floats(0.001, 0.1),
    max_cluster_risk=st.floats(0.001, 0.05),
    free_margin=st.floats(0, 0.9),
)


def figures(holdings, between) -> dict[Limit, float]:
    """What the limits are about, added up again from the positions alone, over equity."""
    long = sum(h.notional for h in holdings if h.notional > 0)
    short = sum(-h.notional for h in holdings if h.notional < 0)
    risks = [(h.pair, math.copysign(h.risk, h.notional)) for h in holdings]
    return {
        Limit.POSITIONS: len(holdings) * EQUITY,
        Limit.PAIR: max(abs(h.notional) for h in holdings),
        Limit.SIDE: max(long, short),
        Limit.GROSS: long + short,
        Limit.NET: abs(long - short),
        Limit.OPEN_RISK: sum(h.risk for h in holdings),
        Limit.CLUSTER: cluster_risk(risks, between),
        Limit.FREE_MARGIN: sum(h.margin for h in holdings),
    }


def allowed(limits: ExposureLimits) -> dict[Limit, float]:
    return {
        Limit.POSITIONS: limits.max_positions,
        Limit.PAIR: limits.max_pair,
        Limit.SIDE: limits.max_side,
        Limit.GROSS: limits.max_gross,
        Limit.NET: limits.max_net,
        Limit.OPEN_RISK: limits.max_open_risk,
        Limit.CLUSTER: limits.max_cluster_risk,
        Limit.FREE_MARGIN: 1 - limits.free_margin,
    }


def with_entry(holdings, entry, notional) -> list[Holding]:
    return [
        *holdings,
        Holding(
            entry.pair,
            -notional if entry.is_short else notional,
            notional * entry.stop_distance,
            notional / entry.leverage,
        ),
    ]


@cases(750)
@given(some_limits, holdings_of, entries, correlations, st.floats(0.01, 1))
def test_what_fits_in_the_room_breaks_no_limit(limits, holdings, entry, rhos, part):
    """Limits that earlier positions break on the other side are not made worse."""
    between = BenchmarkCorrelation(rhos).between
    smallest = min(r.notional for r in rooms(limits, EQUITY, holdings, entry, between))
    if not 0 < smallest < math.inf:
        return
    before = figures([*holdings, Holding("-", 0.0, 0.0, 0.0)], between)
    after = figures(with_entry(holdings, entry, smallest * part), between)
    for limit, most in allowed(limits).items():
        assert after[limit] <= max(most * EQUITY, before[limit]) * (1 + 1e-9) + 1e-9, limit


@cases(500)
@given(some_limits, holdings_of, entries, correlations)
def test_a_little_more_than_the_room_breaks_its_limit(limits, holdings, entry, rhos):
    limits = replace(limits, least_cluster_room=0)
    between = BenchmarkCorrelation(rhos).between
    answer = min(rooms(limits, EQUITY, holdings, entry, between), key=lambda r: r.notional)
    if answer.notional < 1 or answer.limit is Limit.POSITIONS:
        return
    after = figures(with_entry(holdings, entry, answer.notional * 1.01), between)
    assert after[answer.limit] > allowed(limits)[answer.limit] * EQUITY


@cases(500)
@given(some_limits, holdings_of, entries, correlations, st.floats(1, 4), st.floats(0.2, 1))
def test_the_riskier_the_less_room(limits, holdings, entry, rhos, wider, poorer):
    between = BenchmarkCorrelation(rhos).between
    now = rooms(limits, EQUITY, holdings, entry, between)
    wide = entry._replace(stop_distance=entry.stop_distance * wider)
    for other in (
        rooms(limits, EQUITY, holdings, wide, between),
        rooms(limits, EQUITY * poorer, holdings, entry, between),
    ):
        for before, after in zip(now, other, strict=True):
            if before.notional > 0 or after.notional > 0:
                assert after.notional <= before.notional * (1 + 1e-9) + 1e-6, before.limit


@cases(250)
@given(some_limits, holdings_of, entries, correlations, st.sampled_from(PAIRS))
def test_not_knowing_a_correlation_never_makes_room(limits, holdings, entry, rhos, forgotten):
    full = {pair: rhos.get(pair, 0.5) for pair in PAIRS}
    known = BenchmarkCorrelation(full)
    unknown = BenchmarkCorrelation({p: rho for p, rho in full.items() if p != forgotten})
    assert (
        room(limits, holdings, entry, Limit.CLUSTER, unknown.between).notional
        <= room(limits, holdings, entry, Limit.CLUSTER, known.between).notional + 1e-6
    )


@pytest.mark.parametrize("name", list(asdict(ExposureLimits())))
@pytest.mark.parametrize("value", [-1, NAN, 1e6, "1"])
def test_a_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        ExposureLimits(**{name: value})
