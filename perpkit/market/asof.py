"""As-of joins: the readings that were known at each candle, published late and going stale."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def nanoseconds(dates: pd.Series | pd.DatetimeIndex) -> NDArray[np.int64]:
    """Returns UTC times as integers, in nanoseconds since 1970, from any resolution.

    >>> nanoseconds(pd.DatetimeIndex(["1970-01-01 00:00:01Z"])).tolist()
    [1000000000]
    """
    return pd.DatetimeIndex(dates).as_unit("ns").asi8


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
    close = nanoseconds(candles["date"]) + timeframe.value
    newest = np.searchsorted(nanoseconds(readings["known_at"]), close, side="right") - 1
    # One row past the end means "nothing known".
    stale_at = np.append(nanoseconds(readings["stale_at"]), 0)
    usable = (newest >= 0) & (close <= stale_at[newest])
    row = np.where(usable, newest, len(readings))
    values = {c: np.append(readings[c].to_numpy(dtype=float), np.nan)[row] for c in columns}
    return candles.assign(**values)


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
