"""`perpkit.limits`: what each limit leaves, and that what fits really fits."""

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.exposure import Holding, Limit, PlannedEntry, Room
from perpkit.risk.limits import PositionLimits, fit, limit_rooms

NAN, INF = math.nan, math.inf
EQUITY = 1_000.0
PAIRS = ("BTC", "ETH", "XRP", "LTC")
LONG = PlannedEntry("BTC", False, 0.1, 3.0)
SHORT = LONG._replace(is_short=True)


def held(pair="ETH", notional=400.0, risk=20.0) -> Holding:
    return Holding(pair, notional, risk, abs(notional) / 3)


def left(holdings, entry=LONG, equity=EQUITY, asked=1e6, **limits):
    return fit(limit_rooms(PositionLimits(**limits), equity, holdings, entry), asked, least=5.0)


@pytest.mark.parametrize(
    ("limits", "holdings", "entry", "notional", "bound"),
    [
        ({}, [held()], LONG, 1e6, None),
        ({"max_positions": 2}, [held()], LONG, 1e6, None),
        ({"max_positions": 1}, [held()], LONG, 0, Limit.POSITIONS),
        ({"max_positions": 1}, [held("BTC")], LONG, 1e6, None),  # adds to it
        ({"max_longs": 1}, [held()], LONG, 0, Limit.LONGS),
        ({"max_longs": 1}, [held("ETH", -400)], LONG, 1e6, None),
        ({"max_longs": 1}, [held()], SHORT, 1e6, None),
        ({"max_longs": 0}, [], LONG, 0, Limit.LONGS),
        ({"max_longs": 0}, [], SHORT, 1e6, None),
        ({"max_shorts": 0}, [], SHORT, 0, Limit.SHORTS),
        ({"max_shorts": 1}, [held("ETH", -400), held("XRP")], SHORT, 0, Limit.SHORTS),
        ({"max_shorts": 2}, [held("ETH", -400), held("XRP")], SHORT, 1e6, None),
        ({"max_pair": 0.5}, [held("BTC", 300)], LONG, 200, Limit.PAIR),
        ({"max_side": 1}, [held(), held("XRP", -300)], LONG, 600, Limit.SIDE),
        ({"max_side": 1}, [held(), held("XRP", -300)], SHORT, 700, Limit.SIDE),
        ({"max_gross": 1}, [held(), held("XRP", -300)], LONG, 300, Limit.GROSS),
        ({"max_net": 1}, [held(), held("XRP", -300)], LONG, 900, Limit.NET),
        ({"max_net": 1}, [held(), held("XRP", -300)], SHORT, 1100, Limit.NET),
        ({"max_open_risk": 0.05}, [held()], LONG, 300, Limit.OPEN_RISK),
        ({"max_open_risk": 0.02}, [held()], LONG, 0, Limit.OPEN_RISK),
        # The smallest counts; what is below the smallest order is none.
        ({"max_side": 1, "max_gross": 0.5}, [held()], LONG, 100, Limit.GROSS),
        ({"max_side": 0.404}, [held()], LONG, 0, Limit.SIDE),
        ({"max_side": 0.1}, [held()], LONG, 0, Limit.SIDE),
    ],
)
def test_room(limits, holdings, entry, notional, bound):
    found = left(holdings, entry, **limits)
    assert found.notional == pytest.approx(notional)
    assert (found.bound.limit if found.bound else None) == bound
    assert bool(found.reason) == (bound is not None)


@pytest.mark.parametrize(
    ("limits", "equity", "holdings", "entry"),
    [
        ({"max_side": 1}, NAN, [], LONG),
        ({"max_side": 1}, 0.0, [], LONG),
        ({"max_side": 1}, -5.0, [], LONG),
        ({"max_side": 1}, EQUITY, [held("ETH", NAN)], LONG),
        ({"max_side": 1}, EQUITY, [held("ETH", NAN)], SHORT),
        ({"max_net": 1}, EQUITY, [held("ETH", NAN)], SHORT),
        ({"max_open_risk": 0.1}, EQUITY, [held("ETH", 400, NAN)], LONG),
        ({"max_open_risk": 0.1}, EQUITY, [], LONG._replace(stop_distance=NAN)),
    ],
)
def test_what_is_unknown_leaves_nothing(limits, equity, holdings, entry):
    found = left(holdings, entry, equity, **limits)
    assert found.notional == 0
    assert "is unknown" in found.reason


