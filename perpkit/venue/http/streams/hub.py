"""Sends what is new to the connections that have subscribed to it.

While there is a connection, the hub takes turns, in real time: what a request has set off is sent
at every turn. At every fifth it brings the engine to the present, which is dear, and asks every
market stream for what is due. Without a connection nothing runs.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

from perpkit.durations import DAY_MS
from perpkit.venue.engine.events import Event
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.listen_keys import ListenKey
from perpkit.venue.faults.faults import FaultKind
from perpkit.venue.http.streams.connection import Connection, Message
from perpkit.venue.http.streams.market_streams import Source, source_of
from perpkit.venue.http.streams.names import Route, Stream, StreamKind, parse_stream
from perpkit.venue.http.streams.requests import MAX_STREAMS
from perpkit.venue.http.streams.user_payloads import Payload, listen_key_expired, payloads_of
from perpkit.venue.market.market import Market

_logger = logging.getLogger(__name__)

TURN_SECONDS = 0.02
_TURNS_A_LOOK = 5
# The exchange ends a connection after a day; here it is one of the venue's clock.
LONGEST_MS = DAY_MS


class Hub:
    """The connections of a venue.

    :param exchange: None where only market data is served
    """

    def __init__(self, market: Market, exchange: Exchange | None) -> None:
        self._market = market
        self._exchange = exchange
        self._connections: list[Connection] = []
        self._sources: dict[str, tuple[Stream, Source]] = {}
        self._heard: deque[Message] = deque()
        self._turning: asyncio.Task[None] | None = None
        self._looked = market.now()

    def streams(self, connection: Connection, names: list[str]) -> list[Stream]:
        """Returns the streams of these names, to which the connection may subscribe.

        :raises ValueError: naming the stream and what is wrong with it, or if they are too many
        """
        if len({*connection.streams, *names}) > MAX_STREAMS:
            raise ValueError(f"a connection has at most {MAX_STREAMS} streams")
        return [self._stream(name, connection.route) for name in dict.fromkeys(names)]

    @contextmanager
    def connected(self, connection: Connection) -> Iterator[None]:
        """Serves a connection for as long as the block lasts."""
        self._connections.append(connection)
        if self._turning is None or self._turning.done():
            self._turning = asyncio.get_running_loop().create_task(self._turn_always())
        try:
            yield
        finally:
            self._connections.remove(connection)
            self.unsubscribe(connection, list(connection.streams))

    def subscribe(self, connection: Connection, names: list[str]) -> None:
        """Subscribes to all of the streams or to none.

        :raises ValueError: as `streams`
        """
        streams = self.streams(connection, names)
        sources = {
            stream.name: (stream, source_of(self._market, stream))
            for stream in streams
            if stream.kind is not StreamKind.USER_DATA and stream.name not in self._sources
        }
        if self._exchange is not None and any(s.kind is StreamKind.USER_DATA for s in streams):
            # What happened before is not for this connection.
            self._exchange.catch_up()
            self._send_heard()
        # From here on nothing fails, so that it is all of them or none.
        connection.streams |= {stream.name: stream for stream in streams}
        self._sources |= sources
        self._set_listeners()

    def unsubscribe(self, connection: Connection, names: list[str]) -> None:
        """Ends subscriptions; names that are not subscribed to are left alone."""
        for name in names:
            connection.streams.pop(name, None)
        wanted = {name for each in self._connections for name in each.streams}
        self._sources = {n: source for n, source in self._sources.items() if n in wanted}
        self._set_listeners()

    def turn(self) -> None:
        """Sends everything that is due now."""
        now = self._market.now()
        self._cut(now)
        if self._exchange is not None and self._listens():
            self._exchange.catch_up()
        self._send_heard()
        self._expire(now)
        for stream, source in list(self._sources.values()):
            try:
                self._poll(stream, source, now)
            except Exception:  # the others go on
                _logger.exception(f"a look at what {stream.name} has to send failed")

    def _stream(self, name: str, route: Route | None) -> Stream:
        stream = parse_stream(name, self._market, route)
        if stream.kind is StreamKind.USER_DATA and self._exchange is None:
            raise ValueError("this venue has no accounts, so that there is no user data")
        return stream

    def _poll(self, stream: Stream, source: Source, now: int) -> None:
        if stream.symbol is None or self._market.is_traded(stream.symbol):
            for data in source.poll(now):
                text = json.dumps(data)
                self._send(Message(stream.name, stream.name, stream.symbol, now, text))

    async def _turn_always(self) -> None:
        for number in count():
            if not self._connections:
                return
            try:
                if number % _TURNS_A_LOOK:
                    self._send_heard()
                else:
                    self.turn()
            except Exception:
                _logger.exception("a look at what streams have to send failed")
            await asyncio.sleep(TURN_SECONDS)

    def _cut(self, now: int) -> None:
        plan = self._market.faults
        for connection in list(self._connections):
            if now >= connection.opened + LONGEST_MS:
                connection.ended.set()
            # The clock may have jumped over the whole of a fault.
            since = max(self._looked, connection.opened)
            for name, fault in plan:
                due = fault.kind is FaultKind.STREAM_CUT and fault.within(since, now)
                if due and name not in connection.drawn and connection.concerns(fault):
                    connection.drawn.add(name)
                    if plan.strikes_now(name):
                        connection.cut()
        self._looked = now

    def _listens(self) -> bool:
        accounts = [] if self._exchange is None else self._exchange.engine.accounts
        return any(account.listener is not None for account in accounts)

    def _set_listeners(self) -> None:
        """Makes accounts report whose user data stream is subscribed to, and no others."""
        if self._exchange is None:
            return
        wanted = {s.listen_key for each in self._connections for s in each.streams.values()}
        for account in self._exchange.engine.accounts:
            account.listener = None
        # Of a key that has expired unnoticed, too: what happened before that is still to come.
        for key in self._exchange.listen_keys:
            if key.text in wanted:
                key.account.listener = partial(self._hear, self._exchange, key)

    def _hear(self, exchange: Exchange, key: ListenKey, event: Event) -> None:
        if exchange.listen_keys.get(key.text) is None:  # closed
            return
        for payload in payloads_of(exchange, key.account, event, self._market.now()):
            if payload["E"] < key.expires:
                self._heard.append(_user_message(key.text, payload))

    def _send_heard(self) -> None:
        while self._heard:
            self._send(self._heard.popleft())

    def _expire(self, now: int) -> None:
        expired = [] if self._exchange is None else self._exchange.listen_keys.expired(now)
        for key in expired:
            self._send(_user_message(key.text, listen_key_expired(key.text, key.expires)))
            for connection in self._connections:
                for stream in list(connection.streams.values()):
                    if stream.listen_key == key.text:
                        del connection.streams[stream.name]
        if expired:
            self._set_listeners()

    def _send(self, message: Message) -> None:
        for connection in list(self._connections):
            connection.offer(message, self._market.faults)


def _user_message(listen_key: str, payload: Payload) -> Message:
    symbol = _symbol_of(payload)
    return Message(listen_key, payload["e"], symbol, payload["E"], json.dumps(payload))


def _symbol_of(payload: Payload) -> str | None:
    """The symbol that an event is about; None without one, and for positions in several."""
    if payload["e"] == "ACCOUNT_UPDATE":
        account = payload["a"]
        held = {position["s"] for position in account["P"]}
        return account.get("S") or (held.pop() if len(held) == 1 else None)
    about = payload.get("o") or payload.get("ac") or payload
    symbol: str | None = about.get("s")
    return symbol
