"""The prices of a contract at one moment, and the book that orders trade against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from perpkit.venue.engine.contract import ZERO, Contract
from perpkit.venue.engine.orders import Side
from perpkit.venue.market.book import Book
from perpkit.venue.market.candles import Floats

Level = tuple[Decimal, Decimal]  # price, quantity


@dataclass(frozen=True, slots=True)
class Depth:
    """A snapshot of the book, levels from the best outwards. Either side may be empty."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()

    @classmethod
    def of(cls, contract: Contract, book: Book) -> Depth:
        """Converts a book whose floats are on the contract's grids except for their last bits."""

        def on_grid(values: Floats, grid: Decimal) -> list[Decimal]:
            return [grid * n for n in np.rint(values / float(grid)).astype(np.int64).tolist()]

        def levels(prices: Floats, sizes: Floats) -> tuple[Level, ...]:
            pairs = on_grid(prices, contract.tick), on_grid(sizes, contract.step)
            return tuple(zip(*pairs, strict=True))

        return cls(levels(book.bid_prices, book.bid_sizes), levels(book.ask_prices, book.ask_sizes))

    def resting(self, side: Side, price: Decimal) -> Decimal:
        """Returns the quantity on `side` at exactly this price."""
        for level, quantity in self.bids if side is Side.BUY else self.asks:
            if level == price:
                return quantity
        return ZERO


@dataclass(slots=True)
class Quote:
    """The present prices and book of a contract.

    :param taken: quantity that orders have taken from `depth`, by price; a new snapshot clears it
    """

    last: Decimal
    mark: Decimal
    depth: Depth
    taken: dict[Decimal, Decimal] = field(default_factory=dict)

    def update(self, last: Decimal, mark: Decimal, depth: Depth) -> None:
        self.last = last
        self.mark = mark
        if depth != self.depth:
            self.depth = depth
            self.taken.clear()

    def offers(self, side: Side, limit: Decimal | None = None) -> Iterator[Level]:
        """Yields what an order of `side` can still trade with, best first, down to `limit`."""
        buying = side is Side.BUY
        for price, quantity in self.depth.asks if buying else self.depth.bids:
            if limit is not None and (price > limit if buying else price < limit):
                return
            left = quantity - self.taken.get(price, ZERO)
            if left > 0:
                yield price, left

    def best(self, side: Side) -> Decimal | None:
        """Returns the best price for an order of `side`; None if nothing is offered."""
        return next((price for price, _ in self.offers(side)), None)

    def sweep(self, side: Side, quantity: Decimal, limit: Decimal | None) -> list[Level]:
        """Returns the trades of a taker order; only `take` removes them from the book."""
        trades: list[Level] = []
        for price, left in self.offers(side, limit):
            traded = min(left, quantity)
            trades.append((price, traded))
            quantity -= traded
            if not quantity:
                break
        return trades

    def take(self, trades: list[Level]) -> None:
        for price, quantity in trades:
            self.taken[price] = self.taken.get(price, ZERO) + quantity
