"""Writes and reads histories as Freqtrade data directories.

The layout is Freqtrade's own (feather files, `futures/BTC_USDT_USDT-1h-mark.feather` and so on),
plus `positioning/BTC_USDT_USDT-1h.feather` with the columns of `POSITIONING_COLUMNS`. Freqtrade's
handler is not used: importing it takes longer than writing a year of candles.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.files.errors import FileError
from perpkit.files.feather import frame_of, sealed
from perpkit.files.whole_file import put
from perpkit.rehearsal.datadir_mark import before_filling
from perpkit.venue.market.candles import (
    INTERVALS_MS,
    Candles,
    Floats,
    PriceKind,
    Times,
    interval_ms,
)
from perpkit.venue.market.contract_rules import instrument
from perpkit.venue.market.history import Funding, History, PairHistory, Positioning
from perpkit.venue.market.instruments import Instrument, Name, named

POSITIONING_COLUMNS = ("date", "long_short_ratio", "taker_ratio", "open_interest")
_OHLCV = ("open", "high", "low", "close", "volume")
# "BTC_USDT_USDT-1h-futures", "BTC_USDT_USDT-260327-1h-mark": as Freqtrade spells pairs.
_CANDLE_FILE = re.compile(
    r"(?P<base>[^\s_]+)_(?P<quote>[A-Z0-9]+)_(?P=quote)(?:-(?P<delivery>\d{6}))?"
    r"-(?P<interval>[^-]+)-(?P<kind>[^-]+)\.feather"
)
_FUNDING_RATE = "funding_rate"
_TURNOVER_DAYS = 30  # over which a day's turnover is averaged
_NAMED = 5  # maximum number of files that a message names

Files = dict[tuple[str, str], Path]  # by kind and interval


def write(
    history: History,
    directory: Path,
    timeframes: Sequence[str],
    end: int,
    source: str = "synthetic market",
) -> list[Path]:
    """Writes what had happened by `end` (ms): closed candles, settled rates and known ratios.

    Mark candles and funding rates go into the 1h files that Freqtrade reads for Binance. Each file
    appears whole or not at all. The directory is marked as filled by a venue.

    :param timeframes: intervals of the traded candles
    :param source: what made the data, as the directory's mark names it
    :returns: the files written
    :raises ValueError: before anything is written, for a timeframe that cannot be made or a
        directory that holds data of an exchange
    """
    if not timeframes:
        raise ValueError(f"timeframes must name at least one of {', '.join(INTERVALS_MS)}")
    jobs: list[tuple[Path, pd.DataFrame]] = []
    for pair in history:
        candles = {(PriceKind.LAST, timeframe): timeframe for timeframe in timeframes}
        candles[PriceKind.MARK, "1h"] = "1h"
        stem = pair.instrument.stem
        jobs += [
            (
                directory / "futures" / f"{stem}-{timeframe}-{kind}.feather",
                _candle_frame(_closed(pair.candles(kind, timeframe), timeframe, end)),
            )
            for kind, timeframe in candles
        ]
        jobs.append(
            (directory / "futures" / f"{stem}-1h-{_FUNDING_RATE}.feather", _funding(pair, end))
        )
        if pair.positioning is not None:
            readings = pair.positioning.up_to(end)
            path = directory / "positioning" / f"{stem}-1h.feather"
            jobs.append((path, _positioning_frame(readings)))
    before_filling(directory, source)
    for path, frame in jobs:
        _store(frame, path)
    return [path for path, _ in jobs]


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def read(
    directory: Path, pairs: Collection[str] = (), say: Callable[[str], None] = _to_stderr
) -> History:
    """Reads the pairs of a data directory: all of them, or those in `pairs`.

    Tick and step sizes follow from the stored prices and volumes; see `contract_rules` for the
    other limits. A pair without mark candles is marked at its last price; one without files of
    funding or positioning has none.

    :param say: receives one sentence for each kind of file that is left out
    :raises ValueError: naming what is missing and what was found
    """
    wanted = [named(pair) for pair in dict.fromkeys(pairs)]
    files, left_out = _sorted_out(directory / "futures", wanted)
    traded = {name for name, found in files.items() if any(k == PriceKind.LAST for k, _ in found)}
    for reason, several in left_out.items():
        say(f"Left out of {directory}: {_listed(several)}: {reason}")
    if not traded:
        raise ValueError(
            f"datadir must hold candles such as futures/BTC_USDT_USDT-1h-futures.feather, "
            f"found none in {directory}"
        )
    unknown = [name.pair for name in wanted if name not in traded]
    if unknown:
        known = ", ".join(name.pair for name in sorted(traded))
        raise ValueError(f"pairs must be among {known}, got {', '.join(map(repr, unknown))}")
    untraded = [name.pair for name in sorted(files) if name not in traded]
    if untraded and not wanted:
        say(f"Left out of {directory}: {_listed(untraded)}: there are no traded candles")
    names = wanted or sorted(traded)
    if unread := _unread_positioning(directory / "positioning", names):
        say(f"Left out of {directory}: {_listed(unread)}: positioning is read from 1h files")
    histories = [_read_pair(directory, name, files[name]) for name in names]
    return History({h.instrument.symbol: h for h in histories})


def _sorted_out(
    futures: Path, wanted: Collection[Name]
) -> tuple[dict[Name, Files], dict[str, list[str]]]:
    """The files by pair, and the names of those that cannot be used, by reason."""
    files: dict[Name, Files] = {}
    left_out: dict[str, list[str]] = {}
    for path in sorted(futures.glob("[!.]*")):
        match = _CANDLE_FILE.fullmatch(path.name)
        name = Name(match["base"], match["quote"], match["delivery"] or "") if match else None
        if match is None or name is None:
            reason = "not named as candles of a pair such as BTC_USDT_USDT-1h-futures.feather"
        elif match["interval"] not in INTERVALS_MS:
            reason = f"intervals are {', '.join(INTERVALS_MS)}"
        elif match["kind"] not in (*PriceKind, _FUNDING_RATE):
            reason = f"kinds of candles are {', '.join((*PriceKind, _FUNDING_RATE))}"
        else:
            files.setdefault(name, {})[match["kind"], match["interval"]] = path
            continue
        if not wanted or name in wanted:
            left_out.setdefault(reason, []).append(path.name)
    return files, left_out


def _unread_positioning(folder: Path, names: Collection[Name]) -> list[str]:
    """Names of the positioning files of those pairs that have no 1h file."""
    stems = [name.stem for name in names if not (folder / f"{name.stem}-1h.feather").exists()]
    return [path.name for stem in stems for path in sorted(folder.glob(f"{stem}-*[mhd].feather"))]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _read_pair(directory: Path, name: Name, files: Files) -> PairHistory:
    stored: dict[PriceKind, dict[str, Candles]] = {kind: {} for kind in PriceKind}
    funding = Funding(np.array([], dtype=np.int64), np.array([]))
    for (kind, interval), path in files.items():
        if kind == _FUNDING_RATE:
            frame = _load(path)
            # Since 2026.9, Freqtrade writes the rate into a column of its own.
            rate = frame[_FUNDING_RATE if _FUNDING_RATE in frame else "open"]
            funding = Funding(_ms(frame), rate.to_numpy(np.float64))
        else:
            frame = _load(path, _OHLCV)
            columns = (frame[c].to_numpy(np.float64) for c in _OHLCV)
            stored[PriceKind(kind)][interval] = Candles(_ms(frame), *columns)
    finest = min(stored[PriceKind.LAST], key=interval_ms)
    return PairHistory(
        _instrument(name, stored[PriceKind.LAST][finest], funding),
        {kind: by_interval for kind, by_interval in stored.items() if by_interval},
        funding,
        _read_positioning(directory / "positioning" / f"{name.stem}-1h.feather"),
    )


def _read_positioning(path: Path) -> Positioning | None:
    if not path.exists():
        return None
    frame = _load(path, POSITIONING_COLUMNS[1:2])
    unknown = np.full(len(frame), np.nan)
    columns = (
        frame[c].to_numpy(np.float64) if c in frame else unknown for c in POSITIONING_COLUMNS[1:]
    )
    return Positioning(_ms(frame), *columns)


def _instrument(name: Name, candles: Candles, funding: Funding) -> Instrument:
    """The instrument, with limits for the latest price and the turnover of the last days."""
    recent = candles[-2000:]
    month = candles[int(candles.time.searchsorted(candles.time[-1] - _TURNOVER_DAYS * DAY_MS)) :]
    days = max(1.0, (month.time[-1] - month.time[0]) / DAY_MS)
    # The most recent gap: intervals have changed over the years.
    gap = int(funding.time[-1] - funding.time[-2]) // HOUR_MS if len(funding.time) > 1 else 8
    return instrument(
        name.base,
        float(candles.close[-1]),
        float(month.turnover().sum()) / days,
        quote=name.quote,
        delivery=name.delivery,
        funding_hours=gap if gap in (1, 2, 4, 8) else 8,
        grids=(_grid(np.concatenate(recent.columns()[1:5])), _grid(recent.volume)),
    )


def _grid(values: Floats) -> float:
    """Coarsest power of ten, 1 to 1e-8, of which all values are multiples."""
    for places in range(8):
        if np.array_equal(np.round(values, places), values):
            return float(10**-places)
    return 1e-8


def _closed(candles: Candles, timeframe: str, end: int) -> Candles:
    return candles[: int(candles.time.searchsorted(end - interval_ms(timeframe), side="right"))]


def _dates(time: Times) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.to_datetime(time, unit="ms", utc=True)).dt.as_unit("ms")


def _candle_frame(candles: Candles) -> pd.DataFrame:
    columns = dict(zip(_OHLCV, candles.columns()[1:], strict=True))
    return pd.DataFrame({"date": _dates(candles.time), **columns})


def _funding(pair: PairHistory, end: int) -> pd.DataFrame:
    """Rates as the open of candles: every Freqtrade reads that layout, newer ones convert it."""
    rows = int(pair.funding.time.searchsorted(end, side="right"))
    rate, rest = pair.funding.rate[:rows], np.zeros(rows)
    return _candle_frame(Candles(pair.funding.time[:rows], rate, rest, rest, rest, rest))


def _positioning_frame(readings: Positioning) -> pd.DataFrame:
    values = {name: getattr(readings, name) for name in POSITIONING_COLUMNS[1:]}
    return pd.DataFrame({"date": _dates(readings.time), **values})


def _store(frame: pd.DataFrame, path: Path) -> None:
    put(path, sealed(frame, compression_level=9))


def _load(path: Path, required: Sequence[str] = ()) -> pd.DataFrame:
    try:
        frame = frame_of(path.read_bytes(), str(path))
    except (OSError, FileError) as error:
        raise FileError(f"datadir holds a file that cannot be read: {path} ({error})") from error
    missing = {"date", *required} - set(frame.columns)
    if missing or frame.empty:
        what = f"lacks the columns {', '.join(sorted(missing))}" if missing else "is empty"
        raise ValueError(f"datadir holds a file that {what}: {path}")
    return frame.sort_values("date").drop_duplicates("date")


def _ms(frame: pd.DataFrame) -> Times:
    time: Times = frame["date"].dt.as_unit("ms").astype("int64").to_numpy(np.int64)
    return time
