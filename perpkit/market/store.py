"""The store of positioning data: long/short ratios, taker volume and open interest.

There is one feather file per pair and period, `<datadir>/positioning/BTC_USDT_USDT-5m.feather`, in
a folder of Freqtrade's data directory that Freqtrade's own tools ignore. `date` is the time of the
reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from perpkit.checks import one_of
from perpkit.files.contents import content_of
from perpkit.files.errors import FileError
from perpkit.files.feather import MOST_BYTES, frame_of, sealed
from perpkit.files.whole_file import put
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dated, dates_at, dates_of

FOLDER = "positioning"
LOCKS = (".lock", ".download.lock")
# The periods that the exchange serves.
PERIODS = {
    name: timedelta(minutes=minutes)
    for name, minutes in {
        "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "12h": 720,
        "1d": 1440,
    }.items()
}  # fmt: skip
# Each column, and a maximum that no market has ever come near; all values are above 0.
SERIES = {
    "long_short_ratio": 1e3,  # accounts net long / net short
    "top_accounts_ratio": 1e3,  # the same for the 20% of accounts with the largest margin
    "top_positions_ratio": 1e3,  # their long / short positions
    "taker_ratio": 1e6,  # volume bought by takers / sold, over the period that ends at `date`
    "open_interest": 1e15,  # base asset
    "open_interest_value": 1e13,  # quote asset
}
_FILE = re.compile(
    r"(?P<base>[\w-]+)_(?P<quote>[^\W_]+)_(?P<settle>[^\W_]+(-\d{6})?)-(?P<period>\d+[mhd])\.feather"
)
# Times of readings: the exchange did not exist before, and Arrow cannot count nanoseconds after.
FIRST, LAST = (pd.Timestamp(f"{year}-01-01", tz="UTC") for year in (2010, 2200))
_LOCK_SECONDS = 60.0


class StoreError(FileError):
    """A damaged file, or readings with impossible values or types; the message names the file, and
    the row and column if there is one."""


class BusyError(RuntimeError):
    """Raised while another process holds a lock of the store."""


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    :param added: number of new readings
    :param changed: number of readings that now have other or more values
    """

    added: int
    changed: int


def path_of(datadir: Path, pair: str, period: str) -> Path:
    """Returns the file of a pair and period.

    :raises ValueError: for a period that the exchange does not serve

    >>> path_of(Path("data"), "BTC/USDT:USDT", "5m").as_posix()
    'data/positioning/BTC_USDT_USDT-5m.feather'
    """
    period = one_of("period", period, PERIODS)
    return datadir / FOLDER / f"{pair.replace('/', '_').replace(':', '_')}-{period}.feather"


def stored(datadir: Path) -> list[tuple[str, str]]:
    """Returns (pair, period) of every file, sorted by pair, the shortest period first."""
    names = (name_of(path.name) for path in (datadir / FOLDER).glob("*.feather"))
    return sorted((n for n in names if n is not None), key=lambda one: (one[0], PERIODS[one[1]]))


def name_of(file: str) -> tuple[str, str] | None:
    """Returns the (pair, period) of a file's name or path; None if it is not one of a store.

    >>> name_of("positioning/BTC_USDT_USDT-5m.feather")
    ('BTC/USDT:USDT', '5m')
    """
    match = _FILE.fullmatch(Path(file).name)
    if match is None or match["period"] not in PERIODS:
        return None
    return f"{match['base']}/{match['quote']}:{match['settle']}", match["period"]


def read(
    datadir: Path, pair: str, period: str, series: Sequence[str] = tuple(SERIES)
) -> pd.DataFrame | None:
    """Reads and checks the stored readings of a pair; returns None where there is no file.

    :param series: columns of `SERIES` to read
    :return: `date` (UTC, ascending, on the grid of the period) and `series`, NaN where unknown
    :raises StoreError: naming the file, and the row and column that are wrong
    """
    path = path_of(datadir, pair, period)
    if not path.is_file():
        return None
    try:
        frame = frame_of(content_of(path, MOST_BYTES), str(path))
    except FileError as error:
        raise StoreError(str(error)) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read as feather: {error}") from error
    check(frame, period, str(path))
    return dated(frame).reindex(columns=["date", *series])


def read_periods(
    datadir: Path, pair: str, series: Sequence[str] = tuple(SERIES)
) -> dict[str, pd.DataFrame]:
    """Reads all that is stored of a pair, by period, the shortest first; see `read`."""
    frames = ((period, read(datadir, pair, period, series)) for period in PERIODS)
    return {period: frame for period, frame in frames if frame is not None}


