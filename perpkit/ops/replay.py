"""`perpkit breakers replay`: what breakers would have done on stored candles, without a bot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from perpkit.ops import breaker_replay, vix_replay
from perpkit.ops.stored import (
    BadInputError,
    load_candles,
    parse_timerange,
    say_if_marked,
    stored_pairs,
)

# pandas, rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.ops.chart import Shaded

VIX = "CryptoVixBreaker"
ALL = (*breaker_replay.MARKET_BREAKERS, breaker_replay.DRAWDOWN)

breakers = typer.Typer(help="Circuit breakers on stored candles.", no_args_is_help=True)


@breakers.callback()
def _group() -> None:
    """Keep `replay` a sub-command while it is the only one."""


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
    breaker: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(ALL)}, or all. May be repeated; default: {VIX} alone."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of a breaker: FlashCrashBreaker.name=value."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Backtest result of Freqtrade, for the DrawdownBreaker."),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Which strategy of the export, if it has several.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write the price, states shaded, to this HTML file.")
    ] = None,
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
    """Replay breakers over 1h candles: a table, or JSON for tuning, and a chart.

    The options below `--json` are the crypto-VIX's own (docs/crypto_vix.md), without `--breaker`.
    What is not given keeps the breakers' defaults. Candles before the time range warm them up.
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
    stored = Stored(datadir, data_format, pair, timerange)
    say_if_marked(datadir)
    try:
        if breaker:
            mine = {k: v for k, v in given.items() if v is not None and k != "asset"}
            if mine:
                raise BadInputError(
                    f"{_option(next(iter(mine)))} is for the replay without --breaker; use --set "
                    f"{VIX}.{next(iter(mine))}=..."
                )
            _replay_breakers(
                stored,
                _chosen(breaker, export),
                _settings(setting),
                export,
                strategy,
                chart,
                as_json,
            )
        else:
            _replay_vix(stored, given, chart, as_json)
    except ValueError as error:
        _fail(str(error))


@dataclass(frozen=True)
class Stored:
    """Which stored candles to look at."""

    datadir: Path
    data_format: str
    pair: str
    timerange: str

    def ends(self) -> tuple[datetime | None, datetime | None]:
        return parse_timerange(self.timerange)

    def candles(self, pair: str, stop: datetime | None) -> DataFrame:
        return load_candles(self.datadir, pair, self.data_format, stop)


def _replay_vix(stored: Stored, given: dict[str, Any], chart: Path | None, as_json: bool) -> None:
    from perpkit.breakers.volatility import VolatilityLimits, timeline

    limits = VolatilityLimits(**{k: v for k, v in given.items() if v is not None})
    start, stop = stored.ends()
    candles = stored.candles(stored.pair, stop)
    result = vix_replay.summarise(timeline(limits, candles), start, stop)
    if chart is not None:
        _draw(candles, result.start, result.intervals, stored.pair, chart)
    if as_json:
        print(json.dumps(vix_replay.as_dict(result)))
    else:
        vix_replay.print_table(stored.pair, result)


def _replay_breakers(
    stored: Stored,
    names: Sequence[str],
    settings: dict[str, dict[str, Any]],
    export: Path | None,
    strategy: str | None,
    chart: Path | None,
    as_json: bool,
) -> None:
    given_start, given_stop = stored.ends()
    candles = stored.candles(stored.pair, given_stop)
    # From the close of the first candle to that of the last.
    start, stop = (candles["date"].iloc[n].to_pydatetime() + breaker_replay.HOUR for n in (0, -1))
    start = max(given_start or start, start)
    if start >= stop:
        raise BadInputError(f"timerange must overlap the stored candles, got {stored.timerange}")
    found = []
    for name in names:
        if name == breaker_replay.DRAWDOWN:
            assert export is not None
            moments = _drawdown(stored, export, strategy, settings.get(name, {}))
        else:
            parameters = settings.get(name, {})
            if name == VIX:
                parameters = {"pair": stored.pair, **parameters}
            moments = breaker_replay.market_moments(
                name,
                parameters,
                datadir=stored.datadir,
                data_format=stored.data_format,
                pairs=stored_pairs(stored.datadir, stored.data_format),
                start=start,
                stop=stop,
            )
        found += breaker_replay.stretches(
            name, ((at, decisions) for at, decisions in moments if start <= at < stop), stop
        )
    found.sort(key=lambda stretch: stretch.start)
    if chart is not None:
        _draw(candles, start, found, stored.pair, chart)
    if as_json:
        print(json.dumps(breaker_replay.as_dict(found, start, stop)))
    else:
        breaker_replay.print_table(found, start, stop)


def _drawdown(
    stored: Stored, export: Path, strategy: str | None, parameters: dict[str, Any]
) -> breaker_replay.Moments:
    from perpkit.research.marked import load_export

    stats = load_export(export, strategy)
    traded = sorted({trade["pair"] for trade in stats["trades"]})
    candles = {pair: stored.candles(pair, None) for pair in traded}
    return breaker_replay.drawdown_moments(stats, candles, parameters)


def _chosen(names: list[str], export: Path | None) -> list[str]:
    if "all" in names:
        return [name for name in ALL if export or name != breaker_replay.DRAWDOWN]
    for name in names:
        if name not in ALL:
            raise BadInputError(f"breaker must be one of {', '.join(ALL)} or all, got {name!r}")
    if breaker_replay.DRAWDOWN in names and export is None:
        raise BadInputError(f"{breaker_replay.DRAWDOWN} needs --export, a backtest result")
    return list(dict.fromkeys(names))


def _settings(given: list[str] | None) -> dict[str, dict[str, Any]]:
    """`Breaker.name=value` as parameters of each breaker; values are JSON, or else text."""
    settings: dict[str, dict[str, Any]] = {}
    for text in given or []:
        name, _, value = text.partition("=")
        breaker, _, parameter = name.partition(".")
        if breaker not in ALL or not parameter or not value:
            raise BadInputError(
                f"set must be like FlashCrashBreaker.name=value, for one of {', '.join(ALL)}, "
                f"got {text!r}"
            )
        try:
            settings.setdefault(breaker, {})[parameter] = json.loads(value)
        except ValueError:
            settings[breaker][parameter] = value
    return settings


def _draw(
    candles: DataFrame, start: datetime, found: Sequence[Shaded], pair: str, path: Path
) -> None:
    from perpkit.ops import chart

    shown = candles[candles["date"] >= start - timedelta(hours=1)]
    chart.write(chart.draw(shown, found, pair), path)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(2)
