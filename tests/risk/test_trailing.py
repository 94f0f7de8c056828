"""How a stop follows an open trade: tables of what happened, and random walks."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.leverage import LeverageLimit, choose_leverage
from perpkit.risk.liquidation import Position, liquidation_price
from perpkit.risk.stops import break_even_price, stop_price, stop_reached
from perpkit.risk.trailing import Trail, Trailing, next_stop, out_of_time
from tests.cases import cases
from tests.risk import markets

OFF = Trailing(break_even_after=0, trail=Trail.NONE)
EVEN = Trailing(trail=Trail.NONE)
CHANDELIER = Trailing(0, Trail.CHANDELIER, trail_after=1, atr_multiple=3)
PERCENT = Trailing(0, Trail.PERCENT, trail_after=1, distance=0.04)
SAR = Trailing(0, Trail.SAR, trail_after=1)


# A long from 100 with its first stop at 95 (R is 5), break-even at 100.1.
@pytest.mark.parametrize(
    ("rule", "best", "rate", "change", "expected"),
    [
        (OFF, 130, 130, {}, 95),
        (EVEN, 104.9, 104, {}, 95),
        (EVEN, 105, 105, {}, 100.1),
        (EVEN, 105, 99, {}, 100.1),  # overtaken: to be closed
        (EVEN, 105, 105, {"stop": 101}, 101),
        (replace(EVEN, break_even_after=0.01), 100.09, 100.09, {}, 95),  # fees not yet earned
        (replace(EVEN, break_even_after=0.01), 100.2, 100.2, {}, 100.1),
        (CHANDELIER, 104.9, 104.9, {"atr": 1}, 95),
        (CHANDELIER, 110, 108, {"atr": 1}, 107),
        (CHANDELIER, 110, 106, {"atr": 1}, 107),  # overtaken
        (CHANDELIER, 110, 108, {"atr": 1, "stop": 107.5}, 107.5),
        (CHANDELIER, 110, 108, {"atr": 9}, 95),
        (CHANDELIER, 110, 108, {"atr": math.nan}, 95),
        (replace(CHANDELIER, trail_after=0), 100, 100, {"atr": 1}, 97),
        (PERCENT, 104, 104, {}, 95),
        (PERCENT, 110, 108, {}, 105.6),
        (SAR, 104, 104, {"sar": 99}, 95),
        (SAR, 110, 108, {"sar": 99}, 99),
        (SAR, 110, 108, {"sar": 109}, 95),  # the wrong side
        (SAR, 110, 108, {"sar": 94}, 95),
        (SAR, 110, 108, {"sar": math.nan}, 95),
        # reducing: half of R, or of the trail once that is the nearer
        (OFF, 100, 100, {"reducing": True}, 97.5),
        (OFF, 100, 97.6, {"reducing": True}, 97.5),
        (OFF, 100, 97.5, {"reducing": True}, 95),  # would close the trade by itself
        (OFF, 110, 110, {"reducing": True}, 107.5),
        (OFF, 110, 110, {"reducing": True, "stop": 108}, 108),
        (replace(OFF, reducing_factor=1), 100, 99, {"reducing": True}, 95),
        (CHANDELIER, 110, 109, {"atr": 1, "reducing": True}, 108.5),
        (CHANDELIER, 110, 108, {"atr": 1, "reducing": True}, 107),
        (CHANDELIER, 110, 109, {"atr": 9, "reducing": True}, 107.5),
        (CHANDELIER, 110, 109, {"atr": math.nan, "reducing": True}, 107.5),
        (PERCENT, 110, 109, {"reducing": True}, 107.8),
        (SAR, 110, 108, {"sar": 99, "reducing": True}, 107.5),
        (EVEN, 105, 101, {"reducing": True}, 100.1),
        (EVEN, 105, math.nan, {"reducing": True}, 100.1),
        (CHANDELIER, math.nan, 108, {"atr": 1, "reducing": True}, 95),
    ],
)
def test_the_next_stop(rule, best, rate, change, expected):
    facts = {"entry": 100, "risk": 5, "stop": 95, "break_even": 100.1, **change}
    stop = next_stop(rule, is_short=False, best=best, rate=rate, **facts)
    assert stop == pytest.approx(expected)

    def mirror(price: float) -> float:
        return 200 - price

    # A short in the mirrored market; its percentage is one of the mirrored price.
    mirrored = {k: mirror(v) if k in ("stop", "break_even", "sar") else v for k, v in facts.items()}
    if rule.trail is Trail.PERCENT:
        rule = replace(rule, distance=rule.distance * best / mirror(best))
    short = next_stop(rule, is_short=True, best=mirror(best), rate=mirror(rate), **mirrored)
    assert short == pytest.approx(mirror(expected))


@pytest.mark.parametrize(
    ("hours", "gain", "expected"),
    [(23.9, 0, False), (24, 0, True), (24, 2.4, True), (24, 2.5, False), (99, 3, False)],
)
def test_a_trade_that_gets_nowhere_runs_out_of_time(hours, gain, expected):
    rule = Trailing(time_stop_hours=24, time_stop_r=0.5)
    assert out_of_time(rule, hours, gain, risk=5) is expected
    assert not out_of_time(Trailing(time_stop_hours=0), hours, gain, risk=5)


@pytest.mark.parametrize(("gain", "risk"), [(math.nan, 5), (0, math.nan)])
def test_an_unknown_gain_is_no_reason_to_close(gain, risk):
    assert not out_of_time(Trailing(time_stop_hours=24), 99, gain, risk)


rules = st.builds(
    Trailing,
    break_even_after=st.floats(0, 3),
    trail=st.sampled_from(Trail),
    trail_after=st.floats(0, 3),
    atr_multiple=st.floats(0.1, 5),
    distance=st.floats(0.001, 0.2),
    reducing_factor=st.floats(0.1, 1),
)
unknown = st.just(math.nan)
candles = st.tuples(
    st.floats(-0.08, 0.08),  # return
    st.floats(0, 0.1) | unknown,  # ATR, a fraction of the price
    st.floats(0.8, 1.2) | unknown,  # SAR, as a multiple of the price
    st.booleans(),  # REDUCING
)


def walk(rule, is_short, entry, distance, path):
    """Stops and rates until the stop is reached, one more after that; a gap-free market."""
    first = stop = stop_price(entry, distance, is_short)
    risk, even = abs(entry - first), break_even_price(entry, is_short, 0.0005, 0.0005)
    rate = best = entry
    pick = min if is_short else max
    yield stop, rate
    for move, atr, sar, reducing in path:
        rate *= 1 + move
        if stop_reached(stop, rate, is_short):
            yield stop, rate
            return
        best = pick(best, rate)
        stop = next_stop(
            rule,
            is_short=is_short,
            entry=entry,
            risk=risk,
            stop=stop,
            best=best,
            rate=rate,
            break_even=even,
            atr=atr * rate,
            sar=sar * rate,
            reducing=reducing,
        )
        yield stop, rate


@cases(750)
@given(
    rules, markets.prices, markets.distances, markets.sides,
    st.lists(candles, min_size=1, max_size=25),
)  # fmt: skip
def test_a_stop_is_never_loosened(rule, entry, distance, is_short, path):
    side = -1 if is_short else 1
    for (before, _), (after, _) in pairwise(walk(rule, is_short, entry, distance, path)):
        assert side * after >= side * before


@cases(500)
@given(
    rules, markets.prices, markets.distances, markets.sides,
    st.lists(candles, min_size=1, max_size=25),
)  # fmt: skip
def test_reducing_tightens_and_never_closes_by_itself(rule, entry, distance, is_short, path):
    side = -1 if is_short else 1
    calm = list(walk(rule, is_short, entry, distance, [(*c[:3], False) for c in path]))
    wary = list(walk(rule, is_short, entry, distance, [(*c[:3], True) for c in path]))
    for (loose, rate), (tight, same) in zip(calm, wary, strict=False):
        if rate != same or stop_reached(loose, rate, is_short):
            break
        assert side * tight >= side * loose
    # On the first candle only REDUCING could have brought the stop to the rate.
    (first, _), *rest = wary
    if rest and not stop_reached(calm[1][0], rest[0][1], is_short):
        assert not stop_reached(rest[0][0], rest[0][1], is_short)
    assert side * first < side * entry


@cases(750)
@given(
    rule=rules,
    tiers=markets.tiers,
    stake=markets.stakes,
    entry=markets.prices,
    distance=markets.distances,
    is_short=markets.sides,
    limit=st.builds(LeverageLimit, st.floats(1, 125), st.floats(1.1, 5), st.floats(0, 0.4)),
    path=st.lists(candles, min_size=1, max_size=25),
)
def test_a_walk_meets_the_stop_before_liquidation(
    rule, tiers, stake, entry, distance, is_short, limit, path
):
    leverage = choose_leverage(
        limit, tiers, stake=stake, stop_distance=distance, is_short=is_short, range_24h=0.01
    ).leverage
    if leverage is None:
        return
    position = Position(entry, stake * leverage / entry, is_short)
    liquidation = liquidation_price(position, stake, tiers)
    inside = markets.buffered(liquidation, entry, is_short, limit.liquidation_buffer)
    side = -1 if is_short else 1
    for stop, rate in walk(rule, is_short, entry, distance, path):
        assert side * stop > side * inside >= side * liquidation
        # Whoever is still in the market, or leaves at the stop, has more than maintenance.
        for price in {stop} if stop_reached(stop, rate, is_short) else {stop, rate}:
            worth = stake + position.profit(price)
            assert worth > tiers.maintenance(position.amount * price)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (
            {"trail": "moon"},
            "trail must be one of none, chandelier, percent, sar, got 'moon'",
        ),
        ({"break_even_after": -1}, "break_even_after must be a number from 0 to 20, got -1"),
        ({"trail_after": 21}, "trail_after"),
        ({"atr_multiple": 0}, "atr_multiple"),
        ({"distance": 0.6}, "distance must be a number from 0.001 to 0.5, got 0.6"),
        ({"time_stop_hours": math.nan}, "time_stop_hours"),
        ({"time_stop_r": 0}, "time_stop_r must be a number from 0.05 to 20, got 0"),
        ({"reducing_factor": 1.5}, "reducing_factor must be a number from 0.1 to 1, got 1.5"),
    ],
)
def test_a_bad_rule_is_named(bad, named):
    with pytest.raises(ValueError, match=named):
        Trailing(**bad)


def test_a_trail_may_be_given_by_name():
    assert Trailing(trail="sar").trail is Trail.SAR
