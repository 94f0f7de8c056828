"""Names of streams, such as `btcusdt@kline_1m`: what they ask for, and on which route.

Binance USD-M, "Websocket Market Streams" and "User Data Streams Connect": since April 2026 a stream
is served on one of the routes `/public`, `/market` and `/private`. Without a route, as in the older
URLs, this venue serves all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from perpkit.venue.errors import VenueError
from perpkit.venue.market.candles import SERVED_MS
from perpkit.venue.market.market import Market

MARK_PRICE_MS = 3_000
_FAST_MARK_PRICE_MS = 1_000
_DEPTH = re.compile(r"depth(5|10|20)(@(100|250|500)ms)?")
# Of user data, those that the exchange documents; some of them this venue has no reason to send.
_EVENTS = (
    "ORDER_TRADE_UPDATE",
    "TRADE_LITE",
    "ACCOUNT_UPDATE",
    "ALGO_UPDATE",
    "ACCOUNT_CONFIG_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "MARGIN_CALL",
    "STRATEGY_UPDATE",
    "GRID_UPDATE",
    "listenKeyExpired",
)
# A listen key, of which one event only may be asked for.
_USER_DATA = re.compile(rf"([0-9A-Za-z]+)(?:@({'|'.join(_EVENTS)}))?")


class Route(StrEnum):
    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"


class StreamKind(StrEnum):
    KLINE = "kline"
    CONTINUOUS_KLINE = "continuousKline"
    AGG_TRADE = "aggTrade"
    TRADE = "trade"
    BOOK_TICKER = "bookTicker"
    DEPTH = "depth"
    MARK_PRICE = "markPrice"
    ALL_MARK_PRICES = "!markPrice@arr"
    USER_DATA = "userData"


USER_DATA = "userData"
_LONGEST = 128  # characters of a name
_PUBLIC = (StreamKind.BOOK_TICKER, StreamKind.DEPTH, StreamKind.TRADE)


@dataclass(frozen=True)
class Stream:
    """One stream by its name.

    :param symbol: "BTCUSDT"; None for all symbols, and for user data
    :param interval: of candles
    :param every_ms: how often a mark price comes
    :param levels: of each side of the book
    :param listen_key: of user data; its stream of one event has that behind it, `KEY@ALGO_UPDATE`
    """

    name: str
    kind: StreamKind
    symbol: str | None = None
    interval: str = ""
    every_ms: int = 0
    levels: int = 0
    listen_key: str = ""

    @property
    def public_name(self) -> str:
        """The name without the secret of a listen key."""
        return USER_DATA if self.kind is StreamKind.USER_DATA else self.name

    @property
    def route(self) -> Route:
        if self.kind is StreamKind.USER_DATA:
            return Route.PRIVATE
        return Route.PUBLIC if self.kind in _PUBLIC else Route.MARKET


def parse_stream(name: str, market: Market, route: Route | None) -> Stream:
    """Returns the stream of that name.

    The exchange accepts any name and sends nothing for one that it does not know. A client that
    waits for nothing is hard to debug, so that this venue refuses it.

    :param route: of the connection; None for one without
    :raises ValueError: naming the stream and what is wrong with it
    """
    if len(name) > _LONGEST:
        raise ValueError(f"stream {name[:_LONGEST]!r}... is too long")
    stream = _parsed(name, market)
    if route not in (None, stream.route):
        raise ValueError(f"stream {name!r} is on /{stream.route}, not on /{route}")
    return stream


def _parsed(name: str, market: Market) -> Stream:
    if match := _USER_DATA.fullmatch(name):
        return Stream(name, StreamKind.USER_DATA, listen_key=match[1])
    if (every := _mark_price_ms(name, "!markPrice@arr")) is not None:
        return Stream(name, StreamKind.ALL_MARK_PRICES, every_ms=every)
    lower, _, what = name.partition("@")
    kind, _, interval = what.partition("_")
    contract = ""
    if kind == StreamKind.CONTINUOUS_KLINE:  # of a pair and a type: btcusdt_perpetual
        lower, _, contract = lower.partition("_")
    symbol = lower.upper()
    if lower != lower.lower() or symbol not in market.symbols:
        raise ValueError(f"stream {name!r} must begin with a listed symbol in lower case")
    if what in (StreamKind.BOOK_TICKER, StreamKind.AGG_TRADE, StreamKind.TRADE):
        return Stream(name, StreamKind(what), symbol)
    if (every := _mark_price_ms(what, "markPrice")) is not None:
        return Stream(name, StreamKind.MARK_PRICE, symbol, every_ms=every)
    if match := _DEPTH.fullmatch(what):
        return Stream(name, StreamKind.DEPTH, symbol, levels=int(match[1]))
    if kind == StreamKind.KLINE and _has_candles(market, symbol, interval):
        return Stream(name, StreamKind.KLINE, symbol, interval)
    if (
        contract.islower()
        and market.instrument(symbol).is_continuous(contract.upper())
        and _has_candles(market, symbol, interval)
    ):
        return Stream(name, StreamKind.CONTINUOUS_KLINE, symbol, interval)
    raise ValueError(f"stream {name!r} is not one that this venue serves")


def _has_candles(market: Market, symbol: str, interval: str) -> bool:
    if interval not in SERVED_MS:
        return False
    try:
        market.candles(symbol, interval, limit=1)
    except VenueError:  # shorter than any on record
        return False
    return True


def _mark_price_ms(text: str, slow: str) -> int | None:
    return {slow: MARK_PRICE_MS, f"{slow}@1s": _FAST_MARK_PRICE_MS}.get(text)
