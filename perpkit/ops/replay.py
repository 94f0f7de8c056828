"""`perpkit breakers replay`: what a breaker would have done on stored candles, without a bot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

# pandas, rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.breakers.volatility import VolatilityTimeline

HOUR = timedelta(hours=1)
ALMOST_HOUR = timedelta(minutes=59, seconds=59)  # time ranges are in whole seconds

breakers = typer.Typer(help="Circuit breakers on stored candles.", no_args_is_help=True)


@breakers.callback()
def _group() -> None:
    """Keep `replay` a sub-command while it is the only one."""


@dataclass(frozen=True)
class Interval:
    """A longest stretch at one level above calm.

    :param start: close of the candle that began it, when the decision took effect
    :param reason: what the breaker said at its start
    """

    start: datetime
    until: datetime
    level: str
    reason: str


@dataclass(frozen=True)
class Replay:
    start: datetime
    stop: datetime
    hours_locked_share: float
    intervals: list[Interval]


class BadInputError(ValueError):
    """Something the operator gave that cannot be used; the message is for them."""


@breakers.command()
def replay(
    datadir: Annotated[Path, typer.Option(help="Freqtrade data directory.")],
    pair: Annotated[str, typer.Option(help="Market to watch.")] = "BTC/USDT:USDT",
    timerange: Annotated[
        str, typer.Option(help="As Freqtrade's: 20200101-20240101; all stored candles by default.")
    ] = "",
    data_format: Annotated[
        str, typer.Option(help="Of the stored candles: feather, parquet, json, jsongz.")
    ] = "feather",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    estimator: Annotated[
        str | None,
        typer.Option(help="classic, ewma, parkinson, garman_klass, yang_zhang, slow or har."),
    ] = None,
    half_life_hours: Annotated[float | None, typer.Option()] = None,
    window_days: Annotated[int | None, typer.Option()] = None,
    min_history_days: Annotated[int | None, typer.Option()] = None,
    elevated_percentile: Annotated[float | None, typer.Option()] = None,
    elevated_release_percentile: Annotated[float | None, typer.Option()] = None,
    stressed_percentile: Annotated[float | None, typer.Option()] = None,
    stressed_release_percentile: Annotated[float | None, typer.Option()] = None,
    extreme_percentile: Annotated[float | None, typer.Option()] = None,
    extreme_release_percentile: Annotated[float | None, typer.Option()] = None,
    confirm_candles: Annotated[int | None, typer.Option()] = None,
    calm_candles: Annotated[int | None, typer.Option()] = None,
    floor_annual: Annotated[float | None, typer.Option(help="Fraction: 0.2 is 20% a year.")] = None,
) -> None:
    """Replay the volatility breaker over 1h candles: table, or JSON for tuning.

    Options without a value keep the breaker's own defaults (docs/crypto_vix.md). Candles before
    the time range warm it up.
    """
    given = {
        "estimator": estimator,
        "half_life_hours": half_life_hours,
        "window_days": window_days,
        "min_history_days": min_history_days,
        "elevated_percentile": elevated_percentile,
        "elevated_release_percentile": elevated_release_percentile,
        "stressed_percentile": stressed_percentile,
        "stressed_release_percentile": stressed_release_percentile,
        "extreme_percentile": extreme_percentile,
        "extreme_release_percentile": extreme_release_percentile,
        "confirm_candles": confirm_candles,
        "calm_candles": calm_candles,
        "floor_annual": floor_annual,
        "asset": pair.partition("/")[0],
    }
    from perpkit.breakers.volatility import VolatilityLimits, timeline

    try:
        limits = VolatilityLimits(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
        start, stop = parse_timerange(timerange)
        decisions = timeline(limits, load_candles(datadir, pair, data_format, stop))
        result = summarise(decisions, start, stop)
    except ValueError as error:
        _fail(str(error))
    if as_json:
        print(json.dumps(as_dict(result)))
    else:
        _print_table(pair, result)


def parse_timerange(text: str) -> tuple[datetime | None, datetime | None]:
    """Both ends of a Freqtrade time range; None where an end is open.

    :raises BadInputError: for anything that Freqtrade itself refuses
    """
    from freqtrade.configuration import TimeRange
    from freqtrade.exceptions import OperationalException

    try:
        parsed = TimeRange.parse_timerange(text)
    except (OperationalException, OverflowError) as error:
        raise BadInputError(
            f"timerange must be like 20200101-20240101, start before stop, got {text!r}"
        ) from error
    ends = (parsed.startdt, parsed.stopdt)
    if None not in ends and ends[0] == ends[1]:
        raise BadInputError(f"timerange must not be empty, got {text!r}")
    return ends


def load_candles(datadir: Path, pair: str, data_format: str, stop: datetime | None) -> DataFrame:
    """Stored 1h candles that open before `stop`, gaps left open.

    :raises BadInputError: if the directory or the candles are not there
    """
    from freqtrade.data.history.datahandlers import get_datahandler
    from freqtrade.enums import CandleType

    if not datadir.is_dir():
        raise BadInputError(f"datadir must be a directory with Freqtrade data, got {datadir}")
    formats = ("feather", "parquet", "json", "jsongz")
    if data_format not in formats:
        raise BadInputError(f"data_format must be one of {', '.join(formats)}, got {data_format!r}")
    kind = CandleType.FUTURES if ":" in pair else CandleType.SPOT
    candles: DataFrame = get_datahandler(datadir, data_format).ohlcv_load(
        pair, "1h", kind, fill_missing=False, warn_no_data=False
    )
    if stop is not None:
        candles = candles[candles["date"] < stop]
    if candles.empty:
        stored = f"1h {kind.value} candles ({data_format}) in {datadir}"
        before = f" before {stop:%Y-%m-%d %H:%M}" if stop else ""
        raise BadInputError(f"pair must have {stored}{before}, got {pair}")
    return candles


def summarise(
    decisions: VolatilityTimeline, start: datetime | None, stop: datetime | None
) -> Replay:
    """Intervals and share of blocked hours between `start` and `stop`, as far as candles reach.

    :raises BadInputError: if no candle lies in the range
    """
    import numpy as np

    from perpkit.market.volatility import hour_of, time_of

    first_open, last_close = decisions.first_close - 1, decisions.first_close - 1 + len(decisions)
    # An hour counts if it begins inside the range.
    begin = first_open if start is None else max(hour_of(start + ALMOST_HOUR), first_open)
    end = last_close if stop is None else min(hour_of(stop + ALMOST_HOUR), last_close)
    if begin >= end:
        asked = "-".join(f"{end:%Y%m%d}" if end else "" for end in (start, stop))
        raise BadInputError(
            f"timerange must overlap the stored candles ({time_of(first_open):%Y%m%d}-"
            f"{time_of(last_close):%Y%m%d}), got {asked}"
        )
    # The level in force during an hour is the one of the candle that closed as the hour began.
    level = np.concatenate(([0], decisions.level))[begin - first_open : end - first_open]
    blocked = np.concatenate(([False], decisions.entries_blocked))
    return Replay(
        time_of(begin),
        time_of(end),
        float(blocked[begin - first_open : end - first_open].mean()),
        list(_intervals(decisions, level, begin)),
    )


def _intervals(decisions: VolatilityTimeline, level: Any, begin: int) -> Iterator[Interval]:
    import numpy as np

    from perpkit.market.volatility import time_of

    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
    for first, after in pairwise(edges):
        if level[first]:
            start = time_of(begin + first)
            decision = decisions.at(start)
            yield Interval(start, time_of(begin + after), str(decision.level), decision.reason)


def as_dict(result: Replay) -> dict[str, Any]:
    return {
        "hours_locked_share": result.hours_locked_share,
        "intervals": [
            {
                "from": interval.start.isoformat(),
                "until": interval.until.isoformat(),
                "level": interval.level,
                "reason": interval.reason,
            }
            for interval in result.intervals
        ],
    }


def _print_table(pair: str, result: Replay) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("from (UTC)", "until (UTC)", "hours", "level", "reason")
    table.columns[2].justify = "right"
    for interval in result.intervals:
        hours = (interval.until - interval.start) // HOUR
        table.add_row(
            f"{interval.start:%Y-%m-%d %H:%M}",
            f"{interval.until:%Y-%m-%d %H:%M}",
            str(hours),
            interval.level,
            interval.reason,
        )
    console = Console()
    console.print(table)
    blocked = round(result.hours_locked_share * ((result.stop - result.start) / HOUR))
    console.print(
        f"{pair} {result.start:%Y-%m-%d %H:%M} to {result.stop:%Y-%m-%d %H:%M}: "
        f"{len(result.intervals)} intervals above calm, entries blocked {blocked} hours "
        f"({result.hours_locked_share:.1%})",
        soft_wrap=True,
        highlight=False,
    )


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)
