"""The stop at entry, and its ratio as Freqtrade computes it."""

import math

import pytest
from freqtrade.persistence import LocalTrade
from freqtrade.strategy import stoploss_from_absolute
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.leverage import LeverageLimit, choose_leverage
from perpkit.risk.liquidation import Position, liquidation_price
from perpkit.risk.stops import (
    EntryStop,
    StopMethod,
    break_even_price,
    clear_of_liquidation,
    stop_distance,
    stop_price,
    stop_ratio,
    stop_reached,
)
from tests.cases import cases
from tests.risk import markets

FIXED = EntryStop()
ATR = EntryStop(StopMethod.ATR, atr_multiple=2, floor=0.01, ceiling=0.05)


@pytest.mark.parametrize(
    ("rule", "atr", "expected"),
    [
        (FIXED, 3.0, 0.02),
        (FIXED, math.nan, 0.02),
        (ATR, 2.0, 0.02),
        (ATR, 0.1, 0.01),
        (ATR, 9.0, 0.05),
        (ATR, math.inf, 0.05),
        (ATR, math.nan, None),
        (ATR, 0.0, None),
        (ATR, -1.0, None),
    ],
)
def test_the_distance_at_entry(rule, atr, expected):
    assert stop_distance(rule, 200.0, atr) == expected


@pytest.mark.parametrize(("is_short", "expected"), [(False, 190), (True, 210)])
def test_the_stop_lies_on_the_losing_side(is_short, expected):
    assert stop_price(200, 0.05, is_short) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("stop", "liquidation", "is_short", "margin", "expected"),
    [
        (95, 80, False, 2, 95),
        (85, 80, False, 2, 90),
        (70, 80, False, 2, 90),
        (85, 80, False, 1, 85),
        (70, 80, False, 1, 80),
        (105, 120, True, 2, 105),
        (115, 120, True, 2, 110),
        (130, 120, True, 2, 110),
        # on a shared wallet liquidation may lie on the winning side of the entry
        (95, 104, False, 2, 104),
        (105, 96, True, 2, 96),
        (95, None, False, 2, 95),
        (105, None, True, 2, 105),
        (95, math.nan, False, 2, 95),
        (105, math.nan, True, 2, 105),
    ],
)
def test_a_stop_too_near_liquidation_moves_towards_the_entry(
    stop, liquidation, is_short, margin, expected
):
    assert clear_of_liquidation(stop, 100, liquidation, is_short, margin) == expected


@cases(500)
@given(markets.positions(), markets.distances, st.floats(1, 5))
def test_whatever_the_leverage_the_first_stop_comes_before_liquidation(case, distance, margin):
    position, stake, tiers = case
    entry, is_short = position.entry, position.is_short
    liquidation = liquidation_price(position, stake, tiers)
    wanted = stop_price(entry, distance, is_short)
    inside = markets.buffered(liquidation, entry, is_short)
    stop = clear_of_liquidation(wanted, entry, inside, is_short, margin)
    side = -1 if is_short else 1
    assert side * stop >= side * wanted
    assert side * stop >= side * inside
    if side * (entry - liquidation) > 1e-9 * entry:
        assert side * (stop - liquidation) > 0
        worth = stake + position.profit(stop)
        assert worth > tiers.maintenance(position.amount * stop)


@cases(500)
@given(
    markets.tiers, markets.stakes, markets.prices, st.floats(0, 0.3), markets.sides,
    st.floats(0, 0.2),
)  # fmt: skip
def test_the_leverage_rule_leaves_the_stop_where_it_was_wanted(
    tiers, stake, entry, atr, is_short, range_24h
):
    limit = LeverageLimit(125, liquidation_buffer=0.05)
    rule = EntryStop(StopMethod.ATR, ceiling=0.4)
    distance = stop_distance(rule, entry, atr * entry)
    if distance is None:
        return
    leverage = choose_leverage(
        limit, tiers, stake=stake, stop_distance=distance, is_short=is_short, range_24h=range_24h
    ).leverage
    if leverage is None:
        return
    position = Position(entry, stake * leverage / entry, is_short)
    inside = markets.buffered(liquidation_price(position, stake, tiers), entry, is_short)
    wanted = stop_price(entry, distance, is_short)
    stop = clear_of_liquidation(wanted, entry, inside, is_short, limit.stop_margin)
    assert stop == pytest.approx(wanted, rel=1e-9)


@cases(1000)
@given(
    st.just(0.0) | markets.prices,
    st.just(0.0) | markets.prices,
    markets.sides,
    st.floats(1, 125),
)
def test_the_ratio_is_freqtrades(stop, rate, is_short, leverage):
    theirs = stoploss_from_absolute(stop, rate, is_short, leverage)
    assert stop_ratio(stop, rate, is_short, leverage) == pytest.approx(theirs, rel=1e-12)


@cases(250)
@given(markets.prices, markets.distances, markets.sides, st.floats(1, 125), st.floats(-0.4, 0.4))
def test_freqtrade_puts_the_stop_back_where_it_was(entry, distance, is_short, leverage, move):
    stop, rate = stop_price(entry, distance, is_short), entry * (1 + move)
    ratio = stop_ratio(stop, rate, is_short, leverage)
    trade = LocalTrade(
        pair="BTC/USDT:USDT", open_rate=entry, is_short=is_short, leverage=leverage,
        amount=1.0, stake_amount=entry / leverage, fee_open=0.0, fee_close=0.0,
    )  # fmt: skip
    if stop_reached(stop, rate, is_short):
        assert ratio == pytest.approx(0, abs=1e-12)
    else:
        trade.adjust_stop_loss(rate, ratio)
        assert trade.stop_loss == pytest.approx(stop, rel=1e-9)


@pytest.mark.parametrize(
    ("stop", "rate", "is_short", "expected"),
    [
        (90, 91, False, False),
        (90, 90, False, True),
        (90, 89, False, True),
        (110, 109, True, False),
        (110, 110, True, True),
        (110, 111, True, True),
        (90, math.nan, False, False),
    ],
)
def test_when_a_stop_is_reached(stop, rate, is_short, expected):
    assert stop_reached(stop, rate, is_short) is expected


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(("fee_open", "fee_close"), [(0, 0), (0.0005, 0.0005), (0.0002, 0.0005)])
def test_break_even_covers_both_fees(is_short, fee_open, fee_close):
    trade = LocalTrade(
        pair="BTC/USDT:USDT", open_rate=250.0, is_short=is_short, leverage=3.0, amount=2.0,
        stake_amount=500 / 3, fee_open=fee_open, fee_close=fee_close, trading_mode="futures",
    )  # fmt: skip
    trade.recalc_open_trade_value()
    price = break_even_price(250.0, is_short, fee_open, fee_close)
    assert trade.calc_profit(price) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"method": "chart"}, "method must be one of fixed, atr, got 'chart'"),
        ({"distance": 0}, "distance must be a number from 0.001 to 0.5, got 0"),
        ({"distance": 0.6}, "distance"),
        ({"atr_multiple": math.nan}, "atr_multiple"),
        ({"floor": 0.2}, "floor must be a number from 0.001 to 0.1, got 0.2"),
        ({"ceiling": 0.51}, "ceiling must be a number from 0.001 to 0.5, got 0.51"),
    ],
)
def test_a_bad_entry_stop_is_named(bad, named):
    with pytest.raises(ValueError, match=named):
        EntryStop(**bad)


def test_a_method_may_be_given_by_name():
    assert stop_distance(EntryStop("atr"), 100, 1) == 0.025
