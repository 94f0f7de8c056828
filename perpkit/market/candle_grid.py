"""Candles on the full grid of their timeframe: a row for each, even where the candle is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_every

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


@dataclass(frozen=True)
class CandleRows:
    """Candles as arrays, in the order of time; NaN in all columns of one that contradicts itself.

    :param times: open times in nanoseconds since 1970 UTC, ascending
    :param figures: `COLUMNS` of each candle
    """

    times: NDArray[np.int64]
    figures: NDArray[np.float64]

    @classmethod
    def of(cls, candles: pd.DataFrame) -> CandleRows:
        """:param candles: with `date` (open time, UTC) and `COLUMNS`, in any order; of several with
        the same time the last one counts"""
        times = nanoseconds(candles["date"])
        # A third of the time that a frame of these columns takes.
        columns = [candles[name].to_numpy(dtype=np.float64) for name in COLUMNS]
        values = np.column_stack(columns)
        if not (np.diff(times) > 0).all():
            order = np.argsort(times, kind="stable")
            times, values = times[order], values[order]
            last = np.append(np.diff(times) > 0, True)[: len(times)]
            times, values = times[last], values[last]
        open_, high, low, close, volume = values.T
        usable = (low > 0) & (high < np.inf) & (volume >= 0)
        usable &= (np.fmin(open_, close) >= low) & (np.fmax(open_, close) <= high)
        return cls(times, np.where(usable[:, np.newaxis], values, np.nan))

    def __len__(self) -> int:
        return len(self.times)

    @property
    def newest(self) -> datetime | None:
        """When the newest candle of which every figure is known opened."""
        for row in reversed(range(len(self))):  # nearly always the last one
            if not np.isnan(self.figures[row]).any():
                return datetime.fromtimestamp(int(self.times[row]) / 10**9, UTC)
        return None

    def gapless(self, seconds: int) -> tuple[CandleGrid, NDArray[np.float64]]:
        """Returns `COLUMNS` on the full grid, NaN where a candle is missing.

        :param seconds: length of a candle
        :raises ValueError: if that is not their length
        """
        if not len(self):
            return CandleGrid(0, seconds), self.figures
        rows, beside = np.divmod(self.times - self.times[0], seconds * 10**9)
        # Candles may be missing, but at least half of them must be followed by the next one.
        steps = np.sort(np.diff(rows))
        if beside.any() or (len(rows) > 2 and steps[(len(steps) - 1) // 2] != 1):
            raise ValueError(f"candles must be of {seconds // 60} minutes")
        values = np.full((rows[-1] + 1, len(COLUMNS)), np.nan)
        values[rows] = self.figures
        return CandleGrid(int(self.times[0]) // 10**9 + seconds, seconds), values

    def laid_out(self, seconds: int) -> tuple[CandleGrid, NDArray[np.float64]]:
        """Does as `gapless` does with at least one candle, without a check of their length, for
        which a few are too few.

        :param seconds: length of a candle
        """
        rows = (self.times - self.times[0]) // (seconds * 10**9)
        values = np.full((rows[-1] + 1, self.figures.shape[1]), np.nan)
        values[rows] = self.figures
        return CandleGrid(int(self.times[0]) // 10**9 + seconds, seconds), values

    def since(self, row: int) -> CandleRows:
        """Returns the candles from a row on."""
        return CandleRows(self.times[row:], self.figures[row:])

    def first_new(self, before: CandleRows) -> int | None:
        """Returns the first row that is new or revised, `len(self)` if there is none; None where
        these candles do not continue the earlier ones."""
        if not (len(self) and len(before)):
            return None
        skipped = int(np.searchsorted(before.times, self.times[0]))
        if skipped == len(before) or before.times[skipped] != self.times[0]:
            return None
        count = min(len(before) - skipped, len(self))
        earlier = slice(skipped, skipped + count)
        other = self.times[:count] != before.times[earlier]
        # As bits, so that a missing value is equal to another one.
        bits = self.figures[:count].view(np.int64) != before.figures[earlier].view(np.int64)
        changed = np.flatnonzero(other | bits.any(axis=1))
        return int(changed[0]) if len(changed) else count


def gapless(candles: pd.DataFrame, timeframe_minutes: int) -> tuple[CandleGrid, pd.DataFrame]:
    """Returns the candles by open time, without gaps; NaN where one is missing or contradictory.

    :param candles: with `date` (open time, UTC) and `COLUMNS`, in any order
    :raises ValueError: if their length is not `timeframe_minutes`
    """
    grid, values = CandleRows.of(candles).gapless(timeframe_minutes * 60)
    first = grid.closed_at(0) - timedelta(seconds=grid.seconds)
    index = dates_every(first, timedelta(seconds=grid.seconds), len(values))
    return grid, pd.DataFrame(values, index, COLUMNS)
