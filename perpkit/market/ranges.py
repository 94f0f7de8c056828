"""Price ranges: the range of 24 hours, the average true range and the one-hour volatility."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.columns import with_columns
from perpkit.market.windows import highest, lowest

DAY = pd.Timedelta("1D")
HOUR = pd.Timedelta("1h")
ATR_PERIOD = 14


def with_ranges(candles: pd.DataFrame, timeframe: pd.Timedelta, sar: bool = False) -> pd.DataFrame:
    """Returns a copy of the candles with the columns of `ranges`."""
    return with_columns(candles, ranges(candles, timeframe, sar))


def ranges(
    candles: pd.DataFrame, timeframe: pd.Timedelta, sar: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Returns the columns that leverage, stops and sizes use, one value for every candle.

    :param candles: with `high`, `low`, `close`
    :param timeframe: length of a candle
    :param sar: whether to add `sar`, whose value depends on where the candles begin
    :return: `range_24h` (highest high less lowest low, over the close), `atr` (Wilder's
        average true range over 14 candles, in price), `vol_1h` (standard deviation of one-hour
        returns over the last day, a fraction, by Parkinson (1980)) and `sar` (Wilder's parabolic
        SAR, in price); NaN while unknown
    """
    import talib  # only here: it takes as long to import as all of the risk layer

    high, low, close = (np.asarray(candles[n], dtype=np.float64) for n in ("high", "low", "close"))
    day = max(1, DAY // timeframe)
    hourly = pd.Series(np.log(high / low) ** 2 / (4 * np.log(2)) * (HOUR / timeframe))
    columns = {
        "range_24h": _range(high, low, day) / close,
        "atr": talib.ATR(high, low, close, timeperiod=ATR_PERIOD),
        "vol_1h": np.sqrt(hourly.rolling(day).mean()).to_numpy(),
    }
    if sar:
        columns["sar"] = talib.SAR(high, low)
    return columns


def _range(high: NDArray[np.float64], low: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Returns the highest high less the lowest low of `count` candles; NaN until all are known."""
    found = highest(high, count) - lowest(low, count)
    found[: count - 1] = np.nan
    return found
