"""Candles on the full grid of their timeframe: a row for each, even where the candle is missing."""

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
    """The closing times of the rows of a gapless frame of candles.

    :param first_close: close of row 0, in seconds since 1970-01-01 00:00 UTC
    :param seconds: length of a candle
    """

    first_close: int
    seconds: int

    def row_at(self, now: datetime) -> int:
        """Returns the row of the newest candle closed by `now`; negative before the first.

        :raises ValueError: for a naive time, which would be read in the machine's own zone

        >>> grid = CandleGrid(first_close=3600, seconds=3600)
        >>> grid.row_at(datetime(1970, 1, 1, 3, 30, tzinfo=UTC))
        2
        """
        if now.tzinfo is None:
            raise ValueError(f"now must carry its time zone, got {now.isoformat()}")
        return int((now.timestamp() - self.first_close) // self.seconds)

    def closed_at(self, row: int) -> datetime:
        return datetime.fromtimestamp(self.first_close + row * self.seconds, UTC)


def gapless(candles: pd.DataFrame, timeframe_minutes: int) -> tuple[CandleGrid, pd.DataFrame]:
    """Returns the candles by open time, without gaps; NaN where one is missing or contradictory.

    :param candles: with `date` (open time, UTC) and `COLUMNS`, in any order
    :raises ValueError: if their length is not `timeframe_minutes`
    """
    candle = pd.Timedelta(minutes=timeframe_minutes)
    times, values = _ascending(candles)
    if not len(times):
        index = pd.DatetimeIndex(candles["date"])
        return CandleGrid(0, timeframe_minutes * 60), pd.DataFrame(values, index, COLUMNS)
    rows, beside = np.divmod(times - times[0], candle.value)
    # Candles may be missing, but at least half of them must be followed by the next one.
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
    """Returns the open times in nanoseconds and `COLUMNS`, NaN where a candle contradicts itself.

    Of several candles with the same time the last one counts.
    """
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
