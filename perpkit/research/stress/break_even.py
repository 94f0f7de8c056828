"""The cost at which a run makes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perpkit.execution.book import BPS
from perpkit.research.stress.accounting import made, orders_of
from perpkit.research.trades import Trade


@dataclass(frozen=True)
class BreakEven:
    """Of closed trades; money is in stake currency.

    :param turnover: the value of all entries and of all exits
    :param fee_bps: what a side paid, on average
    :param more_bps: what a side can cost more until the profit is 0; below 0 if it is a loss as it
        is, None without a trade
    """

    profit: float
    turnover: float
    fee_bps: float
    more_bps: float | None

    @property
    def bps(self) -> float | None:
        """What a side can cost in all, fees included."""
        return None if self.more_bps is None else self.fee_bps + self.more_bps

    @property
    def words(self) -> str:
        """At which cost the edge is gone, as a sentence."""
        if self.more_bps is None:
            return "Nothing was traded."
        if self.more_bps <= 0:
            return (
                f"There is no edge that a cost could take: it loses as it is, with fees of "
                f"{self.fee_bps:.1f} bps a side."
            )
        return (
            f"The edge is gone when a side costs {self.more_bps:.1f} bps more than in these "
            f"results, {self.bps:.1f} bps in all, fees included."
        )

    def profit_at(self, more_bps: float) -> float:
        """Returns the profit if each side cost so much more."""
        return self.profit - self.turnover * more_bps / BPS


def break_even(trades: Iterable[Trade]) -> BreakEven:
    """Returns the cost of each side, in basis points of its value, at which the profit is 0.

    It is exact, as a cost in proportion to the value lowers the profit in proportion.
    """
    profit = turnover = fees = 0.0
    for trade in trades:
        if trade.closed is None or not trade.fills:
            continue
        profit += trade.profit
        fees += trade.fees
        turnover += made(orders_of(trade), trade.is_short, trade.funding).turnover
    if not turnover:
        return BreakEven(profit, 0.0, 0.0, None)
    return BreakEven(profit, turnover, fees / turnover * BPS, profit / turnover * BPS)
