"""`perpkit adopt`: lets a bot continue with a copied folder, restored backup or lost journal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import BotFiles, Config, DbUrl, Userdir, bot_files, errors
from perpkit.ops.stored import BadInputError
from perpkit.record.bot_lock import is_held
from perpkit.record.journal import Journal, JournalError

# SQLAlchemy loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.record.opening import JournalFinding
    from perpkit.record.trade_database import TradeDatabase


def adopt(
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Let the bot trade with these files, which it reports as a copy, restored or damaged.

    It changes neither trades nor orders, and stops stay. For a copied folder, end the other bot
    first: if both run, each takes the positions for its own.
    """
    from perpkit.record import opening
    from perpkit.record.opening import JournalState
    from perpkit.record.trade_database import DatabaseError, TradeDatabase

    with errors(DatabaseError, JournalError, OSError):
        files = bot_files(config, userdir, db_url)
        database = TradeDatabase.at(files.db_url)
        found = opening.assess(files.journal, database)
        if found.state.is_sound:
            _say_sound(files, found.state is JournalState.FIRST)
            return
        if not found.state.may_be_adopted:
            raise BadInputError(found.words)
        _show(files, found, database)
        if not yes and not typer.confirm("Make this one the bot?"):
            typer.echo("Nothing was changed.")
            raise typer.Exit(1)
        aside = opening.adopt(files.journal, database, found, int(time.time() * 1000))
    if aside is not None:
        typer.echo(f"What was there is kept as {aside}")
    typer.echo(f"The journal {files.journal} is the bot's now.")
    if not is_held(files.lock, unknown=False):
        typer.echo("It does not run: start it.")
    elif found.state.others_may_know_more:
        typer.echo("It runs, and goes on within a minute.")
    else:
        typer.echo("It runs: /reload_config lets it use the journal.")


def _say_sound(files: BotFiles, first: bool) -> None:
    if first:
        raise BadInputError(
            f"There is no journal {files.journal} yet: the bot writes it when it starts"
        )
    if is_held(files.lock, unknown=False):
        raise BadInputError(f"The bot runs, and its journal {files.journal} is sound")
    typer.echo(f"The journal {files.journal} is the bot's own: there is nothing to adopt.")


def _show(files: BotFiles, found: JournalFinding, database: TradeDatabase) -> None:
    typer.echo(f"{found.words}.")
    typer.echo(f"Journal:    {files.journal}")
    typer.echo(f"Database:   {database.name}")
    typer.echo(f"Last start: {_last_start(files)}")
    stops = [o for o in database.orders_of_open_trades() if o.kind == "stoploss"]
    for trade in database.open_trades():
        side = "short" if trade.is_short else "long"
        own = [f"{o.order_id} at {o.stop_price}" for o in stops if o.pair == trade.pair]
        listed = ", ".join(own) or "none"
        typer.echo(f"Trade {trade.id}: {side} {trade.amount:g} {trade.pair}; stops: {listed}")


def _last_start(files: BotFiles) -> str:
    from perpkit.record.opening import PLACE

    try:
        journal = Journal.open(files.journal)
        try:
            starts, place = journal.starts(), journal.about(PLACE)
        finally:
            journal.close()
    except JournalError as error:
        return f"not known: {error}"
    if not starts:
        return "not known: the journal has none"
    nonce, at, strategy = starts[-1]
    return f"{_minute(at)} UTC, {strategy} ({nonce}), at {place}"


def _minute(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}"
