"""The funding breaker: which side of a pair it blocks, why, and until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.funding import Cause, FundingLimits, SettledRate, judge
from tests import factories
from tests.breakers.oracles.funding import OPEN, step
from tests.breakers.wild import line_of_rates, wild_funding
from tests.cases import cases

PAIR = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)
NOON = factories.START + timedelta(hours=12)
NAN = float("nan")
LIMITS = FundingLimits(expected_edge=1.0)  # extremes only
COSTS = FundingLimits(extreme_percentile=100, extreme_release_percentile=100, holding_hours=24)
QUICK = FundingLimits(
    extreme_percentile=80, extreme_release_percentile=70, floor_8h=0.0003, window_days=7
)


def settled(row: int = 0, rate: float = 0.001, percentile: float = 50.0, mean: float = 0.0001):
    """One of the rates that are settled every 8 hours from noon on."""
    known_at = NOON + 8 * row * HOUR
    return SettledRate(known_at, known_at + 16 * HOUR, 8.0, rate, mean, percentile)


def after(limits: FundingLimits, *rates: SettledRate) -> tuple[Decision, ...]:
    """The decisions when the last of the rates is known."""
    return judge(limits, PAIR, rates).at(rates[-1].known_at)


def seen(*figures: tuple[float, float], limits: FundingLimits = LIMITS, mean: float = 0.0001):
    """The decisions after these (rate per 8 h, percentile)."""
    return after(limits, *(settled(row, *figure, mean) for row, figure in enumerate(figures)))


@pytest.mark.parametrize(
    ("figures", "side"),
    [
        ([(0.0010, 97.9)], None),
        ([(0.0010, 98.0)], "long"),
        ([(0.0005, 98.0)], "long"),
        ([(0.0004, 99.9)], None),  # unusual for the pair, but little to pay
        ([(-0.0010, 2.0)], "short"),
        ([(-0.0010, 2.1)], None),
        ([(-0.0004, 0.1)], None),
        # An extreme that the side is paid, not pays.
        ([(0.0010, 1.0)], None),
        ([(-0.0010, 99.0)], None),
        # Hysteresis.
        ([(0.0010, 98.0), (0.0010, 95.0)], "long"),
        ([(0.0010, 98.0), (0.0010, 94.9)], None),
        ([(0.0010, 98.0), (0.0004, 99.0)], None),
        ([(0.0010, 98.0), (-0.0010, 1.0)], "short"),
        # Too little history counts as nothing.
        ([(0.0010, NAN)], None),
        ([(0.0010, 98.0), (0.0010, NAN)], "long"),
    ],
)
def test_extreme_funding_blocks_the_side_that_pays(figures, side):
    decisions = seen(*figures)
    assert [d.side for d in decisions] == ([] if side is None else [side])
    for decision in decisions:
        assert (decision.trading, decision.size_factor) == (Trading.REDUCING, 0.0)
        assert decision.pair == PAIR
        assert not decision.concerns(PAIR, "short" if side == "long" else "long")
        assert not decision.concerns("ETH/USDT:USDT", side)


@pytest.mark.parametrize(
    ("rate", "mean", "edge", "side"),
    [
        # Held for a day: half of the distance from the mean is left at its end.
        (0.001, 0.001, 0.003, "long"),  # 3 settlements at the mean
        (0.001, 0.001, 0.0031, None),
        (0.001, 0.0, 0.0021, "long"),  # 0.00216 of it
        (0.001, 0.0, 0.0022, None),
        (-0.001, 0.0, 0.0021, "short"),
        (-0.001, 0.0, 0.0022, None),
        (0.003, -0.003, 0.0039, "long"),  # the mean pulls a rate down
        (0.003, -0.003, 0.0040, None),
        (0.003, NAN, 0.001, None),
    ],
)
def test_a_predicted_cost_above_the_edge_blocks_the_side_that_pays(rate, mean, edge, side):
    decisions = seen((rate, 50.0), limits=replace(COSTS, expected_edge=edge), mean=mean)
    assert [d.side for d in decisions] == ([] if side is None else [side])


@pytest.mark.parametrize(("rate", "blocked"), [(0.00081, True), (0.00079, False)])
def test_a_cost_releases_below_its_share_of_the_edge(rate, blocked):
    limits = replace(COSTS, expected_edge=0.003)
    decisions = after(limits, settled(0, 0.0011, mean=0.0011), settled(1, rate, mean=rate))
    assert bool(decisions) is blocked


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (
            LIMITS,
            "longs pay 0.150% per 8 h, percentile 99.2 of 30 days (extreme from 98 until below "
            "95): no new longs",
        ),
        (
            replace(COSTS, expected_edge=0.003),
            "longs pay 0.150% per 8 h, predicted 0.33% over 24 h (too much from 0.30% until below "
            "0.24%): no new longs",
        ),
        (
            FundingLimits(expected_edge=0.003, holding_hours=24),
            "longs pay 0.150% per 8 h, percentile 99.2 of 30 days (extreme from 98 until below "
            "95), predicted 0.33% over 24 h (too much from 0.30% until below 0.24%): no new longs",
        ),
    ],
)
def test_the_reason_has_the_figures_in_it(limits, reason):
    [decision] = seen((0.0015, 99.2), limits=limits)
    assert decision.reason == reason
    assert len(f"FundingBreaker reducing: {reason}") <= 255


@pytest.mark.parametrize(
    ("calm", "figures", "settlements"),
    [
        (1, [(0.001, 99)], 1),
        (3, [(0.001, 99)], 3),
        (3, [(0.001, 99), (0.001, 90)], 2),
        (3, [(0.001, 99), (0.001, 90), (0.001, 96)], 3),
    ],
)
def test_the_release_is_the_settlement_at_which_it_can_end(calm, figures, settlements):
    [decision] = seen(*figures, limits=replace(LIMITS, calm_rates=calm))
    last = NOON + 8 * (len(figures) - 1) * HOUR
    assert decision.release == last + 8 * settlements * HOUR


@pytest.mark.parametrize(
    ("figures", "blocked"), [([99], False), ([99, 50, 99], False), ([99, 99], True)]
)
def test_confirmation_takes_rates_in_a_row(figures, blocked):
    limits = replace(LIMITS, confirm_rates=2)
    assert bool(seen(*((0.001, p) for p in figures), limits=limits)) is blocked


rates = st.lists(
    st.tuples(st.integers(-20, 20).map(lambda x: x / 10_000), st.integers(0, 100).map(float)),
    min_size=1,
    max_size=30,
)


@given(rates, st.data())
def test_monotone_in_severity(figures, data):
    """Whoever pays more is blocked at least as long; who receives more is not blocked for it."""
    more = [
        (rate + data.draw(st.integers(0, 10)) / 10_000, min(p + data.draw(st.integers(0, 20)), 100))
        for rate, p in figures
    ]
    milder, harsher = ({d.side for d in seen(*these, limits=QUICK)} for these in (figures, more))
    assert ("long" in harsher) >= ("long" in milder)
    assert ("short" in harsher) <= ("short" in milder)


@given(rates, st.integers(1, 4))
def test_entries_never_open_before_the_announced_release(figures, calm):
    """Nor later, if every rate from here on is calm."""
    limits = replace(QUICK, calm_rates=calm)
    rates = [settled(row, *figure) for row, figure in enumerate(figures)]
    decisions = after(limits, *rates)
    announced = {d.side: d.release for d in decisions}
    while decisions:
        rates.append(settled(len(rates), 0.0, mean=0.0))
        decisions = after(limits, *rates)
        for side in set(announced) - {d.side for d in decisions}:
            assert announced.pop(side) == rates[-1].known_at
        assert all(announced[d.side] == d.release for d in decisions)


@given(
    seed=st.integers(0, 20),
    confirm=st.integers(1, 3),
    calm=st.integers(1, 3),
    edge=st.sampled_from([0.003, 0.01, 1.0]),
)
@cases(25)
def test_a_timeline_equals_stepping(seed, confirm, calm, edge):
    limits = replace(QUICK, confirm_rates=confirm, calm_rates=calm, expected_edge=edge)
    line, state = line_of_rates(limits, PAIR, wild_funding(seed)), OPEN
    for rate in line.rates:
        state, decisions = step(limits, PAIR, state, rate)
        for minutes in (0, 59):
            assert line.at(rate.known_at + timedelta(minutes=minutes)) == decisions
    assert len(line.rates) > 150


def test_wild_funding_trips_every_latch():
    lines = [line_of_rates(QUICK, PAIR, wild_funding(seed)) for seed in range(9)]
    tripped = np.any([line.held.any(axis=1) for line in lines], axis=0)
    assert tripped.tolist() == [True] * len(Cause)


@given(st.integers(0, 20), st.integers(20, 190))
@cases(25)
def test_future_rates_change_no_past_decision(seed, rows):
    funding = wild_funding(seed)
    past = line_of_rates(QUICK, PAIR, funding[funding.index < rows])
    shocked = funding.copy()
    shocked.loc[shocked.index >= rows, "open"] *= 10
    if "funding_rate" in shocked:
        shocked["funding_rate"] = shocked["open"]
    whole = line_of_rates(QUICK, PAIR, shocked)
    for rate in past.rates:
        assert whole.at(rate.known_at) == past.at(rate.known_at)


@pytest.mark.parametrize("rows", [0, 1, 20])
def test_too_little_history_never_locks(rows):
    funding = factories.funding([0.003 * i for i in range(20)])[:rows]
    line = line_of_rates(FundingLimits(), PAIR, funding)
    for hours in range(0, 8 * rows + 9, 4):
        assert line.at(factories.START + hours * HOUR) == ()


def extreme(rows: int = 90) -> pd.DataFrame:
    return factories.funding([0.0001] * rows + [0.0015])


def test_a_rate_counts_an_hour_after_its_settlement():
    line, settled = line_of_rates(LIMITS, PAIR, extreme()), factories.START + 90 * 8 * HOUR
    assert line.at(settled + timedelta(minutes=59, seconds=59)) == ()
    [decision] = line.at(settled + HOUR)
    assert decision.side == "long"
    assert decision.release == settled + 9 * HOUR


def test_the_release_moves_on_while_a_settlement_is_awaited():
    line, known = line_of_rates(LIMITS, PAIR, extreme()), factories.START + (90 * 8 + 1) * HOUR
    for hours, release in ((0, 8), (7, 8), (8, 16), (15, 16)):
        [decision] = line.at(known + hours * HOUR)
        assert decision.release == known + release * HOUR


def test_rates_that_stopped_block_both_sides():
    line, known = line_of_rates(LIMITS, PAIR, extreme()), factories.START + (90 * 8 + 1) * HOUR
    [decision] = line.at(known + 17 * HOUR)
    assert (decision.pair, decision.side, decision.entries_blocked) == (PAIR, "*", True)
    assert decision.reason == "no funding rate known since 2023-01-31 01:00 UTC: no new entries"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("extreme_percentile", 49),
        ("extreme_percentile", 101),
        ("extreme_percentile", 94),
        ("extreme_release_percentile", 98.5),
        ("extreme_release_percentile", "high"),
        ("floor_8h", -0.1),
        ("window_days", 6),
        ("window_days", 30.5),
        ("holding_hours", 0),
        ("holding_hours", NAN),
        ("expected_edge", 0),
        ("expected_edge", 1.1),
        ("cost_release_share", 1.1),
        ("confirm_rates", 0),
        ("calm_rates", 0),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    named = "extreme_release_percentile" if value == 94 else parameter
    with pytest.raises(ValueError, match=rf"^{named} must be .*, got "):
        FundingLimits(**{parameter: value})


@pytest.mark.real_data
@pytest.mark.parametrize("base", ["BTC", "ETH", "XRP", "LTC", "ADA"])
def test_real_funding_is_blocked_rarely(real_datadir, base):
    """The shares of docs/evidence/funding_breaker.md, with a little room."""
    path = real_datadir / "futures" / f"{base}_USDT_USDT-1h-funding_rate.feather"
    line = line_of_rates(FundingLimits(), f"{base}/USDT:USDT", pd.read_feather(path))
    early = np.array(
        [rate.known_at - HOUR < datetime(2022, 1, 1, tzinfo=UTC) for rate in line.rates]
    )
    longs, shorts = line.held[:2].any(axis=0), line.held[2:].any(axis=0)
    assert 0.03 < longs[early].mean() < 0.20
    assert longs[~early].mean() < 0.01
    assert shorts.mean() < 0.01


@pytest.mark.parametrize(("before", "after"), [(1, 8), (2, 8), (4, 8), (1, 4)])
def test_an_interval_that_becomes_longer_blocks_neither_side(before, after):
    stamps = [before * row for row in range(24 * 10 // before)]
    stamps += [stamps[-1] + after * row for row in range(1, 7)]
    dates = factories.START + pd.to_timedelta(stamps, unit="h")
    rates = pd.DataFrame({"date": dates, "funding_rate": 0.00001})
    judged = line_of_rates(LIMITS, PAIR, rates)
    hours = pd.date_range(dates[-8], dates[-1], freq="5min")
    assert not [hour for hour in hours if judged.at(hour.to_pydatetime())]
    stopped = dates[-1].to_pydatetime() + 26 * HOUR
    [decision] = judged.at(stopped)
    assert "no funding rate known since" in decision.reason
