"""Candles on the full grid of their timeframe: a row for each, whether it is there or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds

COLUMNS = ["open", "high", "low", "close", "volume"]


@dataclass(frozen=True)
class CandleGrid:
    """When the rows of a gapless frame of candles close.

    :param first_close: of row 0, in seconds since 1970-01-01 00:00 UTC
    :param seconds: length of a candle
    """

    first_close: int
    seconds: int

    def row_at(self, now: datetime) -> int:
        """The newest candle closed at or before `now`; negative before the first.

        :raises ValueError: for a naive time, which would be read in the machine's own zone
        """
        if now.tzinfo is None:
            raise ValueError(f"now must carry its time zone, got {now.isoformat()}")
        return int((now.timestamp() - self.first_close) // self.seconds)

    def closed_at(self, row: int) -> datetime:
        return datetime.fromtimestamp(self.first_close + row * self.seconds, UTC)


def gapless(candles: pd.DataFrame, timeframe_minutes: int) -> tuple[CandleGrid, pd.DataFrame]:
    """The candles by open time, a row for each; NaN where one is missing or contradictory.

    :raises ValueError: if they are not of `timeframe_minutes`
    """
    candle = pd.Timedelta(minutes=timeframe_minutes)
    times, values = _ascending(candles)
    if not len(times):
        index = pd.DatetimeIndex(candles["date"])
        return CandleGrid(0, timeframe_minutes * 60), pd.DataFrame(values, index, COLUMNS)
    rows, beside = np.divmod(times - times[0], candle.value)
    # Candles may be missing, but after half of them, at least, the next one follows.
    steps = np.sort(np.diff(times))
    if beside.any() or (len(times) > 2 and steps[(len(steps) - 1) // 2] != candle.value):
        raise ValueError(f"candles must be of {timeframe_minutes} minutes")
    gapless = np.full((rows[-1] + 1, len(COLUMNS)), np.nan)
    gapless[rows] = values
    first = pd.Timestamp(times[0], tz="UTC")
    index = pd.date_range(first, periods=len(gapless), freq=candle)
    first_close = int((first + candle).timestamp())
    return CandleGrid(first_close, timeframe_minutes * 60), pd.DataFrame(gapless, index, COLUMNS)


def _ascending(candles: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Open times in nanoseconds, each once, the last one given; and `COLUMNS`, NaN where a candle
    contradicts itself."""
    times, values = nanoseconds(candles["date"]), candles[COLUMNS].to_numpy(dtype=np.float64)
    if not (np.diff(times) > 0).all():
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        last = np.append(np.diff(times) > 0, True)[: len(times)]
        times, values = times[last], values[last]
    open_, high, low, close, volume = values.T
    usable = (low > 0) & (high < np.inf) & (volume >= 0)
    usable &= (np.fmin(open_, close) >= low) & (np.fmax(open_, close) <= high)
    return times, np.where(usable[:, np.newaxis], values, np.nan)
