"""`perpkit fleet`: status, stop, pairs, watch, metrics and report of several bots at once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import errors
from perpkit.ops.metrics import command as exporting
from perpkit.ops.stop import command as stopping
from perpkit.ops.stop.several import exit_code
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from perpkit.ops.fleet.fleet_file import Fleet
    from perpkit.ops.fleet.readings import Member
    from perpkit.ops.fleet.watch import Look

fleet = typer.Typer(
    help="Several bots, on one account or on several, as one.", no_args_is_help=True
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file of the fleet.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
_FILE = Path("fleet.toml")


@fleet.command()
def status(file: File = _FILE, as_json: Json = False) -> None:
    """Show all bots in one table, from the state files that they write each cycle.

    It exits with 1 when the state of a bot is missing, damaged or old, or a bot does not follow the
    fleet.
    """
    from perpkit.ops.fleet.readings import read
    from perpkit.ops.fleet.shown import COLUMNS, against, as_dict, below, cells, rows
    from perpkit.ops.fleet.watch import rules_of

    found, members = _read(file)
    now = datetime.now(UTC)
    readings, rules = [read(member, now) for member in members], rules_of(found)
    wrong = against(found.folder, rules)
    if as_json:
        content = {**as_dict(readings, now), "fleet": wrong}
        typer.echo(json.dumps(content, indent=2))
    else:
        _print(COLUMNS, [cells(row) for row in rows(readings, now)])
        for line in below(readings, found.folder, rules):
            typer.echo(line)
    if wrong or any(each.problem or each.member.unled for each in readings):
        raise typer.Exit(1)


@fleet.command()
def stop(
    file: File = _FILE,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This bot's account; may be repeated."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--everything", help="All positions and orders, whosever they are."),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what it would do; send and write nothing.")
    ] = False,
    why: Annotated[str, typer.Option(help="Kept in the latches, as the reason.")] = "",
    timeout: Annotated[
        int, typer.Option(min=10, max=86_400, help="Seconds, after which it gives up.")
    ] = stopping.SECONDS,
    as_json: Json = False,
) -> None:
    """Emergency stop of all bots at once: `perpkit stop` for each.

    Bots with one key trade on one account and are stopped together. A bot whose entry in the file
    is wrong does not keep the others from being stopped.
    """
    from perpkit.ops.fleet.fleet_file import entries_to_stop
    from perpkit.ops.fleet.stopping import chosen, stop_fleet

    with errors():
        entries = entries_to_stop(file)
        bots = chosen(entries, only or [])
    stopping.outlive_terminal()
    given = stopping.options(everything=everything, preview=preview, why=why, timeout=timeout)
    # An entry whose key cannot be read is not stopped, so its key does not matter.
    one_key = len({key for key, _ in entries if key}) == 1
    reports = stop_fleet(bots, given, timeout, stopping.say, one_key=one_key)
    stopping.show(reports, {"bots": [report.as_dict() for report in reports]}, as_json)
    raise typer.Exit(exit_code(reports))


@fleet.command()
def pairs(file: File = _FILE, as_json: Json = False) -> None:
    """Write down which bot owns which pair, where the bots read it, and show who holds what.

    Run it after each change of the file. It exits with 1 when a bot holds a pair of another one.
    """
    from perpkit.ops.fleet.shown import against
    from perpkit.ops.fleet.watch import rules_of
    from perpkit.record.fleet import FleetError

    found, members = _read(file)
    rules = rules_of(found)
    with errors(OSError, FleetError):
        found.folder.write_rules(rules)
        claims = found.folder.claims()
    wrong = against(found.folder, rules)
    wrong += [f"{each.bot.name}: {each.unled}" for each in members if each.unled]
    if as_json:
        held = {claim.pair: claim.bot for claim in claims}
        typer.echo(json.dumps({"owners": rules.pairs, "held": held, "wrong": wrong}, indent=2))
    else:
        known = [(pair, bot, "owns it") for pair, bot in sorted(rules.pairs.items())]
        first = [(each.pair, each.bot, f"since {each.at:%Y-%m-%d %H:%M} UTC") for each in claims]
        _print(("pair", "bot", ""), [*known, *first])
        for line in wrong:
            typer.echo(line)
    if wrong:
        raise typer.Exit(1)


@fleet.command()
def watch(
    file: File = _FILE,
    interval: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds between two looks.")
    ] = 10,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; exit with 1 if all is not well.")
    ] = False,
    new_peak: Annotated[
        bool,
        typer.Option(
            "--new-peak",
            help="Start the highest equity afresh, such as after a withdrawal.",
        ),
    ] = False,
) -> None:
    """Hold the limits over the sum of all bots, and say what changes.

    Exposure beyond max_gross sets the stop latches to REDUCING, a drawdown of max_drawdown sets
    them to HALTED; `perpkit resume` clears them. While a sum is not known, and from three
    intervals and half a minute after the last look, no bot of the fleet enters.
    """
    from perpkit.ops.fleet.watch import look, rules_of

    found, members = _read(file)
    step = timedelta(seconds=interval)
    with errors(OSError):
        if not found.limits.given:
            raise BadInputError(f"{file}: limits must have max_gross or max_drawdown, has none")
        found.folder.write_rules(rules_of(found))
        said: set[str] = set()
        # Modes whose peak is still to be set: their sum may not be known yet.
        to_reset = {member.mode for member in members if new_peak}
        while True:
            seen = look(found, members, datetime.now(UTC), step, new_peak=to_reset)
            to_reset -= {mode for mode, peak in seen.peaks.items() if peak is not None}
            said = _say_new(seen, said)
            if once:
                raise typer.Exit(0 if seen.well else 1)
            time.sleep(interval)


@fleet.command()
def metrics(
    file: File = _FILE, host: exporting.Host = exporting.HOST, port: exporting.Port = exporting.PORT
) -> None:
    """Export what all bots report to Prometheus, as `perpkit metrics` does."""
    _, members = _read(file)
    with errors():
        exporting.check_can_export()
        from perpkit.ops.metrics.collector import Bot

        exporting.export([Bot(each.bot.name, each.state) for each in members], host, port)


@fleet.command()
def report(file: File = _FILE, as_json: Json = False) -> None:
    """Show what all bots have made, from their trade databases."""
    from perpkit.ops.fleet.trades import COLUMNS, cells, results
    from perpkit.record.trade_database import DatabaseError

    _, members = _read(file)
    with errors(DatabaseError):
        rows = results(members)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(COLUMNS, map(cells, rows))


def _read(file: Path) -> tuple[Fleet, list[Member]]:
    # Freqtrade and pydantic load there, so that `perpkit --help` stays quick.
    from perpkit.ops.fleet.fleet_file import read_fleet
    from perpkit.ops.fleet.readings import members

    with errors():
        found = read_fleet(file)
        return found, members(found)


def _say_new(seen: Look, before: set[str]) -> set[str]:
    """Prints what was done, and what was not so at the look before; its figures do not count.

    :return: what is not well now, without its figures
    """
    from perpkit.record.decisions import words_of

    lines = [f"{each.state.upper()}: {each.why}" for each in seen.broken] + seen.problems
    lines += [f"no entries: {seen.hold}"] * bool(seen.hold)
    said = [*seen.set, *(line for line in lines if words_of(line) not in before)]
    said += ["all is well again"] * bool(before and not lines)
    with suppress(OSError):  # a log on a full disk does not end the watch
        for line in said:
            typer.echo(f"{seen.at:%Y-%m-%d %H:%M:%S} UTC {line}")
    return {words_of(line) for line in lines}


def _print(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    wide_console().print(table)
