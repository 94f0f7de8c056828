"""Funding that is continued from candle to candle: what Freqtrade adds up at each of them."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade, Order
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import funding
from tests.cases import cases
from tests.factories import START

PAIR = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)
STOCK = Backtesting._run_funding_fees


class OtherExchange(Exchange):
    def calculate_funding_fees(self, *args, **kwargs):
        return 12.5


def rates(hours=240, step=8, seed=1, missing=(), unknown=(), late=timedelta(0)):
    """As Freqtrade combines them: no row where mark or funding is missing."""
    random = np.random.default_rng(seed)
    at = [h for h in range(0, hours, step) if h not in missing]
    dates = pd.to_datetime([START + h * HOUR for h in at], utc=True).as_unit("ms")
    fund, mark = random.normal(0, 1e-4, len(at)), random.uniform(100, 40_000, len(at))
    fund[[row for row in unknown if row < len(at)]] = math.nan
    frame = pd.DataFrame({"date": dates + late, "open_mark": mark, "open_fund": fund})
    add = getattr(Exchange, "_add_funding_columns", lambda each: each)  # Freqtrade 2026.9 has it
    return add(frame)


def made(frame):
    found = Backtesting.__new__(Backtesting)
    found.trading_mode, found.funding_fee_timeframe_secs = TradingMode.FUTURES, 3600
    found.exchange, found.futures_data = Exchange.__new__(Exchange), {PAIR: frame}
    found.exchange.close = lambda: None
    return found


def opened(is_short=False, amount=0.123, at=START):
    trade = LocalTrade(
        id=1, pair=PAIR, amount=amount, open_rate=1.0, open_date=at, fee_open=0.0, fee_close=0.0,
        is_short=is_short, leverage=1.0, trading_mode=TradingMode.FUTURES,
    )  # fmt: skip
    trade.orders.append(order(trade, trade.entry_side, at))
    return trade


def order(trade, side, at, fee=None):
    return Order(
        ft_order_side=side, side=side, ft_pair=PAIR, ft_is_open=False, status="closed",
        amount=1.0, filled=1.0, order_date=at, order_filled_date=at, funding_fee=fee,
    )  # fmt: skip


def run_both(backtests, trades, at, force):
    for run, backtest, trade in zip(
        (STOCK, funding.run_funding_fees), backtests, trades, strict=True
    ):
        run(backtest, trade, at, force)


def seen(trade):
    return repr((trade.funding_fees, trade.funding_fee_running))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([5, 30, 60, 60, 60, 480, 1000]),  # minutes later
        st.sampled_from(["candle", "candle", "candle", "fill", "sold", "cancelled", "reset"]),
        st.floats(1e-6, 1e6),
    ),
    max_size=60,
)


@cases(100)
@given(
    EVENTS,
    st.booleans(),
    st.integers(0, 30),
    st.sampled_from([1, 8]),
    st.sets(st.integers(0, 60)),
    st.sampled_from(["", "nan", "ms", "empty"]),
)
def test_it_is_what_freqtrade_adds_up(events, is_short, began, step, missing, kind):
    frame = {
        "": lambda: rates(step=step, missing=missing),
        "nan": lambda: rates(step=step, unknown=missing),
        "ms": lambda: rates(step=step, late=timedelta(milliseconds=3)),
        "empty": lambda: rates()[:0],
    }[kind]()
    at = START + began * HOUR
    backtests = made(frame), made(frame)
    trades = opened(is_short, at=at), opened(is_short, at=at)
    for minutes, event, amount in events:
        at += timedelta(minutes=minutes)
        for trade in trades:
            if event == "fill":
                trade.orders.append(order(trade, trade.entry_side, at, trade.funding_fee_running))
            if event == "cancelled" and len(trade.orders) > 1:
                del trade.orders[-1]
            if event == "sold":
                trade.amount = amount
            if event == "reset":  # as recalc_trade_from_orders does
                trade.funding_fees = 0.0
        run_both(backtests, trades, at, event == "fill")
        assert seen(trades[0]) == seen(trades[1])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trading_mode": TradingMode.SPOT}, "spot has none"),
        ({"exchange": OtherExchange.__new__(OtherExchange)}, "an exchange has a rule of its own"),
    ],
)
def test_what_is_left_to_freqtrade(change, why):
    backtests, trades = (made(rates()), made(rates())), (opened(), opened())
    for backtest in backtests:
        vars(backtest).update(change)
        backtest.exchange.close = lambda: None
    run_both(backtests, trades, START + 24 * HOUR, True)
    assert seen(trades[0]) == seen(trades[1])
    assert trades[1].funding_fees == (12.5 if "exchange" in change else None), why


def test_the_candles_of_another_run_are_not_those_of_this_one():
    backtest, stock, trades = made(rates()), made(rates()), (opened(), opened())
    run_both((stock, backtest), trades, START + 24 * HOUR, True)
    stock.futures_data = backtest.futures_data = {PAIR: rates(seed=2)}
    run_both((stock, backtest), trades, START + 25 * HOUR, False)
    assert seen(trades[0]) == seen(trades[1])


def test_a_time_before_the_last_one_is_counted_by_itself():
    backtests, trades = (made(rates()), made(rates())), (opened(), opened())
    for hours in (30, 20, 40):
        run_both(backtests, trades, START + hours * HOUR, False)
        assert seen(trades[0]) == seen(trades[1])
