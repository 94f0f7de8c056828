"""Assesses the state in which a bot finds its journal at the start, and takes journals over.

Trade database and journal refer to each other: the database has the journal's id, both count how
often they were opened together, and the journal has the identity of its own file
(`perpkit.record.identity`). This distinguishes a copy, a restored backup and a missing file.
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from secrets import token_hex

from perpkit.record.identity import identity
from perpkit.record.journal import Intent, Journal, JournalError, Outcome, SchemaError
from perpkit.record.order_ids import Purpose
from perpkit.record.trade_database import StoredOrder, TradeDatabase

# Keys in Freqtrade's KeyValueStore.
TAG_KEY = "perpkit_order_tag"
JOURNAL_KEY = "perpkit_journal"  # the journal's id
OPENED_KEY = "perpkit_opened"  # how often journal and database were opened together
FILE_KEY = "perpkit_database"  # identity of the database's own file
# Keys in the journal's description of itself.
ID, IDENTITY, PLACE, ADOPTED_AT = "id", "identity", "place", "adopted_at"
OPENING, OPENED = "opening", "opened"  # that count, written before and after the database's

TAKEN_OVER = "taken over from the trade database"


class JournalState(StrEnum):
    SOUND = "sound"
    FIRST = "first"  # the database has had no journal so far
    COPY = "copy"  # of a folder or a database; the original may be trading
    MISSING = "missing"
    DAMAGED = "damaged"
    NEWER = "newer"  # written by a newer Perpkit
    UNWRITABLE = "unwritable"
    UNFIT = "unfit"  # belongs to another database
    OLDER_DATABASE = "older database"  # a restored database next to a newer journal
    OLDER_JOURNAL = "older journal"  # restored into its own file, next to a newer database

    @property
    def is_sound(self) -> bool:
        return self in (JournalState.SOUND, JournalState.FIRST)

    @property
    def others_may_know_more(self) -> bool:
        """Whether other bots or files may know positions and stops that this database lacks."""
        return self in (JournalState.COPY, JournalState.OLDER_DATABASE)

    @property
    def may_be_adopted(self) -> bool:
        return not self.is_sound and self not in (JournalState.NEWER, JournalState.UNWRITABLE)


@dataclass(frozen=True)
class JournalFinding:
    """The state of a journal.

    :param words: why, as a clause for the operator; empty if the journal is sound
    """

    state: JournalState
    words: str = ""


def assess(path: Path, database: TradeDatabase, *, read_only: bool = False) -> JournalFinding:
    """Returns the state of a journal, without writing into it.

    :param read_only: also keep SQLite from recovering what a killed bot left unfinished
    :raises DatabaseError: when the database cannot be read
    """
    key = database.value(JOURNAL_KEY)
    if not path.exists():
        return _without_journal(path, database, known=key is not None)
    try:
        journal = Journal.open(path, read_only=read_only)
    except SchemaError as error:
        return JournalFinding(JournalState.NEWER, str(error))
    except JournalError as error:
        if key is None:
            return JournalFinding(JournalState.FIRST)  # its creation was interrupted
        return JournalFinding(_state_after(error), str(error))
    try:
        return _compare(journal, path, database, key)
    except JournalError as error:
        return JournalFinding(_state_after(error), str(error))
    except OSError as error:
        return JournalFinding(
            JournalState.UNWRITABLE, f"The journal {path} cannot be looked at: {error}"
        )
    finally:
        journal.close()


def _without_journal(path: Path, database: TradeDatabase, known: bool) -> JournalFinding:
    if not known:
        return JournalFinding(JournalState.FIRST)
    if _is_another_file(database):
        return JournalFinding(
            JournalState.COPY,
            f"{database.name} is a copy of a trade database, without its journal {path}",
        )
    return JournalFinding(JournalState.MISSING, f"The journal {path} of {database.name} is gone")


def _compare(
    journal: Journal, path: Path, database: TradeDatabase, key: str | None
) -> JournalFinding:
    own, file = journal.about(ID), journal.about(IDENTITY)
    if file is None and key in (None, own):
        return JournalFinding(JournalState.FIRST)  # creating it was interrupted
    if key is None and journal.tag == database.value(TAG_KEY):
        return _older(database, "is from before it had a journal")
    if own != key:
        return JournalFinding(
            JournalState.UNFIT, f"The journal {path} is not the one of {database.name}, but another"
        )
    if file != identity(path):
        place = journal.about(PLACE)
        return JournalFinding(
            JournalState.COPY,
            f"The journal {path} is a copy or a restored backup of the one that was at {place}",
        )
    if _is_another_file(database):
        return _older(database, "is another file than at the last start")
    opened = _number(database.value(OPENED_KEY))
    if opened < _number(journal.about(OPENED)):
        return _older(database, "is from before the last start of the bot")
    if opened > _number(journal.about(OPENING)):
        return JournalFinding(
            JournalState.OLDER_JOURNAL,
            f"The journal {path} is from before the last start of the bot with {database.name}",
        )
    return JournalFinding(JournalState.SOUND)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0


def _older(database: TradeDatabase, why: str) -> JournalFinding:
    return JournalFinding(JournalState.OLDER_DATABASE, f"The trade database {database.name} {why}")


def _is_another_file(database: TradeDatabase) -> bool:
    file, known = database.file, database.value(FILE_KEY)
    return file is not None and known is not None and known != identity(file)


def _state_after(error: JournalError) -> JournalState:
    """Determines by the error whether a journal is unusable for now, or damaged for good."""
    cause = error.__cause__
    if isinstance(cause, OSError):
        return JournalState.UNWRITABLE
    if isinstance(cause, sqlite3.OperationalError) and "no such" not in str(cause):
        return JournalState.UNWRITABLE
    return JournalState.DAMAGED


def mark_opened(journal: Journal, database: TradeDatabase) -> None:
    """Records in journal and database that the bot has started with both.

    :raises JournalError, DatabaseError: when one of them cannot be written
    """
    if journal.path is None:
        return
    journal.describe(PLACE, f"{socket.gethostname()}:{journal.path.resolve()}")
    counts = database.value(OPENED_KEY), journal.about(OPENING)
    opened = str(max(map(_number, counts)) + 1)
    values = {JOURNAL_KEY: journal.about(ID) or "", OPENED_KEY: opened}
    if database.file is not None:
        values[FILE_KEY] = identity(database.file)
    # In this order, so that if the process ends in between, neither counts as older.
    journal.describe(OPENING, opened)
    database.store_all(values)
    journal.describe(OPENED, opened)


def make(path: Path, database: TradeDatabase, tag: str, at: int) -> Journal:
    """Creates a journal with the orders of the database's open trades; an old one is renamed.

    It is complete once it has its identity; if that is interrupted, the next start repeats it.

    :param at: ms since 1970 UTC
    :raises JournalError, DatabaseError, OSError: when something cannot be read or written
    """
    move_aside(path, at)
    journal = Journal.create(path, tag, **{ID: token_hex(8)})
    journal.begin(TAKEN_OVER, at)
    take_over(journal, database.orders_of_open_trades(), at)
    mark_opened(journal, database)
    journal.describe(IDENTITY, identity(path))
    return journal


def take_over(journal: Journal, orders: Sequence[StoredOrder], at: int) -> int:
    """Records orders that the trade database has and the journal lacks; returns their number."""
    added = 0
    entered: set[str] = set()
    for order in orders:
        purpose = _purpose(order, again=order.pair in entered)
        if order.is_entry:
            entered.add(order.pair)
        if journal.find_order(order.pair, order.order_id) is None:
            intent = _intent(order, journal.next_id("", purpose), purpose)
            journal.write(intent)
            journal.settle(intent.client_id, Outcome.BOOKED, at, order.order_id, TAKEN_OVER)
            added += 1
    return added


def adopt(path: Path, database: TradeDatabase, found: JournalFinding, at: int) -> Path | None:
    """Makes the existing files the bot's own. A journal that cannot be used is renamed.

    :param found: the result of `assess`, with a state that may be adopted
    :param at: ms since 1970 UTC
    :return: the old journal's new path, if it was renamed
    :raises JournalError, DatabaseError, OSError: when something cannot be read or written
    """
    if not found.state.may_be_adopted:
        raise ValueError(f"A journal that is {found.state} is not to be adopted")
    tag = database.value(TAG_KEY)
    if tag is None:
        tag = token_hex(3)
        database.store(TAG_KEY, tag)
    keep = found.state.others_may_know_more or found.state is JournalState.OLDER_JOURNAL
    if keep and path.exists():
        journal, aside = Journal.open(path), None
        journal.begin(TAKEN_OVER, at)
        take_over(journal, database.orders_of_open_trades(), at)
        mark_opened(journal, database)
    else:
        aside = aside_of(path, at) if path.exists() else None
        journal = make(path, database, tag, at)
    journal.describe(ADOPTED_AT, str(at))
    journal.describe(IDENTITY, identity(path))  # last, since this makes it the bot's own
    journal.close()
    return aside


def move_aside(path: Path, at: int) -> None:
    """Renames a journal and SQLite's files next to it, which would be applied to a new journal."""
    aside = aside_of(path, at)
    for suffix in ("", "-journal", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))


def aside_of(path: Path, at: int) -> Path:
    """Returns an unused name to which the journal can be renamed."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    wanted = path.with_name(f"{path.name}.aside-{moment:%Y%m%dT%H%M%S}")
    names = (wanted, *(wanted.with_name(f"{wanted.name}-{n}") for n in range(2, 1000)))
    return next(name for name in names if not name.exists())


def _purpose(order: StoredOrder, again: bool) -> Purpose:
    if order.kind == "stoploss":
        return Purpose.STOP
    if order.is_entry:
        return Purpose.ADDITION if again else Purpose.ENTRY
    return Purpose.EXIT


def _intent(order: StoredOrder, client_id: str, purpose: Purpose) -> Intent:
    return Intent(
        client_id=client_id,
        pair=order.pair,
        strategy=order.strategy,
        purpose=purpose,
        side=order.side,
        type=order.type,
        amount=order.amount,
        price=order.price,
        stop_price=order.stop_price,
        reduce_only=not order.is_entry,
        leverage=order.leverage,
        tag=order.tag,
        at=order.at,
    )
