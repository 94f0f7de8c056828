"""Exits that are ruled out quickly: the same answer as Freqtrade's, and the same trade after it."""

from __future__ import annotations

import pandas as pd
import pytest
from freqtrade.enums import RunMode, TradingMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade
from freqtrade.strategy.interface import IStrategy
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import candle_loop
from perpkit.bot.acceleration.stays import STAYS, is_below
from tests.bot.acceleration.conftest import on
from tests.cases import cases
from tests.factories import START

STOCK = Backtesting._check_trade_exit


@pytest.fixture(autouse=True)
def part_is_on():
    with on(candle_loop.CANDLES):
        yield


class Plain(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {0: 0.05}
    exit_profit_offset = 0.02

    def populate_indicators(self, dataframe, metadata):
        return dataframe


class Deciding(Plain):
    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "soon" if current_profit > 0.01 else None


class Ratcheting(Plain):
    use_custom_stoploss = True

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return -0.03


class OwnTargets(Plain):
    use_custom_roi = True

    def custom_roi(self, pair, trade, current_time, trade_duration, entry_tag, side, **kwargs):
        return 0.001


class OwnStop(Plain):
    def ft_stoploss_reached(self, *args, **kwargs):
        return super().ft_stoploss_reached(*args, **kwargs)


KINDS = [Plain, Deciding, Ratcheting, OwnTargets, OwnStop]
OPTIONS = st.fixed_dictionaries(
    {
        "trailing_stop": st.booleans(),
        "trailing_only_offset_is_reached": st.booleans(),
        "trailing_stop_positive": st.sampled_from([None, 0.02]),
        "trailing_stop_positive_offset": st.sampled_from([0.0, 0.03, 0.2]),
        "minimal_roi": st.sampled_from([{}, {0: 0.05}, {0: 0.1, 60: 0.0}, {60: -1}, {0: None}]),
        "use_exit_signal": st.booleans(),
        "ignore_roi_if_entry_signal": st.booleans(),
        "exit_profit_only": st.booleans(),
    }
)
LEVELS = st.one_of(st.none(), st.just(0.0), st.floats(80, 120))


@st.composite
def trades(draw):
    short = draw(st.booleans())
    found = LocalTrade(
        id=1, pair="BTC/USDT:USDT", amount=1.0, open_rate=100.0, stake_amount=100.0,
        open_date=START, fee_open=0.0005, fee_close=0.0005, is_short=short,
        leverage=draw(st.sampled_from([1.0, 2.0, 50.0])),
        trading_mode=TradingMode.FUTURES, price_precision=0.1, precision_mode_price=4,
    )  # fmt: skip
    if draw(st.booleans()):
        found.adjust_stop_loss(100.0, -0.1, initial=True)
    found.stop_loss = draw(LEVELS) or found.stop_loss
    found.liquidation_price = draw(LEVELS)
    found.funding_fees = draw(st.sampled_from([None, 0, 0.7, -1.3]))
    return found


def outcome(check, strategy, trade, row):
    asked = []
    testing = Backtesting.__new__(Backtesting)
    testing.strategy = strategy
    testing._run_funding_fees = lambda *_: None
    testing._get_exit_for_signal = lambda _trade, _row, each, _time: asked.append(each)
    try:
        assert check(testing, trade, row, START) is None
    except TypeError as error:
        return repr(error)
    return [(each.exit_type, each.exit_reason) for each in asked], sorted(vars(trade).items())


@cases(400)
@given(
    st.sampled_from([Plain, *KINDS]),
    OPTIONS,
    trades(),
    st.lists(st.floats(80, 120), min_size=4, max_size=4).map(sorted),
    st.lists(st.sampled_from([0, 1]), min_size=4, max_size=4),
)
def test_an_exit_is_ruled_out_only_where_freqtrade_has_none(kind, options, trade, prices, signals):
    strategy = kind({"runmode": RunMode.BACKTEST, "dry_run": True})
    vars(strategy).update(options)
    low, opened, close, high = prices
    row = (pd.Timestamp(START), opened, high, low, close, *signals, None, None)
    other = LocalTrade.__new__(LocalTrade)
    vars(other).update(vars(trade))
    ours = outcome(candle_loop.check_trade_exit, strategy, trade, row)
    assert ours == outcome(STOCK, strategy, other, row)


@pytest.mark.parametrize("rate", [104.9, 105.0, 105.1, 105.15, 105.2, 110.0])
@pytest.mark.parametrize("short", [True, False])
def test_a_priceis_below_the_target_only_if_freqtrade_says_so(rate, short):
    trade = LocalTrade(
        amount=1.0, open_rate=100.0, open_date=START, fee_open=0.0005, fee_close=0.0005,
        is_short=short, leverage=3.0, trading_mode=TradingMode.FUTURES,
    )  # fmt: skip
    rate = 200 - rate if short else rate
    profit = trade.calc_profit_ratio(rate)
    assert is_below(trade, rate, profit + 1e-5)
    for target in (profit, profit - 1e-8, profit + 1e-8, profit - 1e-5):
        assert not is_below(trade, rate, target)


@pytest.mark.parametrize(("rate", "below"), [(100.99, True), (101.0, False), (101.01, False)])
def test_a_price_on_the_target_is_not_below_it_in_a_spot_market(rate, below):
    """Freqtrade moves a trailing stop whose offset is reached exactly."""
    trade = LocalTrade(
        amount=1.0, open_rate=100.0, open_date=START, fee_open=0.0, fee_close=0.0,
        is_short=False, leverage=1.0, trading_mode=TradingMode.SPOT,
    )  # fmt: skip
    assert is_below(trade, rate, 0.01) is below


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.__name__)
def test_a_strategy_that_decides_by_itself_is_asked(kind):
    strategy = kind({"runmode": RunMode.BACKTEST})
    assert not candle_loop.has_only_stop_and_target(strategy)
    assert candle_loop.has_only_stop_and_target(Plain({"runmode": RunMode.BACKTEST}))


