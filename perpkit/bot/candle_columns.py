"""Columns of the newest closed candle, looked up in a fraction of a microsecond.

Reading a DataFrame costs 30 to 60 us, and callbacks run for every open trade on every candle. The
base strategy hands each analysed frame over once, and looks up lists.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import nan

import pandas as pd

from perpkit.market.asof import nanoseconds


class CandleColumns:
    """The analysed candles of one pair.

    :param frame: Freqtrade's candles with indicators; `date` is the open time
    :param columns: that can be looked up; one that the frame does not have is NaN throughout
    """

    def __init__(self, frame: pd.DataFrame, step: timedelta, columns: Sequence[str]) -> None:
        self._closed_at = (nanoseconds(frame["date"]) / 1e9 + step.total_seconds()).tolist()
        unknown = [nan] * len(frame)
        self._values: dict[str, list[float]] = {
            name: frame[name].astype(float).tolist() if name in frame else unknown
            for name in columns
        }

    def row(self, now: datetime) -> int:
        """Row of the candle that has closed last at `now`; -1 when there is none."""
        return bisect_right(self._closed_at, now.timestamp()) - 1

    def age(self, row: int, now: datetime) -> float:
        """Seconds since that candle closed."""
        return now.timestamp() - self._closed_at[row]

    def value(self, column: str, row: int) -> float:
        """NaN for row -1."""
        return self._values[column][row] if row >= 0 else nan

    def at(self, column: str, now: datetime) -> float:
        """Of the candle that has closed last at `now`; NaN when there is none."""
        return self.value(column, self.row(now))

    def extreme(self, high: bool, first: int, last: int) -> float:
        """Highest high, or lowest low, of the rows from `first` to `last`; NaN without any."""
        values = self._values["high" if high else "low"][max(first, 0) : last + 1]
        return (max if high else min)(values) if values else nan
