"""A snapshot of an exchange's order book, and whether it can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from perpkit.checks import one_of

Level = tuple[float, float]  # price, amount in base asset

BPS = 1e4  # basis points in 1


class Side(StrEnum):
    """The side of an order, as the exchange names it."""

    BUY = "buy"
    SELL = "sell"

    @classmethod
    def entering(cls, direction: str) -> Side:
        """Returns the side of the order that opens a position.

        :param direction: "long" or "short", as Freqtrade's callbacks receive it
        :raises ValueError: for any other text

        >>> Side.entering("short")
        <Side.SELL: 'sell'>
        """
        direction = one_of("direction", direction, ("long", "short"))
        return cls.BUY if direction == "long" else cls.SELL

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """1 for a buyer, to whom a higher price is a cost, -1 for a seller."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True)
class Book:
    """An order book that `read_book` has found usable.

    :param bids: levels from the highest price down, at least one
    :param asks: levels from the lowest price up, at least one
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def mid(self) -> float:
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def spread_bps(self) -> float:
        """The distance between the best prices, in basis points of the mid price."""
        return (self.asks[0][0] - self.bids[0][0]) / self.mid * BPS

    def offers(self, side: Side) -> tuple[Level, ...]:
        """Returns the levels that a taking order of `side` trades with, best first.

        :raises ValueError: for a side that is neither buy nor sell

        >>> Book(bids=((99.0, 2.0),), asks=((101.0, 3.0),)).offers(Side.BUY)
        ((101.0, 3.0),)
        """
        return self.asks if one_of("side", side, Side) is Side.BUY else self.bids

    def depth(self, side: Side, within: float) -> float:
        """Returns the amount offered to an order of `side` within a distance from the mid price.

        Only the levels of the snapshot count: a book cut off before that distance holds more.

        :param within: fraction of the mid price
        :return: base asset

        >>> Book(bids=((99.0, 2.0), (90.0, 7.0)), asks=((101.0, 3.0),)).depth(Side.SELL, 0.05)
        2.0
        """
        reach = self.mid * within
        return sum(amount for price, amount in self.offers(side) if abs(price - self.mid) <= reach)


@dataclass(frozen=True)
class NoBook:
    """The result where no book can be relied on.

    :param reason: why, for the operator
    """

    reason: str


def read_book(
    raw: Mapping[str, object],
    now_ms: int | None = None,
    max_age_seconds: float = 5.0,
    *,
    contract_size: float = 1.0,
) -> Book | NoBook:
    """Returns the order book from Freqtrade's `dp.orderbook`, or `NoBook` if it is not usable.

    Of an answer that it cannot read, ccxt makes an empty book without a timestamp; it raises
    nothing.

    :param raw: `bids` and `asks` as lists of [price, amount], `timestamp` in ms
    :param now_ms: the present time; without it the age is not checked
    :param max_age_seconds: maximum age, past or future, because the two clocks may differ
    :param contract_size: base asset in one of the contracts that the amounts are counted in

    >>> read_book({"bids": [[99, 2]], "asks": [[98, 3]]})
    NoBook(reason='no usable book: crossed, best bid 99 and best ask 98')
    """
    bids = _levels(raw.get("bids"), "bid", -1, contract_size)
    asks = _levels(raw.get("asks"), "ask", 1, contract_size)
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


def _levels(
    raw: object, name: str, direction: int, contract_size: float
) -> tuple[Level, ...] | NoBook:
    """:param direction: 1 where prices must rise from level to level, -1 where they must fall"""
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        return _unusable(f"{name}s are {raw!r}")
    levels: list[Level] = []
    previous = -direction * inf
    for number, level in enumerate(raw, start=1):
        try:
            price, amount = float(level[0]), float(level[1]) * contract_size
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
