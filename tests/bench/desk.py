"""What a doctor finds on a desk: the files of a live bot that has traded, and its exchange.

A bot makes both once; each test has copies of its own, in which it may break what it likes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from perpkit.ops.bot_config import read_config
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.doctor.online import ONLINE
from perpkit.ops.exchange import exchange_client, public_client
from perpkit.venue.app import create_app
from perpkit.venue.engine import Account
from perpkit.venue.exchange import Exchange
from perpkit.venue.history import History
from perpkit.venue.instruments import Instrument
from tests.bench.in_process import STRATEGIES
from tests.bench.killed import Left, _copy, files_in, live_bot, put_back
from tests.bench.live import SameVenue
from tests.bench.scripted_market import scripted_market
from tests.bench.wire import SyncAdapter, Wire
from tests.conftest import REPOSITORY

STRATEGY = "WholeTrade"
# Ten minutes before funding is settled.
START = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
ETHER = Instrument("ETH", tick_size=0.01, step_size=0.001)
# Not a word that is printed for other reasons.
SECRET = "0f-a-secret-of-the-exchange-f0"


def _market() -> History:
    """Up by a rung of the ladder after the settlement, then still."""
    points = [(0, 50_000.0), (15, 50_000.0), (25, 53_000.0), (600, 53_000.0)]
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


def trade(folder: Path) -> Traded:
    """A trade with funding and a part that was sold, closed; one that is open, with its stop."""
    venue = SameVenue()
    prices = {"price_side": "other"}
    with live_bot(
        STRATEGY, _market(), START, folder, venue, entry_pricing=prices, exit_pricing=prices
    ) as bot:
        strategy = bot.bot.strategy

        def stopped() -> bool:
            return bool(venue.exchange.engine.open_algos(venue.account))

        def sold() -> bool:
            return any(fill.side == "SELL" for fill in venue.account.fills)

        def enter() -> None:
            strategy.side = "long"
            bot.run_until(lambda: venue.amount, timedelta(minutes=5), STEP)
            strategy.side = None
            bot.run_until(stopped, timedelta(minutes=2), STEP)

        enter()
        bot.run_until(sold, timedelta(minutes=40), timedelta(minutes=1))
        bot.run(3, STEP)
        strategy.leave = True
        bot.run_until(lambda: not venue.amount, timedelta(minutes=5), STEP)
        strategy.leave = False
        bot.run(8, timedelta(minutes=1))
        enter()
        bot.run(3, STEP)
        at = bot.now
        venue.exchange.catch_up()
        assert venue.exchange.checker.breaches == []
    return Traded(folder, Left(files_in(folder), _copy(venue.exchange), at))


class Desk:
    """
    :param config: settings on top of the bot's own configuration
    """

    def __init__(self, traded: Traded, exchange: Exchange, wire: Wire) -> None:
        self.folder = traded.folder
        self.exchange = exchange
        self.wire = wire
        self.config: dict[str, Any] = {
            "strategy": STRATEGY,
            "strategy_path": str(STRATEGIES),
            "exchange": {"key": "key", "secret": SECRET},
        }
        self.account.secret = SECRET

    @property
    def account(self) -> Account:
        return self.exchange.engine.account("key")

    def restrict(self, **changes: Any) -> None:
        self.account.restrictions = replace(self.account.restrictions, **changes)

    def write(self, statement: str, *values: Any) -> None:
        """To the trade database."""
        path = self.folder / "books" / "trades.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement, values)

    def context(self, capital: float | None = None) -> Context:
        last = self.folder / "last.json"
        last.write_text(json.dumps(self.config))
        names = ("venue.json", "own.json", "last.json")
        files = [REPOSITORY / "config.json.example", *(self.folder / name for name in names)]
        read = read_config(files, self.folder)
        context = Context(datetime.now(UTC), files, read, capital)
        for name, make in (("client", exchange_client), ("public_client", public_client)):
            own = read.config["exchange"]
            if name == "client" and not (own.get("key") and own.get("secret")):
                continue
            client = make(read.config)
            for scheme in ("http://", "https://"):
                client.session.mount(scheme, SyncAdapter(self.wire))
            setattr(context, name, client)
        return context

    def findings(self, capital: float | None = None) -> list[Finding]:
        """Of the checks that ask somebody."""
        from perpkit.ops.doctor.registry import Check
        from perpkit.ops.doctor.run import run

        checks = [Check(name, find, online=True) for name, find in ONLINE]
        return list(run(checks, self.context(capital)))


Plant = Callable[[Desk], None]


@contextmanager
def desk(traded: Traded) -> Iterator[Desk]:
    """A desk of its own, a few seconds after the bot ended."""
    put_back(traded.left, traded.folder)
    # The clock goes on, for servers in threads of their own.
    with time_machine.travel(traded.left.at + timedelta(seconds=10)):
        exchange = traded.left.exchange_again()
        wire = Wire(create_app(exchange.market, exchange=exchange))
        made = Desk(traded, exchange, wire)
        made.restrict(addresses=frozenset({"127.0.0.1"}))
        try:
            yield made
        finally:
            wire.close()
