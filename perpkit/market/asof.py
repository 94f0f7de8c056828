"""As-of joins: the readings that were known at each candle, published late and going stale."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.arrays import DatetimeArray

from perpkit.market.columns import with_columns


def nanoseconds(dates: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Returns UTC times as integers, in nanoseconds since 1970, from any resolution.

    >>> nanoseconds(pd.DatetimeIndex(["1970-01-01 00:00:01Z"])).tolist()
    [1000000000]
    """
    # To make an index of a column takes as long as several additions.
    times = dates.array
    if not isinstance(times, DatetimeArray):
        times = pd.DatetimeIndex(dates).array
    return np.asarray(times.as_unit("ns"), dtype="datetime64[ns]").view(np.int64)


def among(times: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns which times are among the known ones; `np.isin` would hold the interpreter for the
    time that a table of all of them takes.

    :param known: ascending

    >>> among(np.array([1, 2, 5]), np.array([2, 3])).tolist()
    [False, True, False]
    """
    if not len(known):
        return np.zeros(len(times), dtype=bool)
    row = np.minimum(np.searchsorted(known, times), len(known) - 1)
    return np.asarray(known[row] == times)


def join_known(
    candles: pd.DataFrame,
    timeframe: pd.Timedelta,
    readings: pd.DataFrame,
    columns: Sequence[str],
) -> pd.DataFrame:
    """Adds to every candle the newest reading that was known at its close, unless it is stale.

    A candle is acted on at its close, `date + timeframe`; a reading published exactly then is
    known. A row depends on no later candle and no later reading.

    :param candles: with `date` (open time, UTC); any index
    :param readings: with `known_at`, ascending, the first time at which a reading may be used, and
        `stale_at`, the last one; both UTC
    :param columns: columns of the readings to add
    :return: a copy of the candles with those columns; NaN where no usable reading was known
    """
    known = ReadingArrays.of(readings, columns)
    return with_columns(candles, known.at(closes_of(candles, timeframe)))


def closes_of(candles: pd.DataFrame, timeframe: pd.Timedelta) -> NDArray[np.int64]:
    """Returns when each candle closes, in nanoseconds since 1970.

    :param candles: with `date` (open time, UTC)
    """
    return nanoseconds(candles["date"]) + timeframe.value


@dataclass(frozen=True)
class ReadingArrays:
    """Readings that are joined to candles again and again, by the rule of `join_known`.

    :param known_at: ascending, in nanoseconds since 1970
    :param stale_at: the same; one row more than the readings, which stands for nothing known
    :param values: by column; NaN in that row
    """

    known_at: NDArray[np.int64]
    stale_at: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, readings: pd.DataFrame, columns: Sequence[str]) -> ReadingArrays:
        """:param readings: as for `join_known`"""
        values = {c: readings[c].to_numpy(dtype=float) for c in columns}
        known_at, stale_at = (nanoseconds(readings[name]) for name in ("known_at", "stale_at"))
        return cls.from_arrays(known_at, stale_at, values)

    @classmethod
    def from_arrays(
        cls,
        known_at: NDArray[np.int64],
        stale_at: NDArray[np.int64],
        values: Mapping[str, NDArray[np.float64]],
    ) -> ReadingArrays:
        """All with one row for each reading."""
        ended = {c: np.append(column, np.nan) for c, column in values.items()}
        return cls(known_at, np.append(stale_at, 0), ended)

    def at(self, closes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Returns by column what was known at each close; NaN where no usable reading was."""
        newest = np.searchsorted(self.known_at, closes, side="right") - 1
        usable = (newest >= 0) & (closes <= self.stale_at[newest])
        row = np.where(usable, newest, len(self.known_at))
        return {c: values[row] for c, values in self.values.items()}


class KnownReadings:
    """Looks readings up one time at a time, by the rule of `join_known`, in a microsecond each.

    :param readings: as for `join_known`
    :param columns: columns of the readings to look up
    """

    def __init__(self, readings: pd.DataFrame, columns: Sequence[str]) -> None:
        self._known_at = (nanoseconds(readings["known_at"]) / 1e9).tolist()
        self._stale_at = (nanoseconds(readings["stale_at"]) / 1e9).tolist()
        self._rows = list(zip(*(readings[c].tolist() for c in columns), strict=True))

    def at(self, when: datetime) -> tuple[float, ...] | None:
        """Returns the values known at `when`, in the order of the columns; None if none is usable.

        :param when: with its time zone
        """
        instant = when.timestamp()
        newest = bisect_right(self._known_at, instant) - 1
        if newest < 0 or instant > self._stale_at[newest]:
            return None
        return self._rows[newest]
