"""Whether a pair's book is deep and tight enough for the orders that are meant to be placed."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

from perpkit.checks import check_range
from perpkit.execution.book import Book, Side
from perpkit.execution.slippage import amount_of, slippage_of

# What Binance serves, at a weight of 2, 2, 5, 10 and 20.
LEVELS = (20, 50, 100, 500, 1000)


@dataclass(frozen=True, kw_only=True)
class LiquidityRule:
    """What is asked of a book.

    :param max_spread_bps: between the best prices, of the middle, 0 to 1000
    :param min_depth: quote currency offered on each side within `depth_within`, 0 to 1e12
    :param depth_within: fraction of the middle, 0.0001 to 0.1
    :param notional: value of a typical order, stake times leverage, 1 to 1e9
    :param max_slippage_bps: of that order against the middle, on the worse side, 0 to 1000
    :param stake: the least that will be staked, 0.01 to 1e9; pairs whose least order needs more are
        left out
    :param leverage: of that stake, 1 to 125
    :param levels: of the book that are asked for on each side, one of `LEVELS`
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    max_spread_bps: float = 10
    min_depth: float = 50_000
    depth_within: float = 0.005
    notional: float = 1000
    max_slippage_bps: float = 10
    stake: float | None = None
    leverage: float = 1
    levels: int = 100

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_spread_bps", 0, 1000),
            ("min_depth", 0, 1e12),
            ("depth_within", 0.0001, 0.1),
            ("notional", 1, 1e9),
            ("max_slippage_bps", 0, 1000),
            ("stake", 0.01, 1e9),
            ("leverage", 1, 125),
        ):
            value = getattr(self, name)
            if value is not None:
                check_range(name, value, low, high)
        if self.levels not in LEVELS:
            allowed = ", ".join(map(str, LEVELS))
            raise ValueError(f"levels must be one of {allowed}, got {self.levels!r}")

    def objection(self, book: Book, least_stake: float | None = None) -> str | None:
        """Why orders in this book would cost too much or not be taken, or None.

        Depth is of what is shown: a book that was cut off before `depth_within` holds more than is
        counted, and may be refused for it.

        :param least_stake: that the exchange's least order needs, at the leverage of this rule
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
