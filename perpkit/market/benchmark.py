"""The benchmark of the market, and a pair's correlation to it as a column of its candles."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import ReadingArrays, closes_of
from perpkit.market.columns import with_columns
from perpkit.market.correlation import rolling_correlation

COLUMN = "btc_correlation"
HOUR = pd.Timedelta("1h")
Floats = NDArray[np.float64]


def benchmark_pair(stake_currency: str) -> str:
    """Returns the perpetual that represents the whole market, in Freqtrade's spelling.

    >>> benchmark_pair("USDC")
    'BTC/USDC:USDC'
    """
    return f"BTC/{stake_currency}:{stake_currency}"


def with_benchmark_correlation(
    candles: pd.DataFrame, timeframe: pd.Timedelta, benchmark: pd.DataFrame
) -> pd.DataFrame:
    """Returns a copy of the candles with the column `btc_correlation`.

    It is the correlation of hourly log returns, and of returns of whole candles where these are
    longer than an hour, over the last 100 of them; a row's value is known at its close.

    :param candles: with `date` (open time, UTC) and `close`
    :param timeframe: length of a candle
    :param benchmark: 1h candles of the benchmark; an empty frame gives NaN
    """
    values = benchmark_correlation(candles, timeframe, benchmark)
    return with_columns(candles, {COLUMN: values})


def benchmark_correlation(
    candles: pd.DataFrame, timeframe: pd.Timedelta, benchmark: pd.DataFrame
) -> Floats:
    """Returns the column of `with_benchmark_correlation`, one value for every candle."""
    closes = closes_of(candles, timeframe)
    step = max(timeframe, HOUR).value
    # Longer candles may be counted from any hour: those of a week from a Monday.
    on_the_hour = closes % HOUR.value == 0
    hours = closes[on_the_hour]
    if not len(hours) or benchmark.empty:
        return np.full(len(candles), np.nan)
    grid = hours[0] + step * np.arange((hours[-1] - hours[0]) // step + 1)
    own = _returns(hours, candles["close"].to_numpy()[on_the_hour], grid)
    other = _returns(closes_of(benchmark, HOUR), benchmark["close"].to_numpy(), grid)
    values = {COLUMN: rolling_correlation(own, other)}
    return ReadingArrays.from_arrays(grid, grid + 2 * step, values).at(closes)[COLUMN]


def _returns(times: NDArray[np.int64], closes: Floats, grid: NDArray[np.int64]) -> Floats:
    """Returns the log returns from each time of the grid to the next; NaN where one has no close.

    :param times: of the closes, ascending
    """
    row = np.minimum(np.searchsorted(times, grid), len(times) - 1)
    prices = np.where(times[row] == grid, closes[row], np.nan)
    return np.diff(np.log(prices), prepend=np.nan)
