"""What is measured of a run at each virtual half day."""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
from freqtrade.persistence import Trade
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from perpkit.bot.positions.running_account import RunningAccount
from perpkit.bot.positions.trades import TradeKey
from perpkit.execution.fills import FillSlippage
from perpkit.record.decision_log import KEPT, older
from perpkit.record.places import places
from tests.bench.in_process import InProcessBot
from tests.bench.live import Venue
from tests.endurance.log_watch import LogWatch

# The venue and the bench live in the bot's process; what they hold is no part of it.
_NOT_OF_THE_BOT = ("perpkit.venue", "tests.")


@dataclass(frozen=True)
class Sample:
    """:param day: virtual, since the run began
    :param rss_mb: of the process, in which the venue is too
    :param objects: of Perpkit's classes, but for the venue's
    :param orders: at the venue, so far
    :param database, journal, decisions, state, log: sizes so far, bytes
    :param cpu_ms: of a cycle, on average since the sample before
    :param requests: of a cycle, in the same time
    """

    day: float
    cycles: int
    rss_mb: float
    files: int
    threads: int
    objects: int
    orders: int
    trades: int
    database: int
    journal: int
    decisions: int
    state: int
    log: int
    cpu_ms: float
    requests: float


def own_objects() -> Counter[str]:
    """Living instances of Perpkit's classes, by class; those that the collector tracks.

    What is kept for a time, and takes longer than a run to reach its bound, is left out: the last
    hundred fills, and which trades of the last thirty days have been counted.
    """
    found: Counter[str] = Counter()
    bounded: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        module = str(kind.__module__)
        if module.startswith("perpkit.") and not module.startswith(_NOT_OF_THE_BOT):
            found[_name(kind)] += 1
        # What other tests have left may be a dead proxy or half made.
        if kind is RunningAccount:
            bounded[_name(TradeKey)] += len(vars(each).get("_counted", ()))
    found[_name(FillSlippage)] = 0
    return found - bounded


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def size_of(path: Path | None) -> int:
    return path.stat().st_size if path is not None and path.is_file() else 0


def size_of_sqlite(path: Path | None) -> int:
    """With what is written and not yet in the file itself."""
    return 0 if path is None else size_of(path) + size_of(path.with_name(f"{path.name}-wal"))


class Meter:
    """Reads a bot's samples, one after the other."""

    def __init__(self, bot: InProcessBot, venue: Venue, log: LogWatch) -> None:
        self._bot, self._venue, self._log = bot, venue, log
        config = bot.bot.config
        self._url = make_url(str(config["db_url"]))
        self._places = places(str(config["db_url"]), Path(config["user_data_dir"]))
        self._cycles, self._cpu, self._requests = 0, time.process_time(), bot.wire.requests

    def read(self, cycles: int, day: float) -> Sample:
        """:param cycles, day: since the run began"""
        new = max(cycles - self._cycles, 1)
        cpu, requests = time.process_time(), self._bot.wire.requests
        gc.collect()
        process = psutil.Process()
        sample = Sample(
            day=round(day, 3),
            cycles=cycles,
            rss_mb=round(process.memory_info().rss / 2**20, 1),
            files=process.num_fds(),
            threads=threading.active_count(),
            objects=own_objects().total(),
            orders=len(self._venue.account.orders),
            trades=Trade.session.scalar(select(func.count(Trade.id))) or 0,
            database=self._database(),
            journal=size_of_sqlite(self._places.journal),
            decisions=sum(size_of(older(self._places.decisions, n)) for n in range(KEPT + 1)),
            state=size_of(self._places.state),
            log=self._log.size,
            cpu_ms=round(1000 * (cpu - self._cpu) / new, 1),
            requests=round((requests - self._requests) / new, 3),
        )
        self._cycles, self._cpu, self._requests = cycles, time.process_time(), requests
        return sample

    def _database(self) -> int:
        if self._url.get_backend_name() == "sqlite":
            return size_of_sqlite(Path(str(self._url.database)))
        return int(Trade.session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