def test_counts_need_no_equity():
    assert left([held()], equity=NAN, max_longs=2).notional == 1e6
    assert left([held()], equity=NAN, max_longs=1).reason == "open longs 1 of 1"


def test_what_is_cut_to_a_limit_still_fits():
    """A stake becomes an amount and a value again, and is compared once more."""
    room = Room(Limit.SIDE, 100.0, 0.9, 1.0)
    assert fit([room], 100.0 * (1 + 1e-12), 5.0).bound is None


@pytest.mark.parametrize("name", [each.name for each in fields(PositionLimits)])
def test_a_limit_that_is_no_number_is_named(name):
    with pytest.raises(ValueError, match=rf"{name} must be .*, got 'much'"):
        PositionLimits(**{name: "much"})
    with pytest.raises(ValueError, match=f"{name} must be"):
        PositionLimits(**{name: -1})


sizes = st.floats(0.01, 3)
limits_of_sizes = st.builds(
    PositionLimits,
    max_positions=st.none() | st.integers(1, 4),
    max_longs=st.none() | st.integers(0, 3),
    max_shorts=st.none() | st.integers(0, 3),
    max_pair=st.none() | sizes,
    max_side=st.none() | sizes,
    max_gross=st.none() | sizes,
    max_net=st.none() | sizes,
    max_open_risk=st.none() | st.floats(0.001, 1),
)
holding = st.builds(
    held, st.sampled_from(PAIRS), st.floats(-1_500, 1_500).filter(bool), st.floats(0, 200)
)
entries = st.builds(
    PlannedEntry,
    st.sampled_from(PAIRS), st.booleans(), st.floats(0.001, 0.9), st.floats(1, 20),
)  # fmt: skip


@given(limits_of_sizes, st.lists(holding, max_size=4), entries, st.floats(5, 5_000))
def test_what_fits_is_within_every_limit(limits, holdings, entry, asked):
    found = fit(limit_rooms(limits, EQUITY, holdings, entry), asked, least=5.0)
    assert 0 <= found.notional <= asked
    assert (found.notional < asked * (1 - 1e-8)) <= bool(found.reason)
    if not found.notional:
        return
    sign = -1 if entry.is_short else 1
    added = held(entry.pair, sign * found.notional, found.notional * entry.stop_distance)
    after = [*holdings, added]
    longs = {h.pair for h in after if h.notional > 0}
    shorts = {h.pair for h in after if h.notional < 0}
    long_value = sum(h.notional for h in after if h.notional > 0)
    short_value = -sum(h.notional for h in after if h.notional < 0)
    side, pairs = (short_value, shorts) if entry.is_short else (long_value, longs)
    counted = limits.max_shorts if entry.is_short else limits.max_longs
    used = {
        "max_positions": len(longs | shorts),
        "max_pair": sum(abs(h.notional) for h in after if h.pair == entry.pair) / EQUITY,
        "max_side": side / EQUITY,
        "max_gross": (long_value + short_value) / EQUITY,
        "max_net": sign * (long_value - short_value) / EQUITY,
        "max_open_risk": sum(h.risk for h in after) / EQUITY,
    }
    assert counted is None or len(pairs) <= counted
    for name, share in used.items():
        allowed = getattr(limits, name)
        assert allowed is None or share <= allowed * (1 + 1e-6) + 1e-9, name


@given(limits_of_sizes, st.lists(holding, min_size=1, max_size=4), entries, st.data())
def test_more_that_is_open_leaves_no_more_on_its_side(limits, holdings, entry, data):
    """Another position of the same side, or one whose price is unknown, widens nothing."""
    sign = -1 if entry.is_short else 1
    more = held("NEW", data.draw(st.sampled_from([sign * 50.0, NAN])), 10.0)
    before = fit(limit_rooms(limits, EQUITY, holdings, entry), 100.0, 5.0)
    after = fit(limit_rooms(limits, EQUITY, [*holdings, more], entry), 100.0, 5.0)
    assert after.notional <= before.notional
