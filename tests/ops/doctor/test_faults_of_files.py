"""Faults of what a bot keeps, data to journal: each is found, with a fix that mends it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from perpkit.ops.doctor import database
from perpkit.record import latch, state
from perpkit.record.journal import Intent, Journal
from perpkit.record.latch import LatchState
from perpkit.record.order_ids import Purpose
from perpkit.rehearsal.datadir_mark import mark
from tests import factories
from tests.bench.doctor import Fault, check_found, configured, mended, removed
from tests.bench.states import everything, least

BTC = "BTC/USDT:USDT"
POSITIONS = {"positions": everything().positions}


def candles(pair: str, kind: str) -> Callable[[Any], Path]:
    name = pair.replace("/", "_").replace(":", "_")
    return lambda bot: bot.datadir / "futures" / f"{name}-1h-{kind}.feather"


def rewritten(kind: str, rows: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> pd.DataFrame:
        frame = pd.read_feather(candles(BTC, kind)(bot))
        factories.write_candles(bot.datadir, BTC, rows(frame).reset_index(drop=True), kind)
        return frame

    return plant


def restored(kind: str) -> Callable[[Any, Any, Any], None]:
    return lambda bot, patch, frame: factories.write_candles(bot.datadir, BTC, frame, kind)


def no_candles(bot: Any, patch: Any) -> None:
    shutil.rmtree(bot.datadir)


def disk_with(free: int) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> None:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    return plant


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


def says(seconds: float, **content: Any) -> Callable[[Any, Any], Any]:
    """A state file, so old."""

    def plant(bot: Any, patch: Any) -> Path:
        bot.keep_trades()
        path = bot.context().bot.places.state
        at = bot.context().now - timedelta(seconds=seconds)
        state.write(path, least(written_at=at, **content))
        return path

    return plant


def hangs(bot: Any, patch: Any) -> FileLock:
    says(3600)(bot, patch)
    lock = FileLock(bot.context().bot.places.lock)
    lock.acquire()
    return lock


def released(bot: Any, patch: Any, lock: FileLock) -> None:
    lock.release()


def damaged_state(bot: Any, patch: Any) -> Path:
    path: Path = says(3600)(bot, patch)
    path.write_text("{")
    return path


FAULTS = {
    "data of a venue": Fault(
        lambda bot, patch: mark(bot.datadir, "a venue"),
        "data directory", "were made by a simulated venue", "a data directory for each",
        lambda bot, patch, _: (bot.datadir / "perpkit-venue.json").unlink(),
    ),
    "data of the exchange for a venue": Fault(
        lambda bot, patch: (bot.datadir / "perpkit-venue.json").unlink(),
        "data directory", "holds data that no venue has made", "a data directory for each",
        lambda bot, patch, _: mark(bot.datadir, "a venue"), makes=("venue",),
    ),
    "no data": Fault(
        no_candles, "candles", "No candles in .* of BTC/USDT:USDT, ETH/USDT:USDT", "download-data",
    ),
    "no mark candles": Fault(
        lambda bot, patch: candles(BTC, "mark")(bot).unlink(),
        "candles", r"BTC/USDT:USDT \(mark 1h\)", "freqtrade download-data -c .* -t 1h",
    ),
    "gap in the candles": Fault(
        rewritten("futures", lambda frame: frame.drop(range(100, 103))),
        "candles", "BTC/USDT:USDT futures 1h: 1 gaps, .* from 2023-01-05 04:00 to 2023-01-05 07:00",
        "--pairs BTC/USDT:USDT .*--erase", restored("futures"),
    ),
    "gap in the funding": Fault(
        rewritten("funding_rate", lambda frame: frame.drop(range(20, 22))),
        "candles", "funding_rate 1h: 1 gaps", "--erase", restored("funding_rate"),
    ),
    "funding that ends early": Fault(
        rewritten("funding_rate", lambda frame: frame.head(30)),
        "candles", "funding_rate 1h is of 2023-01-01 00:00 to 2023-01-10", "--timerange 20230101-",
        restored("funding_rate"),
    ),
    "candles of a pattern": Fault(
        configured(exchange={"pair_whitelist": ["BTC/.*", "X.*/USDT:USDT"]}),
        "candles", r"No candles in .* of X\.\*/USDT:USDT:", "download-data",
    ),
    "leverage tiers of an old Freqtrade": Fault(
        lambda bot, patch: patch.setattr(metadata, "version", lambda _: "2025.11"),
        "leverage tiers", "Freqtrade 2025.11, 13 months old", "pip install --upgrade",
        also=frozenset({"software"}),
    ),
    "full disk": Fault(disk_with(150_000_000), "disk", "150 MB free", "free some"),
    "disk that is nearly full": Fault(disk_with(900_000_000), "disk", "900 MB free", "free some"),
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
