"""A bot that is killed at every point of what it does, and started again on what is left.

`kill -9` leaves two things: the files of the bot as they are at that moment, and the exchange. Both
are copied before and after every request, and before and after every statement and commit that
writes to a database, the journal's included. A bot that is started on such a copy finds what it
would find after the kill; nothing of the one that made it can still write, send or clean up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from perpkit.venue.engine import Account
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.market.history import History
from tests.bench.in_process import InProcessBot, bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.planted import KEY
from tests.bench.wire import Answer, SyncAdapter, Wire

# Statements that write; what only reads leaves everything as it was.
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "COMMIT", "END")
_CHANGING = ("POST", "PUT", "DELETE")


@dataclass(frozen=True)
class Left:
    """What a kill leaves.

    :param files: of the bot's folder
    :param at: when it was killed
    """

    files: Mapping[Path, bytes]
    exchange: Exchange
    at: datetime

    def exchange_again(self) -> Exchange:
        """A copy, to go on with."""
        return _copy(self.exchange)


@dataclass(frozen=True)
class Point:
    """:param names: of the points, one after the other, at which a kill leaves the same"""

    number: int
    names: list[str]
    left: Left

    def __str__(self) -> str:
        return f"{self.number}: {' = '.join(self.names)}"


class Recorder:
    """Numbers the points of a bot's life while it is `on`.

    :param folder: of the trade database and of what is beside it
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.exchange: Exchange
        self.on = False
        self.count = 0
        self.points: list[Point] = []
        self._last: object = None

    def point(self, what: str) -> None:
        if not self.on:
            return
        self.count += 1
        files = files_in(self._folder)
        # The state file has the time in it, and is written by every cycle.
        lasting = {path: content for path, content in files.items() if path.suffix != ".json"}
        account = self.exchange.engine.account(KEY)
        seen = (lasting, _shown(account))
        if seen == self._last:
            self.points[-1].names.append(what)
            return
        self._last = seen
        left = Left(files, _copy(self.exchange), datetime.now(UTC))
        self.points.append(Point(len(self.points), [what], left))

    async def answer(
        self, wire: Wire, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The wire's, which has one request at a time."""
        what = f"{method} {urlsplit(url).path}"
        self.point(f"before {what}")
        answer = await _answer(wire, method, url, headers, body)
        self.point(f"after {what}")
        return answer


_answer = Wire._answer
_connect = sqlite3.connect


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _copy(exchange: Exchange) -> Exchange:
    history = exchange.market._history  # never changes
    return deepcopy(exchange, {id(history): history})


def _shown(account: Account) -> str:
    return repr((account.wallets, account.orders, account.algos, account.holdings, account.fills))


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    """Bots that are made within the block are recorded, once the recorder is `on`."""
    recorder = Recorder(folder)

    class Connection(sqlite3.Connection):
        """Traced from within: every way to write ends in a statement."""

        def commit(self) -> None:
            super().commit()
            recorder.point("after commit")

        def __exit__(self, *error: Any) -> Any:
            try:
                return super().__exit__(*error)
            finally:
                recorder.point("after commit")

        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            done = super().execute(sql, *rest)
            if sql.lstrip().upper().startswith(_WRITES):
                recorder.point(f"after {_words(sql)}")
            return done

    def connect(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        made = _connect(database, *args, **{"factory": Connection, **kwargs})
        if str(folder) in str(database):
            made.set_trace_callback(trace)
        return made

    def trace(sql: str) -> None:
        if sql.lstrip().upper().startswith(_WRITES):
            recorder.point(f"before {_words(sql)}")

    async def answer(wire: Wire, *request: Any) -> Answer:
        return await recorder.answer(wire, *request)

    with ExitStack() as stack:
        for owner in (sqlite3, sqlite3.dbapi2):
            stack.enter_context(mock.patch.object(owner, "connect", connect))
        stack.enter_context(mock.patch.object(Wire, "_answer", answer))
        yield recorder


class Interrupt:
    """Ctrl-C, which Freqtrade makes of SIGTERM as well, once, at the point with that number: before
    or after a request, before or after a commit.

    :param number: from 0, while it is `on`
    :param at: called there, before it ends anything
    """

    def __init__(self, number: int, at: Callable[[], None] = lambda: None) -> None:
        self._left = number
        self._at = at
        self.on = False

    def point(self) -> None:
        if not self.on:
            return
        self._left -= 1
        if self._left < 0:
            self.on = False
            self._at()
            raise KeyboardInterrupt


@contextmanager
def interrupting(number: int, at: Callable[[], None] = lambda: None) -> Iterator[Interrupt]:
    interrupt = Interrupt(number, at)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def interrupted(*args: Any, **kwargs: Any) -> Any:
            interrupt.point()
            done = function(*args, **kwargs)
            interrupt.point()
            return done

        return interrupted

    with (
        mock.patch.object(SyncAdapter, "send", around(SyncAdapter.send)),
        mock.patch.object(Session, "commit", around(Session.commit)),
    ):
        yield interrupt


def _words(sql: str) -> str:
    """What a statement does, and to which table."""
    words = sql.split("(")[0].split()
    return " ".join(words[: 3 if words[0].upper() in ("INSERT", "DELETE", "REPLACE") else 2])


@contextmanager
def live_bot(
    strategy: str, history: History, at: datetime, folder: Path, venue: SameVenue, **settings: Any
) -> Iterator[InProcessBot]:
    """A live bot of BTC with its database in `folder`/books, whatever else there is a market of."""
    books = folder / "books"
    books.mkdir(parents=True, exist_ok=True)
    given = {**LIVE, "db_url": f"sqlite:///{books}/trades.sqlite", **settings}
    own = {**LIVE["exchange"], **settings.get("exchange", {})}
    given["exchange"] = {**own, "pair_whitelist": ["BTC/USDT:USDT"]}
    with bench(strategy, history, at, serve=venue.serve, userdir=folder, **given) as bot:
        yield bot


def put_back(left: Left, folder: Path) -> None:
    """The files as they were, in place: a file that is written over is the same file."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in left.files:
            path.unlink()
    for path, content in left.files.items():
        path.parent.mkdir(exist_ok=True)
        with path.open("r+b" if path.exists() else "wb") as file:
            file.truncate()
            file.write(content)
