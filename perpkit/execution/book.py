"""The order book as an exchange shows it at a moment, and whether it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from perpkit.checks import one_of

Level = tuple[float, float]  # price, amount in base asset

BPS = 1e4  # basis points in a whole


class Side(StrEnum):
    """Of an order, in the words of the exchange."""

    BUY = "buy"
    SELL = "sell"

    @classmethod
    def entering(cls, direction: str) -> Side:
        """Of the order that opens a position; Freqtrade's callbacks say "long" or "short".

        :raises ValueError: for another word
        """
        direction = one_of("direction", direction, ("long", "short"))
        return cls.BUY if direction == "long" else cls.SELL

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """1 for a buyer, whom a higher price hurts, -1 for a seller."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True)
class Book:
    """A book that `read_book` has found usable.

    :param bids: from the highest price down, at least one level; `asks` from the lowest up
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def mid(self) -> float:
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def spread_bps(self) -> float:
        """Between the best prices, of the middle."""
        return (self.asks[0][0] - self.bids[0][0]) / self.mid * BPS

    def offers(self, side: Side) -> tuple[Level, ...]:
        """What an order of `side` trades with when it takes, best first.

        :raises ValueError: for a side that is neither buy nor sell
        """
        return self.asks if one_of("side", side, Side) is Side.BUY else self.bids

    def depth(self, side: Side, within: float) -> float:
        """Amount offered to an order of `side` no further than `within` (fraction) from the middle.

        Only of what is shown: a book cut off before that distance holds more.
        """
        reach = self.mid * within
        return sum(amount for price, amount in self.offers(side) if abs(price - self.mid) <= reach)


@dataclass(frozen=True)
class NoBook:
    """:param reason: why there is none to rely on, for people"""

    reason: str


def read_book(
    raw: Mapping[str, object], now_ms: int | None = None, max_age_seconds: float = 5.0
) -> Book | NoBook:
    """The book that Freqtrade's `dp.orderbook` gives, unless something is wrong with it.

    ccxt makes an empty book without a time of an answer that it cannot read, and raises nothing.

    :param raw: `bids` and `asks` as lists of [price, amount], `timestamp` in ms
    :param now_ms: the present; without it the age is not looked at
    :param max_age_seconds: on either side of the present, as the two clocks may differ
    """
    bids, asks = _levels(raw.get("bids"), "bid", -1), _levels(raw.get("asks"), "ask", 1)
    for side in (bids, asks):
        if isinstance(side, NoBook):
            return side
    assert isinstance(bids, tuple)
    assert isinstance(asks, tuple)
    if not bids or not asks:
        missing = "asks" if bids else "bids" if asks else "bids and no asks"
        return _unusable(f"no {missing}")
    if bids[0][0] >= asks[0][0]:
        return _unusable(f"crossed, best bid {bids[0][0]:g} and best ask {asks[0][0]:g}")
    if now_ms is not None and (stale := _stale(raw.get("timestamp"), now_ms, max_age_seconds)):
        return stale
    return Book(bids, asks)


def _unusable(why: str) -> NoBook:
    return NoBook(f"no usable book: {why}")


def _levels(raw: object, name: str, direction: int) -> tuple[Level, ...] | NoBook:
    """:param direction: 1 where prices must rise from level to level, -1 where they must fall"""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return _unusable(f"{name}s are {raw!r}")
    levels: list[Level] = []
    previous = -direction * inf
    for number, level in enumerate(raw, start=1):
        try:
            price, amount = float(level[0]), float(level[1])
        except (TypeError, ValueError, LookupError):
            return _unusable(f"{name} {number} is {level!r}")
        if not (0 < price < inf and 0 < amount < inf):
            return _unusable(f"{name} {number} has price {price:g} and amount {amount:g}")
        if (price - previous) * direction <= 0:
            return _unusable(f"{name} {number} at {price:g} comes after {previous:g}")
        levels.append((price, amount))
        previous = price
    return tuple(levels)


def _stale(timestamp: object, now_ms: int, max_age_seconds: float) -> NoBook | None:
    if not isinstance(timestamp, int | float) or not isfinite(timestamp):
        return _unusable("it does not say when it was made")
    age = (now_ms - timestamp) / 1000
    if abs(age) <= max_age_seconds:
        return None
    when = f"{age:.1f} s old" if age > 0 else f"{-age:.1f} s ahead of the clock"
    return _unusable(f"{when}, more than {max_age_seconds:g} s")
