"""Faults of what a bot keeps, database to runs: each is found, with a fix that mends it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from perpkit.ops.doctor import database
from perpkit.record import latch, runs, state_file
from perpkit.record.journal import Intent, Journal
from perpkit.record.latch import LatchState
from perpkit.record.order_ids import Purpose
from perpkit.record.runs import End, Run, Runs
from tests.bench.doctor import Fault, check_found, configured, mended, removed
from tests.bench.states import everything, least

BTC = "BTC/USDT:USDT"
POSITIONS = {"positions": everything().positions}


def damaged_database(bot: Any, patch: Any) -> None:
    path = Path(bot.keep_trades().db_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 4] = bytes(range(256)) * 32
    path.write_bytes(content)


def at_a_venue(bot: Any, patch: Any) -> None:
    files = bot.keep_trades()
    path = Path(files.db_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE perpkit_venue (mode TEXT); INSERT INTO perpkit_venue VALUES ('live')"
        )


def of_live(bot: Any, patch: Any) -> None:
    files = bot.keep_trades(started=False)
    bot.add({"dry_run": True, "db_url": files.db_url})


def large(bot: Any, patch: Any) -> None:
    bot.keep_trades()
    patch.setattr(database, "LARGE", 1000)


def long_log(bot: Any, patch: Any) -> Any:
    """A process has written much, and was killed."""
    path = Path(bot.keep_trades().db_url.removeprefix("sqlite:///"))
    patch.setattr(database, "LONG_LOG", 4000)
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE more (x); INSERT INTO more VALUES (zeroblob(9000));")
    copies = {p: p.read_bytes() for p in path.parent.glob(f"{path.name}*")}
    connection.close()
    for copy, content in copies.items():
        if not copy.name.endswith("-shm"):
            copy.write_bytes(content)
    return path


def checkpoint(bot: Any, patch: Any, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def halted(bot: Any, patch: Any) -> Path:
    path = bot.context().bot.latch
    latch.write(path, LatchState.HALTED, "me@here", "a test of it")
    return path


def not_mounted(bot: Any, patch: Any) -> Path:
    folder = bot.home / "share" / "latch"
    bot.add({"perpkit": {"latch_dir": str(folder)}})
    return folder


def mounted(bot: Any, patch: Any, folder: Path) -> None:
    folder.mkdir(parents=True)


def garbled(bot: Any, patch: Any) -> Path:
    path = bot.context().bot.latch
    path.parent.mkdir(parents=True)
    path.write_text("{")
    return path


def cleared(bot: Any, patch: Any, path: Path) -> None:
    latch.write(path, LatchState.CLEAR, "me@here", "over")


def copied(bot: Any, patch: Any) -> Any:
    files = bot.keep_trades()
    shutil.copytree(files.folder, bot.home / "copy")
    files.folder = bot.home / "copy"
    bot.add({"db_url": files.db_url})
    return files


def journal_gone(bot: Any, patch: Any) -> Any:
    files = bot.keep_trades()
    files.path.unlink()
    return files


def adopted(bot: Any, patch: Any, files: Any) -> None:
    files.adopt()


def unsettled(bot: Any, patch: Any) -> None:
    journal = Journal.open(bot.keep_trades().path)
    journal.begin("RsiSmaSwing", 1)
    client_id = journal.next_id("", Purpose.ENTRY)
    journal.write(
        Intent(
            client_id, BTC, "RsiSmaSwing", Purpose.ENTRY, "buy", "limit", 0.01, 30_000.0, None,
            False, 3.0, None, 1,
        )
    )  # fmt: skip
    journal.close()


def says(seconds: float, *, lock: bool = False, **content: Any) -> Callable[[Any, Any], Any]:
    """A state file, so old.

    :param lock: there is one, which no process holds
    """

    def plant(bot: Any, patch: Any) -> Path:
        bot.keep_trades()
        path = bot.context().bot.places.state
        if lock:
            bot.context().bot.places.lock.touch()
        at = bot.context().now - timedelta(seconds=seconds)
        state_file.write(path, least(written_at=at, **content))
        return path

    return plant


def hangs(bot: Any, patch: Any) -> FileLock:
    says(3600)(bot, patch)
    lock = FileLock(bot.context().bot.places.lock)
    lock.acquire()
    return lock


def released(bot: Any, patch: Any, lock: FileLock) -> None:
    lock.release()


def ended(*how: End | None, ago: float = 600, held: str | None = None) -> Callable[..., None]:
    """Runs that ended so, the first of them begun so many seconds ago."""

    def plant(bot: Any, patch: Any, planted: None = None) -> None:
        began = bot.context().now - timedelta(seconds=ago)
        past = tuple(
            Run(
                process=str(n),
                pid=n,
                started_at=began,
                ended=end,
                error="OSError: no" if end else "",
            )
            for n, end in enumerate(how)
        )
        runs.write(bot.context().bot.places.runs, Runs(runs=past, held=held))

    return plant


def damaged_runs(bot: Any, patch: Any) -> Path:
    path: Path = bot.context().bot.places.runs
    path.write_text("{")
    return path


def damaged_state(bot: Any, patch: Any) -> Path:
    path: Path = says(3600)(bot, patch)
    path.write_text("{")
    return path


FAULTS = {
    "no folder for the database": Fault(
        configured(db_url="sqlite:///nowhere/trades.sqlite"),
        "database", "There is no folder", "^mkdir -p .*nowhere$",
        lambda bot, patch, _: (bot.home / "nowhere").mkdir(),
    ),
    "live in memory": Fault(
        configured(dry_run=False, db_url="sqlite://"), "database", "is in memory", '"db_url"',
        mended(db_url="sqlite:///tradesv3.sqlite"),
    ),
    "damaged database": Fault(
        damaged_database, "database", "is damaged: ", "restore a backup",
        also=frozenset({"database use", "journal"}),
    ),
    "large database": Fault(large, "database", "Freqtrade becomes slow", "--prune 90d"),
    "log that is not played in": Fault(
        long_log, "database", "the log is not played in", "wal_checkpoint", checkpoint
    ),
    "trades of live in dry-run": Fault(
        of_live, "database use", "trades of live trading, and this is dry-run", '"db_url"',
        mended(db_url="sqlite:///tradesv3.dry-run.new.sqlite"),
    ),
    "trades of a venue": Fault(
        at_a_venue, "database use", "trades of rehearsals", '"db_url"',
        mended(db_url="sqlite:///tradesv3.live.new.sqlite"),
    ),
    "latch set": Fault(
        halted, "stop latch", "HALTED since .*me@here: a test of it", "perpkit resume", cleared
    ),
    "latch not mounted": Fault(
        not_mounted, "stop latch", r"latch_dir .* is not there", "mount the share", mounted
    ),
    "latch damaged": Fault(garbled, "stop latch", "REDUCING|damaged", "perpkit resume", cleared),
    "bot that was killed": Fault(
        ended(None, ago=7200), "past runs", "The last run, .* killed, or by a power cut", "its log",
        ended(End.CLEAN),
    ),
    "crash loop": Fault(
        ended(End.ERROR, End.ERROR, None, ago=600), "past runs", "A crash loop: the last 3 runs",
        "/unlock", ended(End.CLEAN),
    ),
    "bot that is held": Fault(
        ended(held="it is so"), "past runs", "The bot is held: it is so", "/unlock",
        ended(End.CLEAN),
    ),
    "record of runs that is damaged": Fault(
        damaged_runs, "past runs", "record of runs .* is damaged", "^rm .*runs.json", removed
    ),
    "folder that was copied": Fault(
        copied, "journal", "is a copy or a restored backup", "perpkit adopt", adopted
    ),
    "journal gone": Fault(journal_gone, "journal", "is gone", "perpkit adopt", adopted),
    "orders of which nobody knows": Fault(
        unsettled, "journal", "of 1 orders it is not known .*BTC/USDT:USDT",
        "perpkit journal --open"
    ),
    "bot that has ended with positions": Fault(
        says(3600, **POSITIONS), "bot", "does not run since .* 1 positions", "perpkit stop"
    ),
    "bot that was killed just now with positions": Fault(
        says(3, journal=everything().journal, lock=True, **POSITIONS), "bot",
        "does not run since .* 1 positions", "perpkit stop",
    ),
    "bot that hangs": Fault(hangs, "bot", "A process holds ", "perpkit stop", released),
    "bot whose cycles fail": Fault(
        says(3, loop=everything().loop), "bot", "cycles ended early: TemporaryError",
        "perpkit state"
    ),
    "bot that is passive": Fault(
        says(3, passive="PASSIVE: a copy"), "bot", "does nothing: PASSIVE", "way out"
    ),
    "damaged state file": Fault(damaged_state, "bot", "cannot be read", "^rm ", removed),
}  # fmt: skip


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in FAULTS.items()])
def test_a_planted_fault_is_found_with_its_fix(set_up, monkeypatch, fault):
    check_found(fault, set_up(**dict.fromkeys(fault.makes, True)), monkeypatch)
