"""A whole trade of a live bot: entry, stop, stop trailed, a part sold, and out, by a signal or its
stop; what fails on the way, and what must hold afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from freqtrade.enums import State

from perpkit.record.order_ids import Purpose, parse
from perpkit.venue.engine import Algo, Fill, Order
from tests.bench.acts import OF_THE_START
from tests.bench.faulty_client import FaultyClients
from tests.bench.in_process import InProcessBot
from tests.bench.live import LIVE, Venue, differences, live_bench
from tests.bench.scripted_market import scripted_market

STEP = timedelta(seconds=5)
START = datetime(2026, 3, 2, 10, 0, 40, tzinfo=UTC)
_MINUTE = START.replace(second=0)
_LOT = Decimal("0.001")
_RISEN, _ENDED = 2.2, 3.0  # minutes
# R is 5%: half is sold above 52,500, and the stop of the rest goes to the entry.
_RISE = [(1, 50_000.0), (2, 53_100.0)]
# Freqtrade puts a cycle off by 30 s when one has failed; two cycles more.
WITHIN = timedelta(seconds=30) + 2 * STEP
# Cycles after which what several orders have cost together is in the books.
_BOOKED = 14


class Way(StrEnum):
    """How the trade goes."""

    SIGNAL = "signal"  # its orders fill at once, a signal closes it
    RESTING = "resting"  # its orders rest in the book for a while
    STOP = "stop"  # as the first, but its stop triggers
    TARGET = "target"  # as the first, but targets at the exchange take the profit


class Phase(StrEnum):
    ENTRY = "entry"
    HELD = "held"
    RISE = "rise"  # the stop is trailed, a part is sold
    EXIT = "exit"
    AFTER = "after"


# Below the first stop, too, for one that is not trailed.
_END = {Way.STOP: 47_000.0, Way.TARGET: 56_500.0}
_MARKETS = {
    way: scripted_market(
        _MINUTE,
        [*_RISE, (_ENDED, _END.get(way, 53_100.0))],
        turnover=1e10,
    )
    for way in Way
}


def _settings(way: Way) -> dict[str, Any]:
    # At the other side's price an order fills at once.
    prices = {"price_side": "same" if way is Way.RESTING else "other"}
    # Markets are loaded again while the trade is open.
    exchange = {**LIVE["exchange"], "markets_refresh_interval": 1}
    return {
        "stake_amount": "unlimited",  # by the risk
        "entry_pricing": prices,
        "exit_pricing": prices,
        "exchange": exchange,
        "perpkit": {"use": {"refresh": False, "targets": way is Way.TARGET}},
    }


def is_target(order: Order) -> bool:
    sent = parse(order.client_id)
    return sent is not None and sent.purpose is Purpose.TARGET


@dataclass
class Run:
    """One trade of one bot.

    :param begin: is given each phase when it begins
    :param patience: until what is wanted must have happened
    :param after: cycles when the trade has ended
    :param found: what did not happen in time
    :param log: warnings and errors
    """

    way: Way
    bot: InProcessBot
    venue: Venue
    clients: FaultyClients
    begin: Callable[[Phase], None] = lambda _: None
    patience: timedelta = WITHIN
    after: int = 4
    found: list[str] = field(default_factory=list)
    log: list[logging.LogRecord] = field(default_factory=list)
    _waiting: set[int] = field(default_factory=set)

    @property
    def strategy(self) -> Any:
        return self.bot.bot.strategy

    @property
    def stops(self) -> list[Algo]:
        self.venue.exchange.catch_up()
        return self.venue.exchange.engine.open_algos(self.venue.account)

    @property
    def most(self) -> Decimal:
        """The largest position that there has been."""
        held = most = Decimal(0)
        for fill in self.venue.account.fills:
            held += fill.side.sign * fill.quantity
            most = max(most, held)
        return most

    def trade(self) -> None:
        self.begin(Phase.ENTRY)
        self.strategy.side = "long"
        self._until("the entry", lambda: self._filled)
        self.strategy.side = None
        self._run(2)
        self.begin(Phase.HELD)
        self._run(2)
        self.begin(Phase.RISE)
        self._wait(_RISEN)
        self._until("the part sold", lambda: self._sold)
        self._run(2)
        self.begin(Phase.EXIT)
        if self.way in _END:
            self._wait(_ENDED)
        else:
            self.strategy.leave = True
        self._until("the exit", lambda: not self.venue.amount)
        self.strategy.leave = False
        self.begin(Phase.AFTER)
        self._run(self.after)
        if len({fill.maker for fill in self._sales}) > 1:
            self._run(_BOOKED)

    @property
    def _sales(self) -> list[Fill]:
        return [fill for fill in self.venue.account.fills if fill.side == "SELL"]

    @property
    def _sold(self) -> bool:
        return bool(self._sales)

    @property
    def _filled(self) -> bool:
        return bool(self.venue.amount) and not self._open_orders

    @property
    def _open_orders(self) -> list[Order]:
        self.venue.exchange.catch_up()
        orders = self.venue.account.orders.values()
        return [order for order in orders if order.is_open and not is_target(order)]

    def _run(self, cycles: int) -> None:
        """What rests in the book for a cycle fills by half, and then whole."""
        for _ in range(cycles):
            self.bot.run(1, STEP)
            engine, now = self.venue.exchange.engine, self.venue.exchange.market.now()
            waits, self._waiting = self._waiting, set()
            for order in self._open_orders:
                self._waiting.add(order.id)
                half = (order.quantity / 2).quantize(_LOT)
                if order.id in waits:
                    missing = half if not order.executed else order.quantity - order.executed
                    engine.fill_order(self.venue.account, order.id, missing, now)

    def _wait(self, minutes: float) -> None:
        end = _MINUTE + timedelta(minutes=minutes)
        while self.bot.now < end:
            self._run(1)

    def _until(self, what: str, condition: Callable[[], Any]) -> None:
        end = self.bot.now + self.patience
        while not condition():
            if self.bot.now > end:
                self.found.append(f"{what} did not happen within {self.patience}")
                return
            self._run(1)

    def messages(self, words: str = "") -> list[str]:
        """To the operator, with these words: warnings, errors, and what the strategy says, but for
        the lines of every start."""
        kinds = {"warning", "exception", "strategy_msg"}
        sent = (
            str(m.get("status") or m.get("msg"))
            for m in self.bot.messages
            if str(m["type"]) in kinds
        )
        return [each for each in sent if words in each and not each.startswith(OF_THE_START)]

    def logged(self, words: str = "") -> list[str]:
        """Warnings and errors in the log with these words."""
        lines = (f"{r.getMessage()} {r.exc_info[1] if r.exc_info else ''}" for r in self.log)
        return [line for line in lines if words in line]

    def problems(self, amount: Decimal) -> list[str]:
        """What does not hold that must, whatever has failed.

        :param amount: of the entry
        """
        self.venue.exchange.catch_up()
        found = [*self.found, *(b.detail for b in self.venue.exchange.checker.breaches)]
        # Freqtrade deletes a trade whose entry is withdrawn before it fills.
        empty = {
            f"order {order.id} is not in the database"
            for order in self.venue.account.orders.values()
            if not order.executed and not order.is_open
        }
        found += [line for line in differences(self.bot.trades(), self.venue) if line not in empty]
        if self.most > amount:
            found.append(f"a position of {self.most} instead of {amount}")
        if self.bot.bot.state is not State.RUNNING:
            found.append(f"the bot is {self.bot.bot.state.name}")
        if self.stops:
            found.append(f"{len(self.stops)} stops are left")
        return found


@contextmanager
def ready(way: Way, strategy: str = "WholeTrade") -> Iterator[Run]:
    """A bot that has run for two cycles; what it warns of is kept from then on."""
    clients = FaultyClients()
    with ExitStack() as stack:
        stack.enter_context(clients.installed())
        bot, venue = stack.enter_context(
            live_bench(strategy, _MARKETS[way], START, **_settings(way))
        )
        bot.run(2, STEP)
        run = Run(way, bot, venue, clients)
        handler = _Kept(run.log)
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)
        yield run


# How fast the machine is, and what an earlier test has left open, is no trouble of the trade.
_OF_THE_MACHINE = {"perpkit.bot.live.slow_cycles", "asyncio"}


class _Kept(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.WARNING)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in _OF_THE_MACHINE:
            self._records.append(record)
