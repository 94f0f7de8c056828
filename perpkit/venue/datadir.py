"""Histories as Freqtrade data directories, written and read.

The layout is Freqtrade's own (feather files, `futures/BTC_USDT_USDT-1h-mark.feather` and so on),
plus `positioning/BTC_USDT_USDT-1h.feather` with the columns of `POSITIONING_COLUMNS`. Freqtrade's
handler is not used: importing it takes longer than writing a year of candles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.rehearsal.datadir_mark import before_filling
from perpkit.venue.candles import INTERVALS_MS, Candles, Floats, Kind, Times, interval_ms
from perpkit.venue.history import Funding, History, PairHistory, Positioning
from perpkit.venue.instruments import Instrument, base_of
from perpkit.venue.synthetic import MODELS

POSITIONING_COLUMNS = ("date", "long_short_ratio", "taker_ratio", "open_interest")
_OHLCV = ("open", "high", "low", "close", "volume")
_CANDLE_FILE = re.compile(
    r"^(?P<base>\w+)_USDT_USDT-(?P<interval>\d+[mhdw])-(?P<kind>\w+)\.feather$"
)
_FUNDING_RATE = "funding_rate"


def write(
    history: History,
    directory: Path,
    timeframes: Sequence[str],
    end: int,
    source: str = "synthetic market",
) -> list[Path]:
    """Write what had happened by `end` (ms): candles closed, rates settled, ratios read.

    Mark and funding go into the 1h files that Freqtrade reads for Binance. A file appears whole or
    not at all. The directory is marked as a venue's.

    :param timeframes: of the traded candles
    :param source: what made them, for the mark
    :returns: the files written
    :raises ValueError: for a timeframe that cannot be made, or a directory that holds data of an
        exchange, before anything is written
    """
    if not timeframes:
        raise ValueError(f"timeframes must name at least one of {', '.join(INTERVALS_MS)}")
    jobs: list[tuple[Path, pd.DataFrame]] = []
    for pair in history:
        candles = {(Kind.LAST, timeframe): timeframe for timeframe in timeframes}
        candles[Kind.MARK, "1h"] = "1h"
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


def read(directory: Path, pairs: Collection[str] = ()) -> History:
    """The pairs of a data directory, all of them unless some are named.

    Tick and step sizes are those that the stored prices and volumes show. A pair without mark
    candles is marked at its last price; one without funding or positioning files has none.

    :raises ValueError: naming what is missing and what there is
    """
    futures = directory / "futures"
    files: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(futures.glob("*.feather")):
        match = _CANDLE_FILE.match(path.name)
        if match and match["interval"] in INTERVALS_MS:
            files.setdefault(match["base"], {})[match["kind"], match["interval"]] = path
    traded = {base for base, found in files.items() if any(k == Kind.LAST for k, _ in found)}
    if not traded:
        raise ValueError(
            f"datadir must hold candles such as futures/BTC_USDT_USDT-1h-futures.feather, "
            f"found none in {directory}"
        )
    bases = sorted(traded)
    if pairs:
        bases = [base_of(pair) for pair in pairs]
    for base in bases:
        if base not in traded:
            known = ", ".join(f"{b}/USDT:USDT" for b in sorted(traded))
            raise ValueError(f"pairs must be among {known}, got '{base}/USDT:USDT'")
    histories = [_read_pair(directory, base, files[base]) for base in bases]
    return History({h.instrument.symbol: h for h in histories})


def _read_pair(directory: Path, base: str, files: dict[tuple[str, str], Path]) -> PairHistory:
    stored: dict[Kind, dict[str, Candles]] = {kind: {} for kind in Kind}
    funding = Funding(np.array([], dtype=np.int64), np.array([]))
    for (kind, interval), path in files.items():
        if kind == _FUNDING_RATE:
            frame = _load(path)
            # Freqtrade has written a column of its own for the rate since 2026.9.
            rate = frame[_FUNDING_RATE if _FUNDING_RATE in frame else "open"]
            funding = Funding(_ms(frame), rate.to_numpy(np.float64))
        elif kind in set(Kind):
            frame = _load(path, _OHLCV)
            columns = (frame[c].to_numpy(np.float64) for c in _OHLCV)
            stored[Kind(kind)][interval] = Candles(_ms(frame), *columns)
    finest = min(stored[Kind.LAST], key=interval_ms)
    return PairHistory(
        _instrument(base, stored[Kind.LAST][finest], funding),
        {kind: by_interval for kind, by_interval in stored.items() if by_interval},
        funding,
        _read_positioning(directory / "positioning" / f"{base}_USDT_USDT-1h.feather"),
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


def _instrument(base: str, candles: Candles, funding: Funding) -> Instrument:
    """Filters as the data shows them; what data cannot show is taken from the known pairs."""
    recent = candles[-2000:]
    model = MODELS.get(f"{base}/USDT:USDT")
    known = model.instrument if model else Instrument(base, 1.0, 1.0)
    # The most recent gap: intervals have changed over the years.
    gap = int(funding.time[-1] - funding.time[-2]) // 3_600_000 if len(funding.time) > 1 else 8
    return replace(
        known,
        tick_size=_grid(np.concatenate(recent.columns()[1:5])),
        step_size=_grid(recent.volume),
        funding_hours=gap if gap in (1, 2, 4, 8) else 8,
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
    """Rates as candles that open at the rate: all releases read that, the newer convert it."""
    rows = int(pair.funding.time.searchsorted(end, side="right"))
    rate, rest = pair.funding.rate[:rows], np.zeros(rows)
    return _candle_frame(Candles(pair.funding.time[:rows], rate, rest, rest, rest, rest))


def _positioning_frame(readings: Positioning) -> pd.DataFrame:
    values = {name: getattr(readings, name) for name in POSITIONING_COLUMNS[1:]}
    return pd.DataFrame({"date": _dates(readings.time), **values})


def _store(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not named *.feather: Freqtrade would list a half-written file.
    temporary = path.with_suffix(".part")
    frame.to_feather(temporary, compression="lz4", compression_level=9)
    os.replace(temporary, path)


def _load(path: Path, required: Sequence[str] = ()) -> pd.DataFrame:
    try:
        frame = pd.read_feather(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"datadir holds a file that cannot be read: {path} ({error})") from error
    missing = {"date", *required} - set(frame.columns)
    if missing or frame.empty:
        what = f"lacks the columns {', '.join(sorted(missing))}" if missing else "is empty"
        raise ValueError(f"datadir holds a file that {what}: {path}")
    return frame.sort_values("date").drop_duplicates("date")


def _ms(frame: pd.DataFrame) -> Times:
    time: Times = frame["date"].dt.as_unit("ms").astype("int64").to_numpy(np.int64)
    return time
