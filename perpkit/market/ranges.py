"""How far prices range: the day's range, the true range, and the volatility of an hour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib

DAY = pd.Timedelta("1D")
HOUR = pd.Timedelta("1h")
ATR_PERIOD = 14


def with_ranges(candles: pd.DataFrame, timeframe: pd.Timedelta, sar: bool = False) -> pd.DataFrame:
    """A copy of the candles with what leverage, stops and sizes look at; NaN while unknown.

    :param candles: `high`, `low`, `close`
    :param sar: whether to add `sar`, too, whose value depends on where the candles begin
    :return: `range_24h` (highest high less lowest low, over the close), `atr` (Wilder's average
        true range over 14 candles, in price), `vol_1h` (standard deviation of one-hour returns over
        the last day, a fraction, by Parkinson (1980)), `sar` (Wilder's parabolic, in price)
    """
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
