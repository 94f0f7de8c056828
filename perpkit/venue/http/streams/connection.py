"""One websocket connection: its subscriptions, and the messages that wait to be sent, in order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan
from perpkit.venue.http.injection import Line
from perpkit.venue.http.streams.names import USER_DATA, Route, Stream

# A client that reads too slowly is cut off with more messages or characters than this waiting.
MAX_WAITING = 20_000
MAX_CHARACTERS = 16 * 2**20


@dataclass(frozen=True)
class Message:
    """One message of a stream, as it goes to every connection that has subscribed.

    :param stream: its name; of user data the listen key
    :param event: name of a user data event; of market data the stream's name
    :param time: ms; faults that are in force then may strike it
    :param data: JSON
    """

    stream: str
    event: str
    symbol: str | None
    time: int
    data: str


@dataclass(eq=False)
class Connection:
    """Subscriptions of a client, and its outbox.

    :param combined: whether a message names its stream
    :param opened: ms on the venue's clock
    :param line: the TCP connection, where there is one
    :param drawn: cuts that were drawn for it already, by the fault's id
    :param waiting: when each message may be sent (seconds of `monotonic`), and its text
    """

    route: Route | None
    combined: bool
    opened: int
    line: Line | None = None
    streams: dict[str, Stream] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: deque[tuple[float, str]] = field(default_factory=deque)
    _characters: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, message: Message, plan: FaultPlan) -> None:
        """Queues a message of a subscribed stream, as the faults of streams allow."""
        of_event = f"{message.stream}@{message.event}"
        stream = self.streams.get(message.stream) or self.streams.get(of_event)
        if stream is None:
            return
        names = (USER_DATA, message.event) if stream.listen_key else (message.stream,)
        faults = plan.striking_message(names, message.symbol, message.time)
        kinds = [fault.kind for fault in faults]
        if FaultKind.STREAM_SILENCE in kinds:
            return
        text = message.data
        if self.combined:
            text = f'{{"stream":{json.dumps(stream.name)},"data":{text}}}'
        delay = sum(f.number("ms") for f in faults if f.kind is FaultKind.STREAM_DELAY) / 1000
        for _ in range(1 + kinds.count(FaultKind.STREAM_DUPLICATE)):
            self._put(text, delay)

    def answer(self, response: dict[str, Any]) -> None:
        """Queues the answer to a request of the client's."""
        self._put(json.dumps(response), 0.0)

    def concerns(self, fault: Fault) -> bool:
        """Whether a cut concerns one of the streams."""
        if fault.endpoint == "*" and fault.symbol is None:
            return True
        return any(
            fault.concerns(stream.symbol) and fault.meets("", stream.public_name)
            for stream in self.streams.values()
        )

    def cut(self) -> None:
        """Resets the TCP connection: what waits is never sent."""
        self.waiting.clear()
        self._characters = 0
        if self.line is not None:
            self.line.reset()
        self.ended.set()

    async def next_text(self) -> str:
        """Returns the next message once it is due."""
        while True:
            while not self.waiting:
                self._more.clear()
                await self._more.wait()
            due, _ = self.waiting[0]
            if (seconds := due - monotonic()) > 0:
                await asyncio.sleep(seconds)
                continue
            return self.take()

    def take(self) -> str:
        """Removes the message that has waited longest, and returns it."""
        _, text = self.waiting.popleft()
        self._characters -= len(text)
        return text

    def _put(self, text: str, delay: float) -> None:
        if len(self.waiting) >= MAX_WAITING or self._characters + len(text) > MAX_CHARACTERS:
            self.cut()
            return
        due = monotonic() + delay
        if self.waiting:
            due = max(due, self.waiting[-1][0])  # never before the one in front of it
        self.waiting.append((due, text))
        self._characters += len(text)
        self._more.set()
