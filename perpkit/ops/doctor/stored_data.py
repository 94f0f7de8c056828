"""Checks the stored candles of the pairs: their period, gaps, and whether a venue made them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.durations import HOUR
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.rehearsal import RehearsalError
from perpkit.rehearsal.datadir_mark import marked, refuse_mixing

if TYPE_CHECKING:
    import pandas as pd

# Freqtrade stores mark prices and funding of Binance futures in 1h files. Funding is settled every
# 8 hours, or more often.
_FUNDING = timedelta(hours=8)
_NAMED = 3
_PAIR = re.compile(r"\w+/\w+(:[\w-]+)?")


@dataclass(frozen=True)
class _Series:
    """A series of stored rows.

    :param step: the longest regular time between two rows
    """

    kind: str
    timeframe: str
    step: timedelta


@dataclass(frozen=True)
class _Stored:
    first: datetime
    last: datetime
    rows: int
    gaps: tuple[tuple[datetime, datetime], ...]


def check_place(context: Context) -> Iterator[Finding]:
    datadir = Path(context.config["datadir"])
    try:
        refuse_mixing(datadir, context.venue)
    except RehearsalError as error:
        yield fail(
            str(error),
            "a data directory for each: --datadir for the exchange, and the overlay that "
            "`perpkit venue --overlay FILE` writes for the venue",
        )
        return
    yield ok(marked(datadir) or f"{datadir} is not a venue's")


def check_candles(context: Context) -> Iterator[Finding]:
    """Checks the candles for backtests, hyperopt and reports; a bot that trades fetches its own."""
    pairs = _pairs(context)
    wanted = _wanted(context)
    missing: list[str] = []
    for pair in pairs:
        found = {series: _stored(context, pair, series) for series in wanted}
        lacks = [f"{s.kind} {s.timeframe}" for s, stored in found.items() if stored is None]
        if lacks:
            missing.append(pair if len(lacks) == len(found) else f"{pair} ({', '.join(lacks)})")
        yield from _of_pair(context, pair, {s: f for s, f in found.items() if f is not None})
    if missing:
        yield warn(
            f"No candles in {context.config['datadir']} of {_listed(missing)}: backtests and "
            "hyperopt have nothing to go by there; a bot that trades fetches its own",
            _download(context),
        )


def _pairs(context: Context) -> list[str]:
    """Returns the whitelist; a pattern is replaced by the stored pairs that it matches, if any."""
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import TradingMode

    config = context.config
    listed = [str(pair) for pair in config["exchange"].get("pair_whitelist") or []]
    if not any(map(is_pattern, listed)):
        return listed
    datadir = Path(config["datadir"])
    handler = get_datahandler(datadir, config.get("dataformat_ohlcv", "feather"))
    stored = {pair for pair, *_ in handler.ohlcv_get_available_data(datadir, TradingMode.FUTURES)}
    found: list[str] = []
    for each in listed:
        found += sorted(p for p in stored if re.fullmatch(each, p, re.IGNORECASE)) or [each]
    return list(dict.fromkeys(found))


def is_pattern(pair: str) -> bool:
    """Whether an entry of a pair list is a pattern that Freqtrade expands."""
    return not _PAIR.fullmatch(pair)


def _wanted(context: Context) -> list[_Series]:
    from freqtrade.exchange import timeframe_to_seconds

    timeframe = context.config.get("timeframe") or context.strategy.timeframe
    step = timedelta(seconds=timeframe_to_seconds(timeframe))
    return [
        _Series("futures", timeframe, step),
        _Series("mark", "1h", HOUR),
        _Series("funding_rate", "1h", _FUNDING),
    ]


def _stored(context: Context, pair: str, series: _Series) -> _Stored | None:
    from freqtrade.data.history import get_datahandler
    from freqtrade.enums import CandleType

    from perpkit.market.coverage import gaps
    from perpkit.market.times import dated

    config = context.config
    handler = get_datahandler(Path(config["datadir"]), config.get("dataformat_ohlcv", "feather"))
    candles: pd.DataFrame = handler.ohlcv_load(
        pair,
        series.timeframe,
        CandleType(series.kind),
        fill_missing=False,
        drop_incomplete=False,
        warn_no_data=False,
    )
    if candles.empty:
        return None
    dates: Any = dated(candles)["date"]
    windows = gaps(dates, series.step)
    return _Stored(
        dates.iloc[0].to_pydatetime(),
        dates.iloc[-1].to_pydatetime(),
        len(dates),
        tuple((window.first, window.last + series.step) for window in windows),
    )


def _of_pair(context: Context, pair: str, found: dict[_Series, _Stored]) -> Iterator[Finding]:
    wrong = False
    for series, stored in found.items():
        if stored.gaps:
            wrong = True
            longest = max(stored.gaps, key=lambda gap: gap[1] - gap[0])
            yield warn(
                f"{pair} {series.kind} {series.timeframe}: {len(stored.gaps)} gaps, the longest "
                f"from {_minute(longest[0])} to {_minute(longest[1])} UTC",
                f"{_download(context, pair, stored.first)} --erase",
            )
    candles = next((stored for s, stored in found.items() if s.kind == "futures"), None)
    if candles is None:
        return
    needed = int(getattr(context.strategy, "startup_candle_count", 0))
    if candles.rows <= needed:
        wrong = True
        yield warn(
            f"{pair}: {candles.rows} candles, and the strategy needs {needed} before its first "
            "signal",
            _download(context, pair),
        )
    for series, stored in found.items():
        late, early = stored.first - candles.first, candles.last - stored.last
        if max(late, early) > series.step + HOUR:
            wrong = True
            yield warn(
                f"{pair} {series.kind} {series.timeframe} is of {_minute(stored.first)} to "
                f"{_minute(stored.last)} UTC, and the candles of {_minute(candles.first)} to "
                f"{_minute(candles.last)}: a backtest takes the rest as 0, or stops",
                _download(context, pair, candles.first),
            )
    if not wrong:
        yield ok(f"{pair}: {_minute(candles.first)} to {_minute(candles.last)} UTC, without gaps")


def _download(context: Context, pair: str = "", since: datetime | None = None) -> str:
    files = " ".join(f"-c {path}" for path in context.files)
    pairs = f" --pairs {pair}" if pair else ""
    how_long = f"--timerange {since:%Y%m%d}-" if since else "--days 400"
    timeframe = context.config.get("timeframe") or context.strategy.timeframe
    times = timeframe if timeframe == "1h" else f"{timeframe} 1h"
    return f"freqtrade download-data {files}{pairs} -t {times} {how_long}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
