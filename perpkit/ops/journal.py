"""`perpkit journal`: lists the orders that the bot sent, and their outcomes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, bot_files, errors
from perpkit.record.journal import Journal, JournalEntry, JournalError

if TYPE_CHECKING:
    from perpkit.ops.bot_files import BotFiles

DAYS = ["%Y-%m-%d", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


def journal(
    order: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One order in full: client id, or the exchange's."),
    ] = None,
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Without an answer, or not yet in the trade database.")
    ] = False,
    pair: Annotated[str | None, typer.Option(help="Such as BTC/USDT:USDT.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=DAYS, help="UTC.")] = None,
    newest: Annotated[int, typer.Option("--newest", "-n", min=1, help="How many.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Print the orders that the bot was about to send: pair, strategy, intent, outcome.

    The newest come last. The bot may run meanwhile. It exits with 1 where no order has that ID.
    """
    with errors(JournalError):
        files = bot_files(config, userdir, db_url)
        entries = _entries(files, since)
    if order is not None:
        found = [e for e in entries if order in (e.intent.client_id, e.order_id)]
    else:
        found = [e for e in entries if e.is_open or not only_open]
    if pair is not None:
        found = [entry for entry in found if entry.intent.pair == pair]
    found = found[-newest:]
    if as_json:
        typer.echo(json.dumps([_as_dict(entry) for entry in found], indent=1))
    elif order is not None:
        for entry in found:
            _print_one(entry)
    elif found:
        _print_table(found)
    if not found and not as_json:
        what = f"order {order}" if order is not None else "such order"
        typer.echo(f"There is no {what} in {files.journal}", err=True)
    if order is not None and not found:
        raise typer.Exit(1)


def _entries(files: BotFiles, since: datetime | None) -> list[JournalEntry]:
    opened = Journal.open(files.journal)
    try:
        start = since.replace(tzinfo=UTC) if since is not None else None
        return opened.entries(int(start.timestamp() * 1000) if start is not None else 0)
    finally:
        opened.close()


def _as_dict(entry: JournalEntry) -> dict[str, Any]:
    intent = asdict(entry.intent)
    return {
        **intent,
        "purpose": entry.intent.purpose.name.lower(),
        "at": _time(intent["at"]).isoformat(),
        "outcome": str(entry.outcome),
        "order_id": entry.order_id,
        "note": entry.note,
        "changed": _time(entry.changed).isoformat(),
    }


def _print_one(entry: JournalEntry) -> None:
    rows = _as_dict(entry)
    for name, value in rows.items():
        shown = "" if value is None else str(value)
        typer.echo(f"{name.replace('_', ' '):<12} {shown}".rstrip())


def _print_table(entries: list[JournalEntry]) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console

    columns = ("time (UTC)", "pair", "strategy", "intent", "outcome", "client id", "order id")
    table = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for column in (*table.columns[:3], *table.columns[5:]):
        column.no_wrap = True
    for entry in entries:
        intent = entry.intent
        table.add_row(
            f"{_time(intent.at):%Y-%m-%d %H:%M:%S}",
            intent.pair,
            intent.strategy,
            _words(entry),
            f"{entry.outcome}: {entry.note}" if entry.note else str(entry.outcome),
            intent.client_id,
            entry.order_id or "",
        )
    wide_console(240).print(table)


def _words(entry: JournalEntry) -> str:
    """Describes an intent, such as "stop: sell 0.01 stop_market at 29000"."""
    intent = entry.intent
    price = intent.stop_price if intent.stop_price is not None else intent.price
    at = f" at {price:g}" if price is not None else ""
    return f"{intent.purpose.name.lower()}: {intent.side} {intent.amount:g} {intent.type}{at}"


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
