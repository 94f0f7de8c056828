"""Removes old closed trades from the trade database, by SQL, while no bot runs.

Trades that are still needed stay: open ones, the newest trade and that of the newest order (SQLite
would reuse their ids), and trades with an order that is open or not settled in the journal. The
breakers' high-water mark is a profit, and is reduced by the profit of the removed trades.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from perpkit.record.trade_database import HIGH_WATER_KEY

# Breakers and sizing use the trades of the last 30 days.
LEAST_DAYS = 31

_OLD = """
CREATE TEMP TABLE old AS SELECT id, close_profit_abs FROM trades
WHERE is_open = 0 AND close_date < :before
AND id <> (SELECT max(id) FROM trades)
AND id NOT IN (SELECT ft_trade_id FROM orders ORDER BY id DESC LIMIT 1)
AND id NOT IN (SELECT ft_trade_id FROM orders WHERE ft_is_open = 1)
AND id NOT IN (SELECT ft_trade_id FROM orders JOIN needed USING (order_id))
"""
_BELONGS_TO = {"trade_custom_data": "ft_trade_id", "orders": "ft_trade_id", "trades": "id"}


class PruningError(Exception):
    """Nothing was removed; the message tells the operator why."""


@dataclass(frozen=True)
class Pruned:
    """The result of a pruning.

    :param trades, orders: numbers of removed rows
    :param profit: of the removed trades, in stake currency
    :param backup: path of a copy of the database as it was before
    """

    trades: int
    orders: int
    profit: float
    backup: Path
    bytes_before: int
    bytes_after: int


def prune(path: Path, before: datetime, needed: Iterable[str], now: datetime) -> Pruned:
    """Removes the trades that closed before a time, all of them or none.

    :param path: of Freqtrade's SQLite database
    :param needed: ids of orders that must stay, with their trades
    :param now: for the name of the backup
    :raises PruningError: when a process has it open, or it cannot be backed up or written
    """
    size = path.stat().st_size
    if shutil.disk_usage(path.parent).free < 3 * size:  # for the backup and SQLite's own files
        raise PruningError(f"There is no room for a backup of {path} and for the work on it")
    with _clear(path), closing(_alone(path)) as database:
        backup = _backed_up(database, path, now)
        try:
            counts, profit = _removed(database, before, needed)
        except sqlite3.Error:
            database.execute("ROLLBACK")
            raise
        database.execute("VACUUM")
    # The database is closed, so that the file includes what was in a log.
    return Pruned(counts["trades"], counts["orders"], profit, backup, size, path.stat().st_size)


def _alone(path: Path) -> sqlite3.Connection:
    """Returns a connection that no other process can share until it is closed."""
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=2)
    database.isolation_level = None
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        database.execute("COMMIT")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _backed_up(database: sqlite3.Connection, path: Path, now: datetime) -> Path:
    backup = path.with_name(f"{path.stem}.before-prune-{now:%Y%m%dT%H%M%S}{path.suffix}")
    backup.touch(mode=path.stat().st_mode & 0o777, exist_ok=False)
    try:
        with closing(sqlite3.connect(backup)) as copy:
            database.backup(copy)
            [(sound,)] = copy.execute("PRAGMA integrity_check(1)")
        if sound != "ok":
            raise PruningError(f"{path} is damaged: {sound}")
        with backup.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        backup.unlink(missing_ok=True)
        raise
    return backup


def _removed(
    database: sqlite3.Connection, before: datetime, needed: Iterable[str]
) -> tuple[dict[str, int], float]:
    """Removes the rows; returns their numbers by table, and the profit of the trades."""
    database.execute("CREATE TEMP TABLE needed (order_id TEXT)")
    database.executemany("INSERT INTO needed VALUES (?)", ((each,) for each in needed))
    database.execute("BEGIN IMMEDIATE")
    # The format in which SQLAlchemy writes times into SQLite.
    moment = f"{before.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    database.execute(_OLD, {"before": moment})
    [(profit,)] = database.execute("SELECT coalesce(sum(close_profit_abs), 0.0) FROM old")
    counts = {}
    for table, column in _BELONGS_TO.items():
        done = database.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM old)"  # noqa: S608 - our names
        )
        counts[table] = done.rowcount
    _move_high_water(database, profit)
    database.execute("COMMIT")
    return counts, float(profit)


def _move_high_water(database: sqlite3.Connection, profit: float) -> None:
    where = 'FROM "KeyValueStore" WHERE key = ?'
    row = database.execute(f"SELECT string_value {where}", (HIGH_WATER_KEY,)).fetchone()
    if row is None:
        return
    at, mark = str(row[0]).split()
    database.execute(
        'UPDATE "KeyValueStore" SET string_value = ? WHERE key = ?',
        (f"{at} {float(mark) - profit!r}", HIGH_WATER_KEY),
    )


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise PruningError(
                f"A process has {path} open: end the bot, and FreqUI, before"
            ) from None
        raise PruningError(f"{path} cannot be pruned: {error}") from error
    except (sqlite3.Error, OSError, ValueError) as error:
        raise PruningError(f"{path} cannot be pruned: {error}") from error
