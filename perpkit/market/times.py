"""The one unit of dates: UTC, in whole milliseconds, as the exchange states and files hold them.

pandas keeps the unit that dates arrive with: milliseconds from a file, microseconds from Freqtrade
and from Python's own times, nanoseconds from other tools. Between columns of different units it
works on one Python object a row, a hundred times slower, and without releasing the interpreter to
the thread that trades. So dates are converted once, where they enter; no other module makes them
(`tests/test_makers_of_dates.py` holds that).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAY_S

UNIT: Final = "ms"
# The first Monday after 1970 began, on a Thursday.
_MONDAY = 4

_Times = TypeVar("_Times", int, float, NDArray[np.int64])


def dates_of(times: pd.Series | pd.DatetimeIndex | Iterable[datetime]) -> pd.DatetimeIndex:
    """Returns times as dates in the one unit; what is finer than a millisecond is cut off.

    :param times: each with its time zone, or without one in UTC

    >>> dates_of(pd.Series(pd.to_datetime(["2026-01-01 00:00:00.000000001+01:00"]))).dtype
    datetime64[ms, UTC]
    """
    index = times if isinstance(times, pd.DatetimeIndex) else pd.DatetimeIndex(cast(Any, times))
    index = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    return index if index.unit == UNIT else index.as_unit(UNIT)


def dates_at(milliseconds: Iterable[int]) -> pd.DatetimeIndex:
    """Returns dates from milliseconds since 1970, as the exchange states them.

    >>> dates_at([1000])[0].isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    given = milliseconds if isinstance(milliseconds, np.ndarray) else list(milliseconds)
    times = np.asarray(given, dtype=np.int64)
    return pd.DatetimeIndex(times.view(f"datetime64[{UNIT}]")).tz_localize("UTC")


def dates_every(first: datetime, step: timedelta, count: int) -> pd.DatetimeIndex:
    """Returns `count` dates from `first` on, one every `step`."""
    begin, every = pd.Timestamp(first).value // 10**6, pd.Timedelta(step).value // 10**6
    return dates_at(begin + every * np.arange(count, dtype=np.int64))


def shifted(dates: pd.DatetimeIndex, by: timedelta | pd.TimedeltaIndex) -> pd.DatetimeIndex:
    """Returns dates later by a time; `+` would return them in the unit of that time."""
    return dates_of(dates + by)


def opening(at: _Times, step: float, day: int = DAY_S) -> _Times:
    """Returns when the candle opened that goes on at a time.

    As exchanges and Freqtrade date them: weeks begin on a Monday, all others are counted from 1970.

    :param at: since 1970 UTC, in the unit of `step`
    :param step: length of a candle
    :param day: length of a day in that unit; of seconds unless given

    >>> dates_at([1000 * opening(1767225600, 7 * DAY_S)])[0].day_name()
    'Monday'
    """
    first = _MONDAY * day if step % (7 * day) == 0 else 0
    opened: _Times = cast(Any, at - first) // step * step + first
    return opened


def dated(frame: pd.DataFrame, column: str = "date") -> pd.DataFrame:
    """Returns the frame with that column in the one unit: itself if it has it already."""
    dates = frame[column]
    if str(dates.dtype) == f"datetime64[{UNIT}, UTC]":
        return frame
    # Freqtrade's frames without rows hold no dates.
    index = dates_of(dates) if len(frame) else dates_at([])
    return frame.assign(**{column: index})
