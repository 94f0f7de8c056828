"""Tick sizes: counted as Freqtrade prints prices, and found as it looks them up."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.exchange.exchange import TICK_SIZE
from freqtrade.optimize.backtesting import Backtesting

from perpkit.bot.acceleration import ticks
from tests import factories
from tests.factories import START


def frame(prices):
    dates = pd.date_range(START, periods=len(prices), freq="9D")
    return pd.DataFrame({"date": dates} | dict.fromkeys(("open", "high", "low", "close"), prices))


def both(candles):
    mine, stock = candles.copy(), candles.copy()
    ours, theirs = ticks.tick_sizes(mine), ticks._stock_ticks(stock)
    pd.testing.assert_frame_equal(mine, stock)
    pd.testing.assert_series_equal(ours, theirs)
    return theirs


@pytest.mark.parametrize(
    "candles",
    [
        frame([1.5, 2.25, 3.125, 1.0]),
        frame([1.0, 2.0]),
        frame([1.5, 1.5, 1.5]),
        frame([0.1 + 0.2, 1 / 3]),
        frame([1.5, np.nan, 2.125]),
        frame([1, 2, 3]),  # integers
        factories.candles(400, seed=3),
    ],
    ids=["decimals", "none", "one", "long", "missing", "integers", "candles"],
)
def test_the_tick_sizes_of_months_are_freqtrades(candles):
    both(candles)


@pytest.mark.parametrize(
    "series",
    [
        both(frame([1.5, 2.25, 3.0, 3.0, 4.0, 1.25, 1.5, 1.125] * 3)),
        pd.Series([np.nan, 0.1, np.nan, 0.001], pd.date_range(START, periods=4, freq="MS")),
        None,
    ],
    ids=["months", "missing months", "no candles"],
)
def test_the_tick_size_at_a_time_is_freqtrades(series):
    backtest = Backtesting.__new__(Backtesting)
    backtest.price_pair_prec = {"BTC/USDT:USDT": series} if series is not None else {}
    backtest.precision_mode_price = 2

    class Exchange:
        def get_precision_price(self, pair):
            return 0.5

        def close(self): ...

    backtest.exchange = Exchange()
    months = [] if series is None else [each.to_pydatetime() for each in series.index]
    for time in [*months, *(START + timedelta(days=days) for days in range(-40, 240, 7))]:
        for more in (timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1)):
            given = "BTC/USDT:USDT", time + more
            ours, stock = (
                function(backtest, *given)
                for function in (ticks.pair_precision, ticks._stock_precision)
            )
            assert ours == stock
            assert type(ours[0]) is type(stock[0])
            assert stock[1] in (2, TICK_SIZE)
