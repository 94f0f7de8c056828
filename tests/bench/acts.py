"""What a bot is made to do whose strategy does as the test says, and what is to be seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from perpkit.venue.engine import Algo, Order
from perpkit.venue.exchange.invariants import Breach
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.in_process import MINUTE, InProcessBot
from tests.bench.live import Venue

STEP = timedelta(seconds=5)
COARSE = 4 * STEP  # while the market moves on, and nothing is measured
STEP_SIZE = Decimal("0.001")  # of bitcoin, in a scripted market
# How stakes are made, and where stop and target are.
OF_THE_START = ("Stakes follow ", "Stakes are ", "Stop: ")


def enter(bot: InProcessBot, venue: Venue, side: str = "long") -> None:
    bot.bot.strategy.side = side
    bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)
    bot.bot.strategy.side = None


def hold(bot: InProcessBot, venue: Venue, side: str = "long") -> None:
    """A position with its stop."""
    enter(bot, venue, side)
    bot.run_until(lambda: live_stops(venue), MINUTE, STEP)


def take_stops_away(bot: InProcessBot) -> None:
    """Of all open trades, with the knowledge of the bot."""
    for trade in bot.trades():
        for order in trade.open_sl_orders:
            with bot.bot._exit_lock:
                bot.bot.strategy._running._guard._stop_orders.cancel(order)


def wait_in_book(bot: InProcessBot, venue: Venue) -> Order:
    """An entry below the market, which nobody takes."""
    strategy = bot.bot.strategy
    strategy.side, strategy.crossing = "long", False
    bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
    strategy.side, strategy.crossing = None, True
    (order,) = venue.account.orders.values()
    return order


def fill(venue: Venue, order: Order, quantity: Decimal) -> None:
    """Somebody takes so much of it."""
    exchange = venue.exchange
    exchange.engine.fill_order(venue.account, order.id, quantity, exchange.market.now())


def fill_share(venue: Venue, order: Order, share: Decimal | str | float) -> None:
    """Somebody takes so much of it, one step of the quantity at least."""
    fill(venue, order, max(order.quantity * Decimal(share) // STEP_SIZE, 1) * STEP_SIZE)


@contextmanager
def asked(bot: InProcessBot) -> Iterator[list[str]]:
    """Requests that the bot makes meanwhile, such as `POST /fapi/v1/order`."""
    with mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask) as ask:
        seen: list[str] = []

        def note(method: str, url: str, *_: object) -> Any:
            seen.append(f"{method} {urlsplit(url).path}")
            return mock.DEFAULT

        ask.side_effect = note
        yield seen


def add_fault(venue: Venue, kind: FaultKind, endpoint: str = "*", **given: object) -> str:
    return venue.exchange.market.faults.add(Fault(kind, endpoint=endpoint, **given))


def remove_fault(venue: Venue, name: str) -> None:
    venue.exchange.market.faults.remove(name)


def live_stops(venue: Venue) -> list[Algo]:
    venue.exchange.catch_up()
    return venue.exchange.engine.open_algos(venue.account)


def breaches(venue: Venue) -> list[Breach]:
    venue.exchange.catch_up()
    return venue.exchange.checker.breaches


def warnings(bot: InProcessBot) -> list[str]:
    return [m["status"] for m in bot.messages if str(m["type"]) == "warning"]


def strategy_messages(bot: InProcessBot) -> list[str]:
    """What the strategy says, but for the lines of every start."""
    return [text for text in all_messages(bot) if not text.startswith(OF_THE_START)]


def all_messages(bot: InProcessBot) -> list[str]:
    return [m["msg"] for m in bot.messages if str(m["type"]) == "strategy_msg"]
