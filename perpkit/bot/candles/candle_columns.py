"""Looks up columns of the newest closed candle in a fraction of a microsecond.

Reading a DataFrame costs 30 to 60 us, and callbacks run for every open trade on every candle. Each
analysed frame is therefore converted into lists once, when they are first read, and those are read:
a running bot never reads most pairs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from math import nan

import pandas as pd

from perpkit.market.asof import nanoseconds


class CandleColumns:
    """The analysed candles of one pair.

    :param frame: Freqtrade's candles with indicators; `date` is the open time
    :param step: length of a candle
    :param columns: the columns to look up; one that the frame does not have is NaN in every row
    """

    def __init__(self, frame: pd.DataFrame, step: timedelta, columns: Sequence[str]) -> None:
        self.step = step.total_seconds()
        # As it is now: pandas copies what is written to either. Held until it is read.
        self._frame = frame.copy(deep=False)
        self._columns = columns

    @cached_property
    def _lists(self) -> tuple[list[float], dict[str, list[float]]]:
        """When the candles closed, and the values by column."""
        frame, columns = self._frame, self._columns
        closed_at: list[float] = (nanoseconds(frame["date"]) / 1e9 + self.step).tolist()
        known = [name for name in columns if name in frame]
        lists: list[list[float]] = frame[known].to_numpy(dtype=float).T.tolist()
        values = dict.fromkeys(columns, [nan] * len(frame)) | dict(zip(known, lists, strict=True))
        del self._frame
        return closed_at, values

    def row(self, now: datetime) -> int:
        """Returns the row of the newest candle closed at `now`; -1 if there is none."""
        return self.row_at(now.timestamp())

    def row_at(self, seconds: float) -> int:
        """Returns the same as `row` for a time in seconds since 1970 UTC."""
        return bisect_right(self._lists[0], seconds) - 1

    def age(self, row: int, now: datetime) -> float:
        """Returns the seconds since that candle closed; for row -1, those since 1970."""
        return now.timestamp() - self.closed_at(row)

    def closed_at(self, row: int) -> float:
        """Returns when that candle closed, in seconds since 1970 UTC; 0 for row -1.

        Remember this time rather than the row: a running bot drops its oldest candles.
        """
        return self._lists[0][row] if row >= 0 else 0.0

    def value(self, column: str, row: int) -> float:
        """Returns the value of a column in a row; NaN for row -1."""
        return self._lists[1][column][row] if row >= 0 else nan

    def at(self, column: str, now: datetime) -> float:
        """Returns the column of the newest candle closed at `now`; NaN if there is none."""
        return self.value(column, self.row(now))

    def extreme(self, high: bool, first: int, last: int) -> float:
        """Returns the highest high, or lowest low, of rows `first` to `last`; NaN without rows."""
        values = self._lists[1]["high" if high else "low"][max(first, 0) : last + 1]
        return (max if high else min)(values) if values else nan
