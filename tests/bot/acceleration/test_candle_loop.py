"""Exits that are ruled out quickly: the same answer as Freqtrade's, and the same trade after it."""

from __future__ import annotations

import pytest
from freqtrade.enums import RunMode, TradingMode
from freqtrade.persistence import LocalTrade
from freqtrade.strategy.interface import IStrategy
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import candle_loop
from tests.cases import cases
from tests.factories import START

STOCK = IStrategy.should_exit


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
        open_date=START, fee_open=0.0005, fee_close=0.0005, is_short=short, leverage=2.0,
        trading_mode=TradingMode.FUTURES, price_precision=0.1, precision_mode_price=4,
    )  # fmt: skip
    if draw(st.booleans()):
        found.adjust_stop_loss(100.0, -0.1, initial=True)
    found.stop_loss = draw(LEVELS) or found.stop_loss
    found.liquidation_price = draw(LEVELS)
    return found


def outcome(function, strategy, trade, candle, signals):
    low, rate, high = candle
    try:
        exits = function(strategy, trade, rate, START, low=low, high=high, **signals)
    except TypeError as error:
        return repr(error)
    return [(each.exit_type, each.exit_reason) for each in exits], sorted(vars(trade).items())


@cases(300)
@given(
    st.sampled_from(KINDS),
    OPTIONS,
    trades(),
    st.lists(st.floats(80, 120), min_size=3, max_size=3).map(sorted),
    st.fixed_dictionaries({"enter": st.booleans(), "exit_": st.booleans()}),
    st.sampled_from([0, 0, 0, -0.05]),
)
def test_an_exit_is_ruled_out_only_where_freqtrade_has_none(
    kind, options, trade, candle, signals, forced
):
    strategy = kind({"runmode": RunMode.BACKTEST, "dry_run": True})
    vars(strategy).update(options)
    signals["force_stoploss"] = forced
    other = LocalTrade.__new__(LocalTrade)
    vars(other).update(vars(trade))
    ours = outcome(candle_loop.should_exit, strategy, trade, candle, signals)
    assert ours == outcome(STOCK, strategy, other, candle, signals)


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.__name__)
def test_a_strategy_that_decides_by_itself_is_asked(kind):
    strategy = kind({"runmode": RunMode.BACKTEST})
    assert not candle_loop._has_only_stop_and_target(strategy)
    assert candle_loop._has_only_stop_and_target(Plain({"runmode": RunMode.BACKTEST}))


def test_a_callback_of_the_object_counts_as_its_own():
    strategy = Plain({"runmode": RunMode.BACKTEST})
    strategy.custom_exit = lambda **_: "soon"
    assert not candle_loop._has_only_stop_and_target(strategy)
