"""`perpkit breakers replay`: what breakers would have done on stored candles, without a bot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.bot.watching.found import USER_DATA
from perpkit.durations import HOUR
from perpkit.ops.bot_files import Userdir, fail
from perpkit.ops.breaker_choice import Replayable
from perpkit.ops.breaker_replay import (
    DRAWDOWN,
    Exported,
    Stored,
    drawdown_moments,
    market_moments,
)
from perpkit.ops.stored import BadInputError, say_if_marked
from perpkit.ops.stretches import Stretch, as_dict, locked_share, print_table, stretches
from perpkit.ops.vix_replay import VIX, level_limits, print_levels, summarise

# pandas, rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.bot.watching.protection import WatchedProtection

breakers = typer.Typer(help="Circuit breakers on stored candles.", no_args_is_help=True)


@breakers.callback()
def _group() -> None:
    """Keep `replay` a sub-command while it is the only one."""


# Unknown options arrive in the context: many of them name a parameter of a breaker.
@breakers.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def replay(
    context: typer.Context,
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
        typer.Option(
            help="Such as FlashCrashBreaker, or one in `protections` of the user directory; all "
            f"for every one. May be repeated. Default: the levels of {VIX}."
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of a breaker: FlashCrashBreaker.name=value."),
    ] = None,
    userdir: Userdir = None,
    export: Annotated[
        Path | None,
        typer.Option(help=f"Backtest result of Freqtrade, for the {DRAWDOWN}."),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Which strategy of the export, if it has several.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write the price, states shaded, to this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Replay breakers over 1h candles: a table, or JSON for tuning, and a chart.

    What is not given keeps the breakers' defaults. Candles before the time range warm them up.
    """
    stored = Stored(datadir, data_format, pair, timerange, userdir or USER_DATA)
    shown = Shown(chart, as_json)
    say_if_marked(datadir)
    try:
        names, settings = [VIX], {}
        if breaker or setting or context.args:
            known = Replayable.found(stored.userdir)
            if breaker:
                names = known.chosen(breaker, with_export=export is not None)
            known.refuse_options(context.args, names)
            settings = known.settings(setting or [], names)
        if breaker:
            chosen = {name: known.kinds[name] for name in names}
            exported = None if export is None else Exported(export, strategy)
            _replay_breakers(stored, chosen, settings, exported, shown)
        else:
            _replay_levels(stored, settings.get(VIX, {}), shown)
    except ValueError as error:
        fail(str(error))


@dataclass(frozen=True)
class Shown:
    """How the result is shown.

    :param chart: HTML file to draw to; None for no chart
    """

    chart: Path | None
    as_json: bool

    def draw(
        self, candles: DataFrame, start: datetime, found: Sequence[Stretch], pair: str
    ) -> None:
        if self.chart is None:
            return
        from perpkit.ops import chart

        shown = candles[candles["date"] >= start - HOUR]
        chart.write(chart.draw(shown, found, pair), self.chart)


def _replay_levels(stored: Stored, parameters: Mapping[str, Any], shown: Shown) -> None:
    from perpkit.breakers.volatility import timeline

    limits = level_limits(parameters, asset=stored.pair.partition("/")[0])
    start, stop = stored.ends()
    candles = stored.candles(stored.pair, stop)
    result = summarise(timeline(limits, candles), start, stop)
    shown.draw(candles, result.start, result.stretches, stored.pair)
    if shown.as_json:
        print(json.dumps(as_dict(result.stretches, result.blocked_share)))
    else:
        print_levels(stored.pair, result)


def _replay_breakers(
    stored: Stored,
    chosen: Mapping[str, type[WatchedProtection]],
    settings: Mapping[str, Mapping[str, Any]],
    exported: Exported | None,
    shown: Shown,
) -> None:
    given_start, given_stop = stored.ends()
    candles = stored.candles(stored.pair, given_stop)
    # From the close of the first candle to that of the last.
    start, stop = (candles["date"].iloc[n].to_pydatetime() + HOUR for n in (0, -1))
    start = max(given_start or start, start)
    if start >= stop:
        raise BadInputError(f"timerange must overlap the stored candles, got {stored.timerange}")
    found = []
    for name, kind in chosen.items():
        parameters = settings.get(name, {})
        if name == DRAWDOWN:
            assert exported is not None
            moments = drawdown_moments(exported, stored, parameters)
        else:
            moments = market_moments(kind, parameters, stored, start, stop)
        within = ((at, decisions) for at, decisions in moments if start <= at < stop)
        found += stretches(name, within, stop)
    found.sort(key=lambda stretch: stretch.start)
    shown.draw(candles, start, found, stored.pair)
    share = locked_share(found, start, stop)
    if shown.as_json:
        print(json.dumps(as_dict(found, share, also=("breaker", "pair", "side"))))
        return
    closing = (
        f"{start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}: {len(found)} intervals, entries of all "
        f"pairs blocked {share:.1%} of the time"
    )
    print_table(found, closing, level="state", several=True)
