"""What a market stream sends next: it is asked again and again, and answers what is new.

The times are the venue's. Where its clock jumps, only candles that have closed are made up for;
prices and books are those of the present.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from perpkit.venue.http.streams import market_payloads as payloads
from perpkit.venue.http.streams.names import Stream, StreamKind
from perpkit.venue.market.candles import SERVED_MS, bucket_start, closing_time
from perpkit.venue.market.market import Market
from perpkit.venue.market.trades import SEARCHED

KLINE_MS = 250
# A book is made once a second.
_BOOK_MS = 1_000
# Of one symbol at a look; the next look goes on from there.
_MOST_CANDLES = _MOST_TRADES = 1_000

Message = dict[str, Any] | list[dict[str, Any]]


class Source(Protocol):
    def poll(self, now: int) -> list[Message]:
        """Returns the messages that are due at `now` (ms), in order."""
        ...


class _Klines:
    """Each candle that closes once, as closed; between, the one being formed whenever it moved."""

    def __init__(
        self, market: Market, symbol: str, interval: str, make: Callable[..., dict[str, Any]]
    ) -> None:
        """:param make: the message of one candle"""
        self._market, self._symbol, self._interval = market, symbol, interval
        self._make = make
        self._ms = SERVED_MS[interval]
        self._from = bucket_start(market.now(), self._ms)
        self._sent = 0
        self._last: dict[str, Any] = {}

    def poll(self, now: int) -> list[Message]:
        if now < min(self._sent + KLINE_MS, closing_time(self._from, self._ms)):
            return []
        out: list[Message] = []
        rows = self._market.candles(
            self._symbol, self._interval, start=self._from, limit=_MOST_CANDLES
        )
        for row in range(len(rows)):
            candle = rows[row : row + 1]
            closes = closing_time(int(candle.time[0]), self._ms)
            closed = closes <= now
            message = self._make(
                self._market, self._symbol, self._interval, candle, now, closed=closed
            )
            if message["k"] != self._last:
                out.append(message)
                self._last = message["k"]
            if closed:
                self._from = closes
        self._sent = now
        return out


class _Trades:
    """Each trade once."""

    def __init__(
        self, market: Market, symbol: str, make: Callable[..., list[dict[str, Any]]]
    ) -> None:
        """:param make: the messages of some trades"""
        self._market, self._symbol, self._make = market, symbol, make
        self._next = market.trade_id(symbol, market.now()) + 1

    def poll(self, now: int) -> list[Message]:
        # With a start, the oldest are asked for from the first id on, too.
        found = self._market.trades(self._symbol, start=0, first=self._next, limit=_MOST_TRADES)
        if len(found):
            self._next = int(found.id[-1]) + 1
        else:
            # The next look does not search again where nothing was traded.
            searched = min(self._next + SEARCHED, self._market.trade_id(self._symbol, now))
            self._next = max(self._next, searched + 1)
        return [*self._make(self._market, self._symbol, found, now)]


class _Books:
    """A message for each book, which the venue makes once a second."""

    def __init__(self, make: Callable[[int], Message], made: Callable[[], int]) -> None:
        """:param make: the message, given the update id of the one before
        :param made: when the book on show was made, ms, which is its update id"""
        self._make, self._made = make, made
        self._id = made() - _BOOK_MS

    def poll(self, now: int) -> list[Message]:  # noqa: ARG002
        shown = self._made()
        if shown // _BOOK_MS <= self._id // _BOOK_MS:
            return []
        message = self._make(self._id)
        self._id = shown
        return [message]


class _Periodic:
    """The present state, once in each period."""

    def __init__(self, make: Callable[[int], Message], every_ms: int) -> None:
        self._make, self._every = make, every_ms
        self._period = -1

    def poll(self, now: int) -> list[Message]:
        period = now // self._every
        if period <= self._period:
            return []
        self._period = period
        return [self._make(now)]


def source_of(market: Market, stream: Stream) -> Source:
    """Returns what sends the messages of a market stream."""
    if stream.kind is StreamKind.ALL_MARK_PRICES:
        return _Periodic(
            lambda now: [payloads.mark_price(market, s, now) for s in market.traded],
            stream.every_ms,
        )
    symbol = stream.symbol
    assert symbol is not None
    if stream.kind is StreamKind.KLINE:
        return _Klines(market, symbol, stream.interval, payloads.kline)
    if stream.kind is StreamKind.CONTINUOUS_KLINE:
        return _Klines(market, symbol, stream.interval, payloads.continuous_kline)
    if stream.kind is StreamKind.AGG_TRADE:
        return _Trades(market, symbol, payloads.agg_trades)
    if stream.kind is StreamKind.TRADE:
        return _Trades(market, symbol, payloads.trades)
    if stream.kind is StreamKind.MARK_PRICE:
        return _Periodic(lambda now: payloads.mark_price(market, symbol, now), stream.every_ms)
    if stream.kind is StreamKind.BOOK_TICKER:
        return _Books(
            lambda _: payloads.book_ticker(market, symbol), lambda: market.book_time(symbol)
        )
    return _Books(
        lambda before: payloads.depth(market, symbol, stream.levels, before),
        lambda: market.book_time(symbol),
    )
