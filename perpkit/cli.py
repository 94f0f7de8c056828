"""The `perpkit` command: tasks that Freqtrade's own command line does not cover."""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from typing import Annotated

import typer

from perpkit import __version__
from perpkit.ops.adopt import adopt
from perpkit.ops.compare import compare
from perpkit.ops.data import data
from perpkit.ops.doctor.command import doctor
from perpkit.ops.equity import equity
from perpkit.ops.fleet.command import fleet
from perpkit.ops.golive import golive
from perpkit.ops.help_words import show_no_type_of_flags
from perpkit.ops.holdout import holdout
from perpkit.ops.journal import journal
from perpkit.ops.keys.command import keys
from perpkit.ops.metrics.command import metrics
from perpkit.ops.new.command import new
from perpkit.ops.parameters import parameters
from perpkit.ops.passed import passed_or_why
from perpkit.ops.plateau import plateau
from perpkit.ops.replay import breakers
from perpkit.ops.report import report
from perpkit.ops.resume import resume
from perpkit.ops.state import state
from perpkit.ops.stop.command import stop
from perpkit.ops.stress import stress
from perpkit.ops.verdict import verdict
from perpkit.ops.walkforward import walkforward
from perpkit.ops.webhook.command import webhook
from perpkit.ops.why import why
from perpkit.venue.cli import venue

# Such as of a full disk behind stdout.
_OF_A_STREAM = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)

show_no_type_of_flags()
app = typer.Typer(
    help="Tools beside Freqtrade for Binance USD-M perpetuals.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(breakers, name="breakers")
app.add_typer(data, name="data")
app.add_typer(fleet, name="fleet")
app.add_typer(holdout, name="holdout")
app.add_typer(keys, name="keys")
app.command("adopt")(adopt)
app.command("compare")(compare)
app.command("doctor")(doctor)
app.command("equity")(equity)
app.command("golive")(golive)
app.command("journal")(journal)
app.command("metrics")(metrics)
app.command("new")(new)
app.command("parameters")(parameters)
app.command("plateau")(plateau)
app.command("report")(report)
app.command("resume")(resume)
app.command("state")(state)
app.command("stop")(stop)
app.command("stress")(stress)
app.command("venue")(venue)
app.command("verdict")(verdict)
app.command("walkforward")(walkforward)
app.command("webhook")(webhook)
app.command("why")(why)


@app.callback()
def _start(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print versions: Perpkit, and Freqtrade and ccxt as installed and last passed.",
            is_eager=True,
            callback=lambda asked: _print_versions() if asked else None,
        ),
    ] = False,
) -> None:
    """Options of the command itself."""


def _print_versions() -> None:
    passed, why_none = passed_or_why()
    typer.echo(f"perpkit {__version__}")
    for name in ("freqtrade", "ccxt"):
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "is not installed"
        last = ""
        if passed is not None:
            with_ = getattr(passed, name)
            last = f" (contracts and rehearsal last passed with {with_}, on {passed.at})"
        typer.echo(f"{name} {found}{last}")
    if why_none:
        typer.echo(why_none)
    raise typer.Exit


def main() -> None:
    """Entry point of the console script."""
    _make_streams_usable()
    try:
        app()
    except OSError as error:
        if error.errno not in _OF_A_STREAM:
            raise
        sys.exit(f"Error: {error}")


def _make_streams_usable() -> None:
    """Neither a closed stream nor a sign that a terminal cannot show ends a command."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            errors = "backslashreplace" if mode == "w" else "replace"
            setattr(sys, name, open(os.devnull, mode, errors=errors))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
