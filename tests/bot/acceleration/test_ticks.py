"""Tick sizes: counted as Freqtrade prints prices, and found as it looks them up."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.exchange.exchange import TICK_SIZE
from freqtrade.optimize.backtesting import Backtesting
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import ticks
from tests import factories
from tests.cases import cases
from tests.factories import START

PRICES = st.one_of(
    st.tuples(st.integers(1, 10**7), st.integers(0, 8)).map(lambda each: each[0] / 10 ** each[1]),
    st.floats(1e-12, 1e16),
    st.sampled_from([1.0, 1000.0, 999.9999999999999, 0.1, 1e-9, 1e13, 1e14, 0.0, 5e-324, np.nan]),
    # Whose fourteenth digit is between two.
    st.integers(10**13, 10**14 - 1).map(lambda each: (each + 0.5) / 10**9),
)


def frame(prices):
    dates = pd.date_range(START, periods=len(prices), freq="9D")
    return pd.DataFrame({"date": dates} | dict.fromkeys(("open", "high", "low", "close"), prices))


def both(candles):
    mine, stock = candles.copy(), candles.copy()
    ours, theirs = ticks.tick_sizes(mine), ticks._stock_ticks(stock)
    pd.testing.assert_frame_equal(mine, stock)
    pd.testing.assert_series_equal(ours, theirs)
    return theirs


@cases(200)
@given(st.lists(PRICES, min_size=1, max_size=30))
def test_prices_have_the_decimals_that_freqtrade_prints(prices):
    printed = [ticks._printed(price) for price in prices]
    np.testing.assert_array_equal(ticks.decimals(np.array(prices)), printed)


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
    for days in range(-40, 240, 7):
        for more in (timedelta(0), timedelta(microseconds=1)):
            given = "BTC/USDT:USDT", START + timedelta(days=days) + more
            ours, stock = (
                function(backtest, *given)
                for function in (ticks.pair_precision, ticks._stock_precision)
            )
            assert ours == stock
            assert type(ours[0]) is type(stock[0])
            assert stock[1] in (2, TICK_SIZE)
