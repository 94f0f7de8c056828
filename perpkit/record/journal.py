"""The order journal: records each order before it is sent, and what became of it.

It is a SQLite file that is only written in place. Each call is one transaction, which is on disk
when the call returns. One process writes; any number may read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from threading import RLock
from typing import Any

from perpkit.record.looking import look
from perpkit.record.order_ids import OrderId, Purpose, new_nonce, nonce_of_stop, parse

SCHEMA = 1
# Kind of kept values, by pair: positions whose trade was deleted and now belong to the trader.
HANDED_OVER = "handed_over"


class JournalError(Exception):
    """The journal cannot be read or written."""


class SchemaError(JournalError):
    """The journal was written by a newer Perpkit."""


class Outcome(StrEnum):
    """What became of an intent. The first two are open."""

    SENT = "sent"  # no answer is known
    ANSWERED = "answered"  # the exchange has it; the trade database may lack it
    BOOKED = "booked"  # the trade database has it
    REFUSED = "refused"
    MISSING = "missing"  # it never reached the exchange
    CANCELLED = "cancelled"  # cancelled, because the trade database does not have it
    ADOPTED = "adopted"  # it became a trade later
    CLOSED = "closed"  # the position that it opened was closed again


@dataclass(frozen=True)
class Intent:
    """An order that is to be sent.

    :param amount: in contracts, as sent
    :param price: of a limit order; None for a market order
    :param stop_price: of a stop; None for any other order
    :param tag: the tag of an entry, or the reason of an exit
    :param at: ms since 1970 UTC
    """

    client_id: str
    pair: str
    strategy: str
    purpose: Purpose
    side: str
    type: str
    amount: float
    price: float | None
    stop_price: float | None
    reduce_only: bool
    leverage: float | None
    tag: str | None
    at: int


@dataclass(frozen=True)
class JournalEntry:
    """An intent with what has become of it.

    :param order_id: the exchange's; None until it is known
    :param note: text for the operator
    :param changed: when the outcome was recorded, ms since 1970 UTC
    """

    intent: Intent
    outcome: Outcome
    order_id: str | None
    note: str
    changed: int

    @property
    def is_open(self) -> bool:
        return self.outcome in (Outcome.SENT, Outcome.ANSWERED)

    @property
    def rests(self) -> bool:
        """Whether it is open because it waits in the book, beside the stop of its trade."""
        return self.outcome is Outcome.ANSWERED and self.intent.purpose is Purpose.TARGET


_INTENT = [field.name for field in fields(Intent)]
_COLUMNS = ", ".join(_INTENT)
_TABLES = f"""
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE starts (nonce TEXT PRIMARY KEY, at INTEGER NOT NULL, strategy TEXT NOT NULL);
CREATE TABLE orders (
    {_COLUMNS}, nonce TEXT NOT NULL, number INTEGER NOT NULL,
    outcome TEXT NOT NULL, order_id TEXT, note TEXT NOT NULL, changed INTEGER NOT NULL,
    PRIMARY KEY (client_id)
);
CREATE INDEX orders_open ON orders (outcome);
CREATE INDEX orders_at_the_exchange ON orders (order_id);
CREATE TABLE kept (kind TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, name));
"""
_OPEN = (Outcome.SENT, Outcome.ANSWERED)


class Journal:
    """A journal, made by `create` or `open`.

    :raises JournalError: from every method, when the file cannot be read or written
    """

    def __init__(self, path: Path | None, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = RLock()
        self._nonce = ""
        self._number = 0

    @classmethod
    def create(cls, path: Path | None, tag: str, **about: str) -> Journal:
        """Creates a journal.

        :param path: of the file, which must not exist; None for a journal in memory
        :param tag: of the trade database
        :param about: further values to describe it
        """
        with _clear(path):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False)
            journal = cls(path, _connect(path))
            with journal._transaction() as database:
                for statement in _TABLES.split(";"):
                    database.execute(statement)
            for key, value in {"schema": str(SCHEMA), "tag": tag, **about}.items():
                journal.describe(key, value)
            return journal

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Journal:
        """Opens an existing journal.

        :param read_only: change nothing on disk, see `perpkit.record.looking`
        :raises JournalError: also when it does not exist, or is damaged
        """
        with _clear(path):
            if not path.is_file():
                raise JournalError(f"There is no journal {path}")
            journal = cls(path, look(path) if read_only else _connect(path))
            [(sound,)] = journal._rows("PRAGMA quick_check(1)")
            if sound != "ok":
                raise JournalError(f"The journal {path} is damaged: {sound}")
            schema = journal.about("schema")
            if schema != str(SCHEMA):
                newer = schema is not None and schema.isdigit() and int(schema) > SCHEMA
                raise (SchemaError if newer else JournalError)(
                    f"The journal {path} has schema {schema}, and this Perpkit knows {SCHEMA}"
                )
            return journal

    def close(self) -> None:
        self._connection.close()

    # Values that describe the journal itself

    @property
    def tag(self) -> str:
        return self.about("tag") or ""

    def about(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM about WHERE key = ?", key)
        return rows[0][0] if rows else None

    def describe(self, key: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO about VALUES (?, ?)", key, value)

    # Starts and ids

    @property
    def nonce(self) -> str:
        """The nonce of this start of the bot; empty before `begin`."""
        return self._nonce

    def begin(self, strategy: str, at: int) -> str:
        """Records a start of the bot, at `at` (ms since 1970 UTC), and returns its nonce."""
        nonce = new_nonce()
        self._write("INSERT INTO starts VALUES (?, ?, ?)", nonce, at, strategy)
        self._nonce, self._number = nonce, 0
        return nonce

    def starts(self) -> list[tuple[str, int, str]]:
        """Returns nonce, time (ms since 1970 UTC) and strategy of each start, oldest first."""
        return self._rows("SELECT nonce, at, strategy FROM starts ORDER BY rowid")

    def next_id(self, broker: str, purpose: Purpose) -> str:
        """Returns a client id that has never been used."""
        with self._lock:
            self._number += 1
            return str(OrderId(broker, self.tag, self._nonce, purpose, self._number))

    def gave(self, order: OrderId) -> bool:
        """Whether this journal can have issued an id: it knows the start, and the number."""
        rows = self._rows(
            "SELECT max(orders.number) FROM starts LEFT JOIN orders USING (nonce)"
            " WHERE starts.nonce = ? GROUP BY starts.nonce",
            order.nonce,
        )
        return bool(rows) and order.tag == self.tag and order.number <= (rows[0][0] or 0)

    # Intents

    def write(self, intent: Intent) -> None:
        """Records an intent; call it before the request is sent."""
        order = parse(intent.client_id)
        if order is None:
            raise ValueError(f"client_id must come from next_id, got {intent.client_id!r}")
        values = (*astuple(intent), order.nonce, order.number, Outcome.SENT, None, "", intent.at)
        marks = ", ".join("?" * len(values))
        self._write(f"INSERT INTO orders VALUES ({marks})", *values)  # noqa: S608 - question marks

    def write_closing(self, intent: Intent, order_id: str) -> None:
        """Records an order by which `perpkit stop` closed part of a trade, for the bot to book.

        :param order_id: the exchange's; repeated calls record the order once
        """
        nonce = nonce_of_stop(intent.client_id)
        if nonce is None:
            raise ValueError(f"client_id must be of perpkit stop, got {intent.client_id!r}")
        values = (*astuple(intent), nonce, 0, Outcome.ANSWERED, order_id, "", intent.at)
        marks = ", ".join("?" * len(values))
        self._write(f"INSERT OR IGNORE INTO orders VALUES ({marks})", *values)  # noqa: S608 - as above

    def settle(
        self,
        client_id: str,
        outcome: Outcome,
        at: int,
        order_id: str | None = None,
        note: str | None = None,
    ) -> None:
        """Records what has become of an intent; `order_id` and `note` stay as they are if None."""
        self._write(
            "UPDATE orders SET outcome = ?, changed = ?, order_id = coalesce(?, order_id),"
            " note = coalesce(?, note) WHERE client_id = ?",
            *(outcome, at, order_id, note, client_id),
        )

    def find(self, client_id: str) -> JournalEntry | None:
        return next(iter(self._entries("client_id = ?", client_id)), None)

    def find_order(self, pair: str, order_id: str) -> JournalEntry | None:
        """Returns the entry of an order by the exchange's id."""
        found = self._entries("order_id = ? AND pair = ?", order_id, pair)
        return next(iter(found), None)

    def open_entries(self, pair: str | None = None) -> list[JournalEntry]:
        """Returns orders without an answer or not known to be booked, oldest first."""
        if pair is None:
            return self._entries("outcome IN (?, ?)", *_OPEN)
        return self._entries("outcome IN (?, ?) AND pair = ?", *_OPEN, pair)

    def entries(self, since: int = 0) -> list[JournalEntry]:
        """Returns all orders recorded since `since` (ms since 1970 UTC), oldest first."""
        return self._entries("at >= ?", since)

    # Other values that must survive the process

    def keep(self, kind: str, name: str, value: Any) -> None:
        """Stores a value, replacing the earlier one of this kind and name.

        :param value: anything that JSON can represent
        """
        text = json.dumps(value)
        self._write("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", kind, name, text)

    def kept(self, kind: str) -> dict[str, Any]:
        """Returns the stored values of a kind, by name."""
        rows = self._rows("SELECT name, value FROM kept WHERE kind = ? ORDER BY name", kind)
        with _clear(self.path):
            return {name: json.loads(value) for name, value in rows}

    def drop(self, kind: str, name: str) -> None:
        self._write("DELETE FROM kept WHERE kind = ? AND name = ?", kind, name)

    def _entries(self, which: str, *values: Any) -> list[JournalEntry]:
        rows = self._rows(
            f"SELECT {_COLUMNS}, outcome, order_id, note, changed FROM orders"  # noqa: S608
            f" WHERE {which} ORDER BY rowid",
            *values,
        )
        with _clear(self.path):
            return [_entry(row) for row in rows]

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, _clear(self.path):
            return self._connection.execute(statement, values).fetchall()

    def _write(self, statement: str, *values: Any) -> None:
        with self._transaction() as database:
            database.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _clear(self.path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection


def _connect(path: Path | None) -> sqlite3.Connection:
    # mode=rw: a file that was deleted in the meantime must not be created again.
    where = ":memory:" if path is None else f"{path.resolve().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        where, uri=path is not None, isolation_level=None, check_same_thread=False, timeout=10
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _clear(path: Path | None) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"The journal {path or 'in memory'} fails: {error}") from error
    # SQLite checks no values: text that is not UTF-8, an outcome of another name, broken JSON.
    except (ValueError, TypeError, RecursionError) as error:
        raise JournalError(f"The journal {path or 'in memory'} is damaged: {error}") from error


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    intent, (outcome, order_id, note, changed) = list(row[: len(_INTENT)]), row[len(_INTENT) :]
    given = dict(zip(_INTENT, intent, strict=True))
    given |= {"purpose": Purpose(given["purpose"]), "reduce_only": bool(given["reduce_only"])}
    return JournalEntry(Intent(**given), Outcome(outcome), order_id, note, changed)
