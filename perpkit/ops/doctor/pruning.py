"""`perpkit doctor --prune 90d`: removes old closed trades from the database, after a backup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from perpkit.ops.doctor.running import running_state
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from perpkit.ops.bot_config import BotConfig
    from perpkit.record.pruning import Pruned

_AGE = re.compile(r"([1-9]\d{0,4})d")


def pruned(bot: BotConfig, age: str, now: datetime) -> tuple[Pruned, list[str]]:
    """Removes old trades; returns what was removed, and sentences about it.

    :param age: such as "90d": how long ago a trade must have closed, at least, to be removed
    :raises BadInputError: without removing anything, if age or database cannot be used, or the
        bot runs
    """
    from perpkit.record.pruning import PruningError, prune

    before = now - _age(age)
    path = _file(bot)
    try:
        with _no_bot(bot, now):
            done = prune(path, before, _needed(bot.places.journal), now)
    except PruningError as error:
        raise BadInputError(str(error)) from error
    return done, list(_words(bot, done, before))


def _age(text: str) -> timedelta:
    from perpkit.record.pruning import LEAST_DAYS

    match = _AGE.fullmatch(text)
    if match is None or int(match[1]) < LEAST_DAYS:
        raise BadInputError(
            f"--prune must be days such as 90d, at least {LEAST_DAYS}d, for breakers and sizes "
            f"count the trades of the last 30 days; got {text!r}"
        )
    return timedelta(days=int(match[1]))


def _file(bot: BotConfig) -> Path:
    from perpkit.record.trade_database import DatabaseError, TradeDatabase

    try:
        path = TradeDatabase.at(bot.db_url, read_only=True).file
    except DatabaseError as error:
        raise BadInputError(f"--prune: {error}") from None
    if path is None:
        raise BadInputError("--prune is for SQLite: prune another database by its own tools")
    return path.absolute()


@contextmanager
def _no_bot(bot: BotConfig, now: datetime) -> Iterator[None]:
    """Ensures that no bot runs, and that none starts in the meantime."""
    from filelock import FileLock, Timeout

    lock = bot.places.lock
    if (state := running_state(bot, now)) is not None:
        seconds = state.age_seconds(now)
        raise BadInputError(
            f"--prune: the bot was there {seconds:.0f} s ago; end it, and wait for a minute"
        )
    if lock is None:
        yield
        return
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise BadInputError("--prune: the bot runs; end it before") from None


def _needed(journal: Path | None) -> list[str]:
    """Returns the orders for which the journal does not know yet whether the database has them."""
    from perpkit.record.journal import Journal, JournalError

    if journal is None or not journal.is_file():
        return []
    try:
        opened = Journal.open(journal, read_only=True)
        try:
            return [e.order_id for e in opened.open_entries() if e.order_id is not None]
        finally:
            opened.close()
    except JournalError as error:
        raise BadInputError(f"--prune: {error}; mend that before: perpkit doctor") from None


def _words(bot: BotConfig, done: Pruned, before: datetime) -> Iterator[str]:
    yield (
        f"{done.trades} trades that closed before {before:%Y-%m-%d %H:%M} UTC are gone, with "
        f"{done.orders} orders; {done.bytes_before / 1e6:,.1f} MB became "
        f"{done.bytes_after / 1e6:,.1f} MB. The database as it was: {done.backup}"
    )
    if not done.trades:
        return
    option = "available_capital" if "available_capital" in bot.config else "dry_run_wallet"
    if option == "dry_run_wallet" and not bot.dry_run:
        return
    yield (
        f"Their profit was {done.profit:+,.2f} {bot.config.get('stake_currency')}, which Freqtrade "
        f'adds to "{option}" no more: raise that by as much in the configuration, or the balance '
        "changes"
    )
