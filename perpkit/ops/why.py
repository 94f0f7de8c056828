"""`perpkit why`: says why a pair was not entered, was of this size, or was left, and by how often.

It reads the decision log that a bot writes beside its trade database, or a backtest on request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from perpkit.ops.bot_files import (
    Config,
    DbUrl,
    Userdir,
    errors,
    places_of,
    user_directory,
)
from perpkit.ops.stored import BadInputError
from perpkit.ops.why_words import counted, sentence
from perpkit.record.decisions import Decision, Kind, as_row
from perpkit.record.decisions_read import Counted, DecisionsError, by_reason, newest, read
from perpkit.record.places import backtest_decisions

TIMES = [
    "%Y-%m-%d",
    "%Y%m%d",
    *(f"%Y-%m-%d{sign}%H:%M{rest}" for sign in "T " for rest in ("", ":%S")),
]


def why(
    pair: Annotated[
        str | None, typer.Argument(metavar="[PAIR]", help="Such as BTC/USDT:USDT, or BTC.")
    ] = None,
    time: Annotated[
        datetime | None,
        typer.Argument(metavar="[TIME]", formats=TIMES, help="UTC; the default is now."),
    ] = None,
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    backtest: Annotated[
        str | None,
        typer.Option(metavar="STRATEGY", help="Of this strategy's newest backtest, not of a bot."),
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="Only such decisions: the last exit, the last size.")
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--by-reason", help="A table of how often each reason came.")
    ] = False,
    since: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="UTC, for --by-reason and --all.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every decision of the period, oldest first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say why there was no entry, or this size, or this exit: the newest decision at TIME.

    Without a pair, it is the newest of every pair. The bot may run meanwhile. It exits with 1 where
    nothing had been decided yet.
    """
    with errors(DecisionsError):
        path = _log(config, userdir, db_url, backtest)
        found, damaged = read(path)
        asked = _pair(pair, found)
    at = _utc(time) or datetime.now(UTC)
    start = _utc(since)
    # A stop answers none of the three questions: it is shown when it is asked for.
    shown = everything or reasons
    found = [d for d in found if (d.kind is kind if kind else shown or d.kind is not Kind.STOP)]
    if reasons or everything:
        found = [d for d in found if d.begins <= at and (start is None or d.at >= start)]
        found = [d for d in found if asked is None or d.pair in (asked, "*")]
    if reasons:
        table = by_reason(found)
        _print([{**as_row(r.newest), **_totals(r)} for r in table], counted(table), as_json)
    else:
        found = found if everything else _newest(found, asked, at)
        _print([as_row(d) for d in found], [sentence(d) for d in found], as_json)
    if damaged:
        typer.echo(f"{damaged} damaged lines of {path} are left out.", err=True)
    if not found:
        about = f" about {asked}" if asked else ""
        typer.echo(f"Nothing was decided{about} by {at:%Y-%m-%d %H:%M:%S} UTC.", err=True)
        raise typer.Exit(1)


def _log(
    config: list[Path] | None, userdir: Path | None, db_url: str | None, backtest: str | None
) -> Path:
    """:raises BadInputError: if the bot or the backtest cannot be found"""
    if backtest is None:
        path = places_of(config, userdir, db_url).decisions
        hint = 'a dry-run or live bot writes it, unless "perpkit.decisions" is false'
    else:
        path = backtest_decisions(user_directory(config, userdir), backtest)
        hint = 'a backtest writes it with "perpkit": {"decisions": true} in its configuration'
    if not path.is_file() and not list(path.parent.glob(f"{path.name}.*[0-9]")):
        raise BadInputError(f"there is no decision log {path}: {hint}{_others(path)}")
    return path


def _others(path: Path) -> str:
    there = sorted(each.name for each in path.parent.glob("*.decisions.jsonl"))
    return f". There are: {', '.join(there)}" if there else ""


def _pair(asked: str | None, decisions: Sequence[Decision]) -> str | None:
    """Returns the pair in full.

    :raises BadInputError: naming the pairs of the log, if it has none of this name, or several
    """
    if asked is None:
        return None
    there = sorted({decision.pair for decision in decisions} - {"*"})
    wanted = asked.upper()
    fits = [p for p in there if p.upper() == wanted] or [p for p in there if wanted in _short(p)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise BadInputError(f"PAIR must be one of {', '.join(fits)}, got {asked!r}")
    named = ", ".join(there) or "none"
    raise BadInputError(f"PAIR must be in the decision log, got {asked!r}. There are: {named}")


def _short(pair: str) -> tuple[str, str, str]:
    """Returns how else a pair is written: BTC, BTC/USDT and BTCUSDT."""
    symbol = pair.split(":")[0].upper()
    return symbol.split("/")[0], symbol, symbol.replace("/", "")


def _newest(decisions: Sequence[Decision], pair: str | None, at: datetime) -> list[Decision]:
    def of(wanted: str) -> Decision | None:
        return newest(decisions, at, lambda d: d.pair in (wanted, "*"))

    pairs = [pair] if pair else sorted({decision.pair for decision in decisions})
    return [each for each in map(of, pairs) if each is not None]


def _totals(row: Counted) -> dict[str, Any]:
    return {"count": row.count, "pairs": list(row.pairs)}


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _print(rows: list[dict[str, Any]], lines: Sequence[str], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for line in lines:
        typer.echo(line)
