"""A hub without a server: its turns are taken by hand, and what a connection was sent is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.streams.connection import Connection
from perpkit.venue.http.streams.hub import Hub
from tests.venue.conftest import HandClock


class Ear:
    """Connections to a hub; `turn` lets time pass and returns what the first was sent."""

    def __init__(self, exchange: Exchange, clock: HandClock, stack: ExitStack) -> None:
        self.exchange, self.clock, self._stack = exchange, clock, stack
        self.market = exchange.market
        self.hub = Hub(exchange.market, exchange)

    def connect(self, *names: str, **how: Any) -> Connection:
        given = {"route": None, "combined": False, "opened": self.clock.now()}
        connection = Connection(**{**given, **how})
        self._stack.enter_context(self.hub.connected(connection))
        if names:
            self.hub.subscribe(connection, list(names))
        return connection

    def user(self, key: str = "key") -> str:
        """A listen key."""
        account = self.exchange.engine.account(key)
        return self.exchange.listen_keys.open(account, self.clock.now())

    def turn(self, ms: int = 0) -> None:
        self.clock.time += ms
        self.hub.turn()


def sent(connection: Connection) -> list[Any]:
    """What waits to be sent, which is then gone."""
    return [json.loads(connection.take()) for _ in range(len(connection.waiting))]


def listening(exchange: Exchange, clock: HandClock, test: Callable[[Ear], None]) -> None:
    """Runs a test within an event loop, which takes no turns of its own meanwhile."""

    async def run() -> None:
        with ExitStack() as stack:
            test(Ear(exchange, clock, stack))

    _run(run())


def _run(part: Coroutine[Any, Any, None]) -> None:
    asyncio.run(part)
