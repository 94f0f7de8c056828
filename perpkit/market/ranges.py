"""Price ranges: the range of 24 hours, the average true range and the one-hour volatility."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = pd.Timedelta("1D")
HOUR = pd.Timedelta("1h")
ATR_PERIOD = 14


def with_ranges(candles: pd.DataFrame, timeframe: pd.Timedelta, sar: bool = False) -> pd.DataFrame:
    """Returns a copy of the candles with the columns that leverage, stops and sizes use.

    :param candles: with `high`, `low`, `close`
    :param timeframe: length of a candle
    :param sar: whether to add `sar`, whose value depends on where the candles begin
    :return: with `range_24h` (highest high less lowest low, over the close), `atr` (Wilder's
        average true range over 14 candles, in price), `vol_1h` (standard deviation of one-hour
        returns over the last day, a fraction, by Parkinson (1980)) and `sar` (Wilder's parabolic
        SAR, in price); NaN while unknown
    """
    import talib  # only here: it takes as long to import as all of the risk layer

    high, low, close = (np.asarray(candles[n], dtype=np.float64) for n in ("high", "low", "close"))
    day = max(1, DAY // timeframe)
    highest, lowest = (candles[n].rolling(day) for n in ("high", "low"))
    hourly = pd.Series(np.log(high / low) ** 2 / (4 * np.log(2)) * (HOUR / timeframe))
    columns = {
        "range_24h": (highest.max() - lowest.min()) / close,
        "atr": talib.ATR(high, low, close, timeperiod=ATR_PERIOD),
        "vol_1h": np.sqrt(hourly.rolling(day).mean()).to_numpy(),
    }
    if sar:
        columns["sar"] = talib.SAR(high, low)
    return candles.assign(**columns)
