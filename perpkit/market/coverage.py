"""How much of a time span the stored positioning data cover, and what is still to be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import pandas as pd

from perpkit.checks import refuse
from perpkit.market.asof import among, nanoseconds
from perpkit.parameters.declared import Parameters

EPOCH = pd.Timestamp(0, tz="UTC")


@dataclass(frozen=True)
class ReadingSpan(Parameters):
    """The times of readings from `first` to `last`, both included."""

    first: Annotated[datetime, "The time of the first reading, with its zone"]
    last: Annotated[datetime, "The time of the last reading, with its zone"]

    def check_together(self) -> None:
        for name in ("first", "last"):
            if getattr(self, name).tzinfo is None:
                refuse(name, "a time with its zone", getattr(self, name))
        if self.first > self.last:
            raise ValueError(f"first must not be after last ({self.last}), got {self.first}")

    def readings(self, period: timedelta) -> int:
        return (self.last - self.first) // period + 1


def reading_time(moment: datetime, period: timedelta, *, up: bool = False) -> datetime:
    """Returns the last time of a reading at or before `moment`; with `up`, the first at or after.

    >>> reading_time(datetime(2026, 1, 2, 3, 47), timedelta(minutes=15)).isoformat()
    '2026-01-02T03:45:00'
    """
    stamp = pd.Timestamp(moment)
    return (stamp.ceil(period) if up else stamp.floor(period)).to_pydatetime()


def gaps(dates: pd.Series, period: timedelta) -> list[ReadingSpan]:
    """Returns the spans of readings that are missing between the first and the last.

    :param dates: ascending

    >>> dates = pd.Series(pd.to_datetime(["2026-01-01 00:00Z", "2026-01-01 03:00Z"]))
    >>> [span.readings(timedelta(hours=1)) for span in gaps(dates, timedelta(hours=1))]
    [2]
    """
    steps = np.flatnonzero(np.diff(nanoseconds(dates)) > pd.Timedelta(period).value)
    return [
        ReadingSpan(
            dates.iloc[row].to_pydatetime() + period, dates.iloc[row + 1].to_pydatetime() - period
        )
        for row in steps
    ]


def missing(
    readings: pd.DataFrame | None,
    series: list[str],
    wanted: ReadingSpan,
    period: timedelta,
    page: int,
) -> list[ReadingSpan]:
    """Returns the spans to fetch, one request each, that complete the stored readings.

    :param readings: `date` ascending, and `series`; None where nothing is stored
    :param series: columns that a reading must have to be complete
    :param wanted: the span to complete, its ends on the grid of the period
    :param page: maximum number of readings of one request
    """
    step = pd.Timedelta(period).value
    grid = np.arange(
        pd.Timestamp(wanted.first).value, pd.Timestamp(wanted.last).value + 1, step, dtype=np.int64
    )
    if readings is not None:
        whole = readings[series].notna().all(axis=1).to_numpy()
        grid = grid[~among(grid, nanoseconds(readings["date"])[whole])]
    pages = []
    while len(grid):
        within = grid[grid < grid[0] + page * step]
        pages.append(ReadingSpan(_time(within[0]), _time(within[-1])))
        grid = grid[len(within) :]
    return pages


def _time(nanosecond: np.int64) -> datetime:
    return (EPOCH + pd.Timedelta(int(nanosecond))).to_pydatetime()
