"""Checks the trade database: intact, of this mode and this exchange, and of a reasonable size."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.record.looking import look

_MB = 1_000_000
LARGE = 500 * _MB
# SQLite empties its log whenever that has grown to 4 MB and no process reads.
LONG_LOG = 64 * _MB
_RECOVER = (
    "end the bot, keep the file aside, and restore a backup; `sqlite3 FILE .recover` gives what "
    "can be read of it. Then `perpkit adopt`"
)


def file_of(context: Context) -> Path | None:
    """Returns the file of the database; None if it is not in a file."""
    from sqlalchemy.engine import make_url

    url = make_url(context.bot.db_url)
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database)).absolute()


def check_file(context: Context) -> Iterator[Finding]:
    path = file_of(context)
    if path is None:
        yield from _no_file(context)
        return
    if not path.is_file():
        yield _not_yet(path, makes_folder=context.venue is not None)
        return
    if not os.access(path, os.R_OK | os.W_OK):
        yield fail(f"{path} cannot be read and written by this user", f"chown it: ls -l {path}")
        return
    if wrong := _damage(path):
        yield fail(f"{path} is damaged: {wrong}", _RECOVER)
        return
    size, log = path.stat().st_size, _size(path.with_name(f"{path.name}-wal"))
    words = f"{path}: whole, {size / _MB:,.1f} MB, write-ahead log {log / _MB:,.1f} MB"
    if log > LONG_LOG:
        yield warn(
            f"{words}: the log is not played in, for a process reads all the time, or was killed",
            f"end the bot, and then: sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'",
        )
    elif size > LARGE:
        yield warn(
            f"{words}: Freqtrade becomes slow with it",
            "perpkit doctor --prune 90d, while the bot does not run",
        )
    else:
        yield ok(words)


def check_purpose(context: Context) -> Iterator[Finding]:
    """Whether its trades are of this mode, and of the exchange or of a venue."""
    database, dry_run = context.database, context.bot.dry_run
    mode = "dry-run" if dry_run else "live"
    own = f'give {mode} a "db_url" of its own, such as "sqlite:///tradesv3.{mode}.new.sqlite"'
    venue_mode = database.venue_mode()
    if context.venue is None and venue_mode is not None:
        yield fail(f"{database.name} has the trades of rehearsals at a simulated venue", own)
        return
    if context.venue is not None and venue_mode not in (None, mode):
        yield fail(
            f"{database.name} was used at a venue in the mode {venue_mode}, and this is {mode}", own
        )
        return
    if context.venue is not None and venue_mode is None and database.modes():
        yield fail(f"{database.name} has trades that were not made at a venue", own)
        return
    if not database.modes() <= {dry_run}:
        other = "live trading" if dry_run else "dry-run"
        yield fail(f"{database.name} has trades of {other}, and this is {mode}", own)
        return
    yield ok(f"{len(database.open_trades())} open trades, of {mode}")


def _no_file(context: Context) -> Iterator[Finding]:
    if context.bot.places.journal is None:
        if context.bot.dry_run:
            yield ok("The trade database is in memory: dry-run forgets its trades with each end")
        else:
            yield fail(
                "The trade database of live trading is in memory: a restart would forget what is "
                "open at the exchange",
                '"db_url": "sqlite:///tradesv3.sqlite"',
            )
        return
    yield ok(f"{context.database.name} answers; its own tools look after integrity and backups")


def _not_yet(path: Path, *, makes_folder: bool) -> Finding:
    if makes_folder and not path.parent.is_dir():
        return ok(f"{path}: none yet, it is made with its folder as the rehearsal starts")
    if not path.parent.is_dir():
        return fail(
            f"There is no folder {path.parent} for the trade database", f"mkdir -p {path.parent}"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return fail(
            f"{path.parent} cannot be written by this user", f"chown it: ls -ld {path.parent}"
        )
    return ok(f"{path}: none yet, Freqtrade makes it as it starts")


def _damage(path: Path) -> str:
    try:
        with closing(look(path)) as database:
            found = database.execute("PRAGMA integrity_check(3)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    words = "; ".join(str(row[0]) for row in found)
    return "" if words == "ok" else words


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
