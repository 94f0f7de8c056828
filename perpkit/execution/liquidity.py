"""Whether a pair's order book is deep and tight enough for the orders that are planned."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Annotated

from perpkit.execution.book import Book, Side
from perpkit.execution.slippage import amount_of, slippage_of
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import OneOf, Range

# The depths that Binance serves, at a request weight of 2, 2, 5, 10 and 20.
LEVELS = (20, 50, 100, 500, 1000)


@dataclass(frozen=True, kw_only=True)
class LiquidityRule(Parameters):
    """The requirements that a pair's order book must meet."""

    max_spread_bps: Annotated[
        float,
        Range(0, 1000, "bps"),
        "The widest distance between the best prices, of the middle between them",
    ] = 10
    min_depth: Annotated[
        float,
        Range(0, 1e12, "quote currency"),
        "What must be offered on each side within `depth_within`",
    ] = 50_000
    depth_within: Annotated[
        float,
        Range(0.0001, 0.1, "of the middle"),
        "How far from the middle that depth is counted; 0.005 is 0.5%",
    ] = 0.005
    notional: Annotated[
        float,
        Range(1, 1e9, "quote currency"),
        "The value of a typical order, stake times leverage",
    ] = 1000
    max_slippage_bps: Annotated[
        float,
        Range(0, 1000, "bps"),
        "What that order may cost against the middle, on the worse side, half of the spread "
        "included",
    ] = 10
    stake: Annotated[
        float | None,
        Range(0.01, 1e9, "stake currency"),
        "The least that is staked; pairs whose least order needs more are left out. Null is the "
        "configuration's stake_amount, where that is a number",
    ] = None
    leverage: Annotated[float, Range(1, 125, "x"), "The leverage of that stake"] = 1
    levels: Annotated[
        int,
        OneOf(LEVELS),
        "How many levels of the book are asked for on each side; more cost more request weight",
    ] = 100

    def objection(self, book: Book, least_stake: float | None = None) -> str | None:
        """Returns why orders in this book would cost too much or be refused, or None.

        Only the levels of the snapshot count: a book that was cut off before `depth_within` holds
        more than is counted, and may be refused for it.

        :param least_stake: stake of the exchange's smallest order, at the leverage of this rule

        >>> book = Book(bids=((99.9, 800.0),), asks=((100.1, 800.0),))
        >>> LiquidityRule().objection(book)
        'the spread is 20.0 bps, above 10'
        """
        if book.spread_bps > self.max_spread_bps:
            return f"the spread is {book.spread_bps:.1f} bps, above {self.max_spread_bps:g}"
        depth = min(book.depth(side, self.depth_within) for side in Side) * book.mid
        if depth < self.min_depth:
            return (
                f"{depth:,.0f} are offered within {self.depth_within:.2%}, "
                f"below {self.min_depth:,.0f}"
            )
        slippage = max(self._slippage_bps(book, side) for side in Side)
        if slippage == inf:
            return f"the book holds less than an order of {self.notional:,.0f}"
        if slippage > self.max_slippage_bps:
            return (
                f"an order of {self.notional:,.0f} would cost {slippage:.1f} bps, "
                f"above {self.max_slippage_bps:g}"
            )
        if self.stake is not None and least_stake is not None and least_stake > self.stake:
            return f"its least order needs a stake of {least_stake:.2f}, above {self.stake:g}"
        return None

    def _slippage_bps(self, book: Book, side: Side) -> float:
        amount = amount_of(book, side, self.notional)
        return slippage_of(book, side, amount, vol_1h=nan).mid_bps
