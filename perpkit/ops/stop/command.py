"""`perpkit stop`: latches an account and closes its bot's positions, in any state of the bot."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, errors, fail
from perpkit.ops.stop.accounts import read_accounts
from perpkit.ops.stop.report import Report, shown
from perpkit.ops.stop.several import exit_code, stop_all
from perpkit.ops.stored import BadInputError

SECONDS = 300


def stop(
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    accounts: Annotated[
        Path | None,
        typer.Option(help="A TOML file of several accounts, which are stopped at once."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With --accounts: this one; may be repeated."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything", help="All positions and orders of the account, whosever they are."
        ),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what it would do; send and write nothing.")
    ] = False,
    why: Annotated[str, typer.Option(help="Kept in the latch, for whoever finds it.")] = "",
    timeout: Annotated[
        int, typer.Option(min=10, max=86_400, help="Seconds, after which it gives up.")
    ] = SECONDS,
    rest_url: Annotated[
        str | None, typer.Option(help="Of the bot's API; default: where it listens.")
    ] = None,
    may_be_live: Annotated[bool, typer.Option("--may-be-live", hidden=True)] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON only; what is done is said on stderr.")
    ] = False,
) -> None:
    """Emergency stop: latch the account, and close all that its bot holds, at market.

    The stop latch is written first: from then on every bot of the account with Perpkit opens
    nothing, even after a wake-up or a restart, until `perpkit resume`. A bot that is alive closes
    its positions itself; one that hangs is ended; for one that is dead they are closed at the
    exchange. What is not the bot's is left alone, except with --everything. It may be run again at
    any time.

    It exits with 0 when the account is latched and flat, with 1 when either of these is false or
    not known, and with 2 for a mistake in what was given.
    """
    with errors():
        if only and accounts is None:
            raise BadInputError("--only needs --accounts")
        if accounts is not None and (config or userdir or db_url or rest_url):
            raise BadInputError("--accounts names the bots: give no -c, --userdir, --db-url, ...")
        entries = read_accounts(accounts, only) if accounts is not None else []
    outlive_terminal()
    if entries:
        given = options(everything=everything, preview=preview, why=why, timeout=timeout)
        reports = stop_all(entries, given, timeout, say)
        show(reports, {"accounts": [report.as_dict() for report in reports]}, as_json)
        raise typer.Exit(exit_code(reports))
    # Freqtrade and ccxt load there, so that `perpkit --help` stays quick.
    from perpkit.ops.stop.one_account import StopRequest, stop_account

    order = StopRequest(
        config, userdir, db_url, everything, preview, why, timeout, rest_url, may_be_live
    )
    report = stop_account(order, say)
    show([report], report.as_dict(), as_json)
    if report.mistake:
        fail(report.mistake, report.exit_code)
    raise typer.Exit(report.exit_code)


def say(text: str) -> None:
    with suppress(OSError):  # a closed terminal must not end the stop
        typer.echo(text, err=True)


def outlive_terminal() -> None:
    """Ignores SIGHUP: a broken connection must not leave an account half closed."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def options(*, everything: bool, preview: bool, why: str, timeout: int) -> list[str]:
    """Returns the command line options for the process of one account among several."""
    found = [f"--timeout={timeout}"]
    found += ["--everything"] * everything + ["--preview"] * preview
    return [*found, f"--why={why}"] if why else found


def show(reports: list[Report], content: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        _print(reports)


def _print(reports: list[Report]) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console

    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for number, report in enumerate(reports):
        if number:
            table.add_row()
        for row in shown(report):
            table.add_row(*row)
    wide_console().print(table)
