"""What a doctor finds on a desk: the files of a live bot that has traded, and its exchange.

A bot makes both once; each test has copies of its own, in which it may break what it likes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import time_machine
from filelock import FileLock
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops import exchange as tools
from perpkit.ops.bot_config import read_config
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.doctor.registry import CHECKS
from perpkit.ops.doctor.run import run
from perpkit.venue.engine import Account
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from tests.bench.in_process import MINUTE, STRATEGIES, InProcessBot
from tests.bench.killed import Left, _copy, files_in, live_bot, put_back
from tests.bench.live import SameVenue, differences
from tests.bench.planted import KEY, SECRET
from tests.bench.scripted_market import scripted_market
from tests.bench.wire import SyncAdapter, Wire
from tests.conftest import REPOSITORY

STRATEGY = "WholeTrade"
# Ten minutes before funding is settled.
START = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
ETHER = Instrument("ETH", tick_size=0.01, step_size=0.001)


# Up by a rung of the ladder after the settlement, then still.
RISE = ((0, 50_000.0), (15, 50_000.0), (25, 53_000.0), (600, 53_000.0))


def _market(points: Sequence[tuple[float, float]]) -> History:
    given = {"funding_rate": 0.005}
    bitcoin = scripted_market(START, points, **given)
    ether = scripted_market(START, [(0, 2_000.0), (600, 2_000.0)], instrument=ETHER, **given)
    return History({**bitcoin.pairs, **ether.pairs})


@dataclass(frozen=True)
class Traded:
    """
    :param folder: of the bot, whose files must stay where they are
    :param left: what is there
    """

    folder: Path
    left: Left


class Trader:
    """What a bot is made to do; it takes what the book offers."""

    def __init__(self, bot: InProcessBot, venue: SameVenue) -> None:
        self._bot = bot
        self._venue = venue
        self._strategy: Any = bot.bot.strategy

    def enter(self, side: str = "long") -> None:
        """Until the position has its stop."""
        engine, account = self._venue.exchange.engine, self._venue.account
        self._strategy.side = side
        self._bot.run_until(lambda: self._venue.amount, timedelta(minutes=5), STEP)
        self._strategy.side = None
        self._bot.run_until(lambda: engine.open_algos(account), timedelta(minutes=2), STEP)

    def sell_part(self) -> None:
        """Until the ladder has taken a rung."""
        fills = self._venue.account.fills
        self._bot.run_until(
            lambda: any(fill.realized_pnl for fill in fills), timedelta(minutes=40), MINUTE
        )
        self._bot.run(3, STEP)

    def leave(self) -> None:
        self._strategy.leave = True
        self._bot.run_until(lambda: not self._venue.amount, timedelta(minutes=5), STEP)
        self._strategy.leave = False
        self._bot.run(8, MINUTE)

    def be_stopped(self) -> None:
        """At the exchange, until its funding is booked."""
        self._bot.run_until(lambda: not self._venue.amount, timedelta(minutes=60), MINUTE)
        self._bot.run(8, MINUTE)


def twice(trader: Trader) -> None:
    """A trade with funding and a part that was sold, closed; one that is open, with its stop."""
    trader.enter()
    trader.sell_part()
    trader.leave()
    trader.enter()


def trade(
    folder: Path,
    act: Callable[[Trader], None] = twice,
    points: Sequence[tuple[float, float]] = RISE,
    venue: SameVenue | None = None,
    **settings: Any,
) -> Traded:
    """A live bot that does so, and ends.

    :param points: of the price of BTC, see `scripted_market`
    :param settings: of Freqtrade's configuration
    """
    venue, prices = venue or SameVenue(), {"price_side": "other"}
    with live_bot(
        STRATEGY,
        _market(points),
        START,
        folder,
        venue,
        stake_amount="unlimited",
        entry_pricing=prices,
        exit_pricing=prices,
        **settings,
    ) as bot:
        act(Trader(bot, venue))
        bot.run(3, STEP)
        at = bot.now
        venue.exchange.catch_up()
        assert venue.exchange.checker.breaches == []
        assert differences(bot.trades(), venue) == []
    return Traded(folder, Left(files_in(folder), _copy(venue.exchange), at))


class Desk:
    """
    :param config: settings on top of the bot's own configuration
    """

    def __init__(self, traded: Traded, exchange: Exchange, wire: Wire, stack: ExitStack) -> None:
        self._stack = stack
        self.folder = traded.folder
        self.exchange = exchange
        self.wire = wire
        self.config: dict[str, Any] = {
            "strategy": STRATEGY,
            "strategy_path": str(STRATEGIES),
        }

    @property
    def account(self) -> Account:
        return self.exchange.engine.account(KEY)

    def hold_lock(self) -> None:
        """As a bot that runs does, until the end of the test."""
        lock = FileLock(self.folder / "books" / "trades.journal.sqlite.lock")
        self._stack.enter_context(lock)

    def restrict(self, **changes: Any) -> None:
        self.account.restrictions = replace(self.account.restrictions, **changes)

    def write(self, statement: str, *values: Any) -> None:
        """To the trade database."""
        path = self.folder / "books" / "trades.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement, values)

    @property
    def files(self) -> list[Path]:
        """Of the configuration, as it is now."""
        last = self.folder / "last.json"
        last.write_text(json.dumps(self.config))
        names = ("venue.json", "own.json", "last.json")
        return [REPOSITORY / "config.json.example", *(self.folder / name for name in names)]

    def findings(self, capital: float | None = None) -> list[Finding]:
        """Of the checks that ask somebody."""
        files = self.files
        context = Context(datetime.now(UTC), files, read_config(files, self.folder), capital)
        return list(run([check for check in CHECKS if check.online], context))

    def doctor(self, *options: str) -> Any:
        """The command, with all checks."""
        return self.command("doctor", *options)

    def command(self, *given: str) -> Any:
        """A command of `perpkit` that is asked about the bot."""
        files = [f"--config={path}" for path in self.files]
        whole = [*given, *files, f"--userdir={self.folder}"]
        return CliRunner().invoke(app, whole, catch_exceptions=False)


def _without_key(path: Path) -> None:
    """It comes by the environment, as it should."""
    config = json.loads(path.read_text())
    for name in ("key", "secret"):
        config["exchange"].pop(name, None)
    path.write_text(json.dumps(config))


@contextmanager
def _wired(exchange: Exchange) -> Iterator[Wire]:
    """Clients of the operator's commands talk to the venue."""
    wire, make = Wire(create_app(exchange.market, exchange=exchange)), tools._client

    def make_wired(*given: Any) -> Any:
        client = make(*given)
        for scheme in ("http://", "https://"):
            client.session.mount(scheme, SyncAdapter(wire))
        return client

    with mock.patch.object(tools, "_client", make_wired):
        try:
            yield wire
        finally:
            wire.close()


@contextmanager
def desk(traded: Traded) -> Iterator[Desk]:
    """A desk of its own, a few seconds after the bot ended."""
    put_back(traded.left, traded.folder)
    for name in ("venue.json", "own.json"):
        _without_key(traded.folder / name)
    environment = {"FREQTRADE__EXCHANGE__KEY": KEY, "FREQTRADE__EXCHANGE__SECRET": SECRET}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment))
        # The clock goes on, for servers in threads of their own.
        stack.enter_context(time_machine.travel(traded.left.at + timedelta(seconds=10)))
        exchange = traded.left.exchange_again()
        wire = stack.enter_context(_wired(exchange))
        made = Desk(traded, exchange, wire, stack)
        made.restrict(addresses=frozenset({"127.0.0.1"}))
        yield made
