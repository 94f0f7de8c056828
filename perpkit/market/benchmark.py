"""The benchmark of the market, and a pair's correlation to it as a column of its candles."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import join_known, nanoseconds
from perpkit.market.correlation import rolling_correlation
from perpkit.market.times import dates_every, dates_of, shifted

COLUMN = "btc_correlation"
HOUR = pd.Timedelta("1h")


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
    close_at = shifted(dates_of(candles["date"]), timeframe)
    step = max(timeframe, HOUR)
    # Longer candles may be counted from any hour: those of a week from a Monday.
    on_the_hour = nanoseconds(close_at) % HOUR.value == 0
    hours = close_at[on_the_hour]
    if not len(hours) or benchmark.empty:
        return candles.assign(**{COLUMN: np.nan})
    grid = dates_every(hours[0], step, (hours[-1] - hours[0]) // step + 1)
    own = _returns(pd.Series(candles["close"].to_numpy()[on_the_hour], hours), grid)
    other_close = shifted(dates_of(benchmark["date"]), HOUR)
    other = _returns(pd.Series(benchmark["close"].to_numpy(), other_close), grid)
    readings = pd.DataFrame(
        {
            "known_at": grid,
            "stale_at": shifted(grid, 2 * step),
            COLUMN: rolling_correlation(own, other),
        }
    )
    return join_known(candles, timeframe, readings, [COLUMN])


def _returns(closes: pd.Series, grid: pd.DatetimeIndex) -> NDArray[np.float64]:
    prices = closes.reindex(grid).to_numpy(dtype=np.float64)
    return np.diff(np.log(prices), prepend=np.nan)