def check(frame: pd.DataFrame, period: str, source: str) -> None:
    """Checks readings: their types, ascending UTC times on the grid, possible values.

    :param source: where the readings come from, for the message
    :raises StoreError: naming the source, row and column of the first error
    """
    known = {"date", *SERIES}
    for column in frame.columns:
        if column not in known:
            raise StoreError(f"{source}: column {column} is unknown, known are {', '.join(known)}")
        dtype = frame[column].dtype
        if column != "date" and dtype != np.float64:
            raise StoreError(f"{source}: column {column} must be a decimal number, is {dtype}")
    if "date" not in frame:
        raise StoreError(f"{source}: column date is missing")
    if not isinstance(frame["date"].dtype, pd.DatetimeTZDtype) or str(frame["date"].dt.tz) != "UTC":
        raise StoreError(f"{source}: column date must be a date in UTC, is {frame['date'].dtype}")
    bad = np.flatnonzero(~frame["date"].between(FIRST, LAST))
    if len(bad):
        row = int(bad[0])
        raise StoreError(
            f"{source}: row {row}: column date: must lie between {FIRST:%Y} and {LAST:%Y}, is "
            f"{shown_value(frame['date'], row)}"
        )
    times = nanoseconds(frame["date"])
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        row = int(back[0]) + 1
        what = "is a duplicate of" if times[row] == times[row - 1] else "comes before"
        raise StoreError(
            f"{source}: row {row}: column date: {frame['date'].iloc[row]} {what} the row above"
        )
    off = np.flatnonzero(times % pd.Timedelta(PERIODS[period]).value)
    if len(off):
        row = int(off[0])
        raise StoreError(
            f"{source}: row {row}: column date: {frame['date'].iloc[row]} is not on the grid of "
            f"{period}"
        )
    for column, most in SERIES.items():
        if column in frame:
            values = frame[column].to_numpy()
            bad = np.flatnonzero(~((values > 0) & (values <= most)) & ~np.isnan(values))
            if len(bad):
                row = int(bad[0])
                raise StoreError(
                    f"{source}: row {row}: column {column} must be above 0 and at most {most:g}, "
                    f"is {values[row]:g}"
                )


def shown_value(column: pd.Series, row: int) -> str:
    """Returns a value for a message, even a time that lies outside of the calendar."""
    try:
        return str(column.iloc[row])
    except (NotImplementedError, ValueError, OverflowError):
        return "outside of the calendar"


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Joins tables of readings of one pair and period into one, as if they were merged in turn.

    Of several values for the same time the last one is kept; NaN never overwrites a value.
    """
    tables = [part.reindex(columns=["date", *SERIES]) for part in parts]
    return pd.concat(tables).groupby("date", sort=True).last().reset_index()


def merge(datadir: Path, pair: str, period: str, readings: pd.DataFrame) -> Merged:
    """Adds readings to the store atomically, even while other processes do the same.

    Of two values for the same time the new one is kept; NaN never overwrites a value.

    :param readings: as for `check`; absent columns are unknown
    :raises StoreError: for readings, or a file in the store, that `check` refuses; nothing changes
    :raises BusyError: if another process holds the store's lock for too long
    """
    path = path_of(datadir, pair, period)
    check(readings, period, f"readings of {pair}")
    with _locked(datadir, ".lock", _LOCK_SECONDS):
        before = read(datadir, pair, period)
        after, merged = _joined(before, dated(readings))
        if merged.added or merged.changed:
            _replace(path, after)
    return merged


@contextmanager
def sole_downloader(datadir: Path) -> Iterator[None]:
    """Lets one process at a time download data for this store, because rate limits are per address.

    :raises BusyError: at once if another process is downloading
    """
    with _locked(datadir, ".download.lock", 0):
        yield


@contextmanager
def _locked(datadir: Path, name: str, seconds: float) -> Iterator[None]:
    path = datadir / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # The operating system releases the lock when the process ends, even if it crashes.
        with FileLock(path, timeout=seconds):
            yield
    except Timeout as error:
        raise BusyError(f"another process is at work in {path.parent} ({name})") from error


def _joined(held: pd.DataFrame | None, given: pd.DataFrame) -> tuple[pd.DataFrame, Merged]:
    """Returns the readings of both, as `merge` describes; the work on held rows is a copy of them.

    :param held: as `read` returns them, like `given` with dates in the one unit
    """
    given = given.reindex(columns=["date", *SERIES])
    if held is None or held.empty:
        return given, Merged(len(given), 0)
    times, news = (dates_of(frame["date"]).asi8 for frame in (held, given))
    values, new = (frame[list(SERIES)].to_numpy(copy=True) for frame in (held, given))
    row = np.searchsorted(times, news)
    known = times[np.minimum(row, len(times) - 1)] == news
    was = values[row[known]]
    now = np.where(np.isnan(new[known]), was, new[known])
    changed = ((now != was) & ~np.isnan(now)).any(axis=1)
    values[row[known]] = now
    values = np.insert(values, row[~known], new[~known], axis=0)
    after = pd.DataFrame(values, columns=list(SERIES))
    after.insert(0, "date", dates_at(np.insert(times, row[~known], news[~known])))
    return after, Merged(int((~known).sum()), int(changed.sum()))


def _replace(path: Path, readings: pd.DataFrame) -> None:
    put(path, sealed(readings))
