"""`perpkit doctor`: runs the checks and prints what they find."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, errors, fail
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.level import Level

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context
    from perpkit.ops.doctor.finding import Table as Rows

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red", Level.SKIPPED: "dim"}


def doctor(
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    datadir: Annotated[
        Path | None, typer.Option("--datadir", help="Of stored candles; default: as Freqtrade's.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask neither the exchange nor anybody else.")
    ] = False,
    capital: Annotated[
        float | None,
        typer.Option(min=0.0, help="Per pair, what this much of stake currency can trade."),
    ] = None,
    prune: Annotated[
        str | None,
        typer.Option(
            metavar="90d",
            help="Instead: remove trades that closed so long ago, after a backup of the database.",
        ),
    ] = None,
    upgrade: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Instead: try that Freqtrade with this Perpkit, in an environment of its own.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Check everything that a run needs, in order, with a fix for each finding.

    It reads the configuration as Freqtrade does, and changes nothing but by --prune. It exits with
    0 when nothing is found, with 1 when something is, and with 2 for an option that cannot be used.
    """
    if upgrade is not None:
        given = {
            "--config": config or None,
            "--userdir": userdir,
            "--db-url": db_url,
            "--datadir": datadir,
            "--offline": offline or None,
            "--capital": capital,
            "--prune": prune,
        }
        if unused := [name for name, value in given.items() if value is not None]:
            fail(f"--upgrade reads no configuration and goes with --json only, got {unused[0]}")
        _upgrade(upgrade, as_json)
        return
    if prune is not None:
        _prune(config, userdir, db_url, prune, as_json)
        return
    from perpkit.ops.doctor.registry import CHECKS
    from perpkit.ops.doctor.run import run

    with errors(), _only_looking():
        context = _context(config, userdir, db_url, datadir, capital)
        found = []
        for each in run(CHECKS, context, offline=offline):
            found.append(each)
            _show_step(each.check, as_json=as_json)
        _show_step("", as_json=as_json)
    if as_json:
        typer.echo(json.dumps(_document(context.now, found), indent=2))
    else:
        _print(found)
    _exit(found)


def _exit(found: Iterable[Finding]) -> None:
    if any(each.level.is_finding for each in found):
        raise typer.Exit(1)


def _show_step(words: str, *, as_json: bool) -> None:
    """Shows on a terminal what goes on, in one line that is overwritten."""
    if not as_json and sys.stderr.isatty():
        typer.echo(f"\r{words}\033[K", err=True, nl=False)


def _context(
    config: list[Path] | None,
    userdir: Path | None,
    db_url: str | None,
    datadir: Path | None,
    capital: float | None,
) -> Context:
    """Reads the configuration; if Freqtrade refuses it, that is a finding, not an error.

    :raises BadInputError: if there is none at all
    """
    from perpkit.ops.bot_config import files_of, read_config
    from perpkit.ops.doctor.context import Context
    from perpkit.ops.stored import BadInputError

    files = files_of(config, userdir)
    try:
        read: Any = read_config(files, userdir, db_url, datadir)
    except BadInputError as error:
        read = str(error)
    return Context(datetime.now(UTC), files, read, capital)


def _prune(
    config: list[Path] | None, userdir: Path | None, db_url: str | None, age: str, as_json: bool
) -> None:
    from perpkit.ops.bot_config import read_config
    from perpkit.ops.doctor.pruning import pruned

    with errors(), _only_looking():
        done, words = pruned(read_config(config, userdir, db_url), age, datetime.now(UTC))
    if as_json:
        content = {**asdict(done), "backup": str(done.backup), "words": words}
        typer.echo(json.dumps(content, indent=2))
        return
    for text in words:
        typer.echo(f"{text}.")


def _upgrade(version: str, as_json: bool) -> None:
    from perpkit.ops.upgrade.trying import try_out

    try:
        with errors():
            found = try_out(version, lambda words: _show_step(words, as_json=as_json))
    finally:
        _show_step("", as_json=as_json)
    if as_json:
        typer.echo(json.dumps(_document(datetime.now(UTC), found), indent=2))
    else:
        _print(found)
    _exit(found)


@contextmanager
def _only_looking() -> Iterator[None]:
    """Silences all logs, and keeps Python from writing compiled files of the modules it loads."""
    writes, disabled = sys.dont_write_bytecode, logging.root.manager.disable
    sys.dont_write_bytecode = True
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        logging.disable(disabled)


def _document(now: datetime, found: Iterable[Finding]) -> dict[str, Any]:
    findings = [
        {
            "check": f.check,
            "level": f.level.value,
            "words": f.words,
            "fix": f.fix,
            "table": [dict(zip(f.table.columns, row, strict=True)) for row in f.table.rows]
            if f.table
            else None,
        }
        for f in found
    ]
    counts = {level.value: sum(f["level"] == level for f in findings) for level in Level}
    return {"at": now.isoformat(timespec="seconds"), "counts": counts, "findings": findings}


def _table(shown: Rows) -> Any:
    from rich.table import Table

    table = Table(*shown.columns, box=None, padding=(0, 1, 0, 0))
    for row in shown.rows:
        table.add_row(*row)
    return table


def _print(found: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from perpkit.ops.stored import wide_console

    table = Table("", "check", "what was found", box=None, padding=(0, 1, 0, 0))
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    last = ""
    for each in found:
        name = each.check if each.check != last else ""
        last = each.check
        table.add_row(Text(each.level.upper(), _STYLES[each.level]), name, each.words)
        if each.fix:
            table.add_row("", "", Text(f"-> {each.fix}", "bold"))
        if each.table:
            table.add_row("", "", _table(each.table))
    console = wide_console()
    console.print(table)
    counts = {level: sum(each.level is level for each in found) for level in Level}
    console.print(
        f"{counts[Level.FAIL]} failed, {counts[Level.WARN]} warnings, {counts[Level.OK]} in order, "
        f"{counts[Level.SKIPPED]} skipped"
    )
