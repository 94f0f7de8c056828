"""`perpkit breakers replay`: what breakers would have done on stored candles, without a bot."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.bot.watching.found import USER_DATA
from perpkit.breakers.stretches import Stretch
from perpkit.durations import HOUR
from perpkit.files.own_file import check_own
from perpkit.ops.bot_files import Userdir, fail
from perpkit.ops.breaker_choice import ALL, Replayable
from perpkit.ops.breaker_replay import Exported, Run, Stored, stored_run
from perpkit.ops.breaker_replay import replay as replayed
from perpkit.ops.chart import TITLE
from perpkit.ops.stored import BadInputError, say_if_marked
from perpkit.ops.stretches import as_dict, locked_share, print_table
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
    pair: Annotated[
        str | None,
        typer.Option(
            help="Market to watch and to draw. Default: BTC/USDT:USDT; with --export, each "
            "breaker's own."
        ),
    ] = None,
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
        typer.Option(
            help="Backtest result of Freqtrade: its candles, pairs and trades are replayed. Needed "
            "by breakers that look at trades, such as DrawdownBreaker."
        ),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Which strategy of the export, if it has several.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write the price, states shaded, to this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Replay breakers over 1h candles or a backtest: a table, or JSON for tuning, and a chart.

    What is not given keeps the breakers' defaults. Candles before the time range warm them up.
    With --export, the locks are those of that backtest if it had the same breakers.
    """
    stored = Stored(datadir, data_format, pair, timerange, userdir or USER_DATA)
    shown = Shown(chart, as_json)
    say_if_marked(datadir)
    try:
        if chart is not None:
            check_own(chart, "chart", "an earlier chart", TITLE.encode())
        names, settings = [VIX], {}
        if breaker or setting or context.args:
            known = Replayable.found(stored.userdir)
            if breaker:
                names = known.chosen(breaker, with_export=export is not None)
            known.refuse_options(context.args, names)
            settings = known.settings(setting or [], names)
        if breaker:
            chosen = {name: known.kinds[name] for name in names}
            exported = Exported(export, strategy) if export is not None else None
            left_out = known.left_out(export is not None) if ALL in breaker else None
            _replay_breakers(stored, chosen, settings, exported, shown, left_out)
        else:
            _replay_levels(stored, settings.get(VIX, {}), shown)
    except (ValueError, OSError) as error:
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

    limits = level_limits(parameters, asset=stored.shown_pair.partition("/")[0])
    start, stop = stored.ends()
    pair = stored.shown_pair
    candles = stored.candles(pair, stop)
    result = summarise(timeline(limits, candles), start, stop)
    shown.draw(candles, result.start, result.stretches, pair)
    if shown.as_json:
        print(json.dumps(as_dict(result.stretches, result.blocked_share)))
    else:
        print_levels(pair, result)


def _replay_breakers(
    stored: Stored,
    chosen: Mapping[str, type[WatchedProtection]],
    settings: Mapping[str, Mapping[str, Any]],
    exported: Exported | None,
    shown: Shown,
    left_out: Sequence[str] | None,
) -> None:
    """:param left_out: with all breakers: why others are not among them; a breaker that cannot be
    replayed with its parameters is then left out, too"""
    run = _stored(stored) if exported is None else exported.run(stored)
    start, stop = _within(stored, run)
    breakers = run.breakers(chosen, settings)
    for why in left_out or ():
        print(f"{why}.", file=sys.stderr)
    breakers = [one for one in breakers if _counts(one, every=left_out is not None)]
    result = replayed(run, breakers)
    for pair in result.unlike:
        print(
            f"The funding of {pair} cannot be recomputed from the stored rates and mark prices: "
            "that of its trades counts as they close.",
            file=sys.stderr,
        )
    found = [one for one in result.stretches if one.until > start and one.start < stop]
    found = [one.between(start, stop) for one in found]
    if shown.chart is not None:
        pair = stored.shown_pair
        shown.draw(stored.candles(pair, stop, run.timeframe), start, found, pair)
    share = locked_share(found, start, stop)
    if shown.as_json:
        document = as_dict(found, share, also=("breaker", "pair", "side"))
        locks = [lock for lock in result.locks if _overlaps(lock, start, stop)]
        print(json.dumps({**document, "locks": locks}))
        return
    closing = (
        f"{start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}: {len(found)} intervals, entries of all "
        f"pairs blocked {share:.1%} of the time"
    )
    print_table(found, closing, level="state", several=True)


def _stored(stored: Stored) -> Run:
    """From the close of the first candle to that of the last."""
    start, stop = stored.ends()
    dates = stored.candles(stored.shown_pair, stop)["date"]
    first, last = (dates.iloc[n].to_pydatetime() + HOUR for n in (0, -1))
    first = max(start or first, first)
    if first >= last:
        raise BadInputError(f"timerange must overlap the stored candles, got {stored.timerange}")
    return stored_run(stored, first, last)


def _within(stored: Stored, run: Run) -> tuple[datetime, datetime]:
    """What is shown of a run; a breaker's state depends on all that was before."""
    start, stop = stored.ends()
    start, stop = max(start or run.start, run.start), min(stop or run.stop, run.stop)
    if start >= stop:
        raise BadInputError(
            f"timerange must overlap the backtest ({run.start:%Y%m%d}-{run.stop:%Y%m%d}), got "
            f"{stored.timerange}"
        )
    return start, stop


def _counts(breaker: WatchedProtection, every: bool) -> bool:
    """Whether it can be replayed; with `every`, one that cannot is left out with a line.

    :raises BadInputError: if it cannot, and was asked for by its name
    """
    why = breaker.cannot_replay()
    if why is None:
        return True
    said = f"{breaker.name} cannot be replayed: {why}"
    if not every:
        raise BadInputError(said)
    print(f"{said}.", file=sys.stderr)
    return False


def _overlaps(lock: Mapping[str, Any], start: datetime, stop: datetime) -> bool:
    """Of a lock as Freqtrade exports it, with times in milliseconds."""
    begins, ends = lock["lock_timestamp"] / 1000, lock["lock_end_timestamp"] / 1000
    return bool(begins < stop.timestamp() and ends > start.timestamp())
