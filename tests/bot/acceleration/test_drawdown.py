"""Freqtrade's MaxDrawdown decides the same whether it is asked or not."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.data.metrics import calculate_max_drawdown
from freqtrade.persistence import LocalTrade, Trade
from freqtrade.plugins.protections import max_drawdown_protection
from freqtrade.plugins.protections.max_drawdown_protection import MaxDrawdown
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration.drawdown import DRAWDOWNS, bound
from tests.bot.acceleration.conftest import both_ways, on
from tests.factories import START

pytestmark = pytest.mark.usefixtures("simulated")

PROFITS = st.one_of(
    st.floats(-0.5, 0.5),
    st.sampled_from([0.0, 0.1, -0.1, 0.05, -0.2, float("nan"), float("inf"), None]),
)
TRADES = st.lists(st.tuples(st.integers(0, 12), PROFITS), max_size=25)
MODES = ("ratios", "equity")


def at(hours: float):
    return START + timedelta(hours=hours)


def close(trades, start: float = 100.0) -> None:
    Trade.reset_trades()
    for number, (hour, profit) in enumerate(sorted(trades, key=lambda each: each[0])):
        trade = LocalTrade(
            id=number, pair="BTC/USDT:USDT", open_rate=1.0, amount=1.0, stake_amount=1.0,
            open_date=START, fee_open=0.0, fee_close=0.0, is_open=True,
        )  # fmt: skip
        LocalTrade.add_bt_trade(trade)
        trade.close_date, trade.close_profit = at(hour), profit
        trade.close_profit_abs = 0.0 if profit is None else profit * start
        LocalTrade.close_bt_trade(trade)


def protection(mode: str, allowed: float, trade_limit: int = 1) -> MaxDrawdown:
    settings = {
        "lookback_period": 60 * 8,
        "stop_duration": 60,
        "trade_limit": trade_limit,
        "max_allowed_drawdown": allowed,
        "calculation_mode": mode,
    }
    return MaxDrawdown({"timeframe": "1h"}, settings)


@pytest.mark.parametrize("mode", MODES)
@given(
    trades=TRADES,
    allowed=st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 1.0]),
    start=st.sampled_from([0.0, 50.0, 100.0, 1000.0]),
    limit=st.integers(0, 3),
)
def test_its_decisions_are_those_of_stock(mode, trades, allowed, start, limit):
    def run():
        close(trades)
        found = []
        for hour in range(0, 21, 2):
            try:
                found.append(protection(mode, allowed, limit).global_stop(at(hour), "long", start))
            except Exception as error:  # stock fails on a profit of None among numbers
                found.append(repr(error))
        return found

    stock, accelerated = both_ways(DRAWDOWNS, run)
    assert repr(accelerated) == repr(stock)  # nan is not equal to itself


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-0.5, 0.5)), min_size=1, max_size=40))
def test_a_bound_is_never_below_the_drawdown(trades):
    close(trades)
    closed = LocalTrade.bt_trades
    frame = pd.DataFrame([{"close_date": t.close_date, "profit": t.close_profit} for t in closed])
    stock = calculate_max_drawdown(frame, value_col="profit").drawdown_abs
    assert bound(closed, "close_profit", None) >= stock
    if len({hour for hour, _ in trades}) == len(trades):  # each at its own time
        assert bound(closed, "close_profit", None) == pytest.approx(stock, abs=1e-7)


@pytest.mark.parametrize("mode", MODES)
def test_pandas_is_not_asked_below_what_is_allowed(mode, monkeypatch):
    close([(hour, 0.01) for hour in range(1, 6)] + [(6, -0.02)])
    with on(DRAWDOWNS):
        monkeypatch.setattr(max_drawdown_protection, "pd", None)
        assert protection(mode, 0.1).global_stop(at(7), "long", 100.0) is None
        with pytest.raises(AttributeError):
            protection(mode, 0.001).global_stop(at(7), "long", 100.0)