def test_a_callback_of_the_object_counts_as_its_own():
    strategy = Plain({"runmode": RunMode.BACKTEST})
    strategy.custom_exit = lambda **_: "soon"
    assert not candle_loop.has_only_stop_and_target(strategy)


def held(**changed):
    """A trade at 100 with its stop at 90 and its target above 110, and what differs of it."""
    found = LocalTrade(
        amount=1.0, open_rate=100.0, open_date=START, fee_open=0.0, fee_close=0.0, is_short=False,
        leverage=1.0, trading_mode=TradingMode.FUTURES, stop_loss=90.0,
    )  # fmt: skip
    vars(found).update(changed)
    return found


SHORT = {"is_short": True, "stop_loss": 110.0}
TRAILING = {"trailing_stop": True, "trailing_only_offset_is_reached": True}


@pytest.mark.parametrize(
    ("trade", "strategy", "candle", "stays"),
    [
        ({}, {}, {}, True),
        (SHORT, {}, {}, True),
        ({}, {}, {"low": 90.0}, False),
        (SHORT, {}, {"high": 110.0}, False),
        (SHORT, {}, {"low": 89.0}, False),
        ({}, {}, {"high": 111.0}, False),
        ({"liquidation_price": 95.0}, {}, {}, False),
        ({"liquidation_price": 94.0}, {}, {}, True),
        ({**SHORT, "liquidation_price": 105.0}, {}, {}, False),
        ({"stop_loss": 0.0}, {}, {}, False),
        ({}, {}, {"exit_": 1}, False),
        ({}, {}, {"exit_": 1, "enter": 1}, True),
        ({}, {}, {"low": 0.0}, False),
        ({}, {"minimal_roi": {0: 0.2, 60: 0.04}}, {}, False),
        ({}, {"minimal_roi": {0: 0.2, 60: 0.06}}, {}, True),
        ({}, {"minimal_roi": {}}, {"high": 500.0}, True),
        ({"funding_fees": 6.0}, {}, {}, False),
        ({"leverage": 3.0}, {}, {}, False),
        ({}, {"trailing_stop": True, "trailing_only_offset_is_reached": False}, {}, False),
        ({}, {**TRAILING, "trailing_stop_positive_offset": 0.04}, {}, False),
        ({}, {**TRAILING, "trailing_stop_positive_offset": 0.06}, {}, True),
        ({}, {"use_custom_stoploss": True}, {}, False),
        ({}, {"use_custom_roi": True}, {}, False),
    ],
)
def test_when_a_trade_certainly_stays(trade, strategy, candle, stays):
    plain = Plain({"runmode": RunMode.BACKTEST})
    vars(plain).update({"minimal_roi": {0: 0.1}} | strategy)
    assert candle_loop._stays(plain, held(**trade), row(**candle)) is stays


def test_where_the_part_is_off_freqtrade_decides():
    """A patch that was laid around `check_trade_exit` goes on calling it."""
    plain = Plain({"runmode": RunMode.BACKTEST})
    plain.minimal_roi = {0: 0.1}
    assert candle_loop._stays(plain, held(), row())
    candle_loop.CANDLES.switch_off()
    assert not candle_loop._stays(plain, held(), row())


def row(*, enter=0, exit_=0, low=95.0, high=105.0):
    return pd.Timestamp(START), 100.0, high, low, 100.0, enter, exit_, enter, exit_, None, None


@pytest.mark.parametrize("stays", [True, False])
def test_a_strategy_can_know_itself_that_a_trade_stays(stays):
    asked = []

    def knows(*given):
        asked.append(given[1:])
        return stays

    strategy = Deciding({"runmode": RunMode.BACKTEST})
    setattr(strategy, STAYS, knows)
    assert candle_loop._stays(strategy, held(), row()) is stays
    assert candle_loop._stays(strategy, held(**SHORT), row()) is stays
    assert asked == [(START, 100.0, 105.0), (START, 100.0, 95.0)]
    for candle in ({"low": 90.0}, {"exit_": 1}, {"low": 0.0}):
        assert not candle_loop._stays(strategy, held(), row(**candle))
    assert len(asked) == 2
