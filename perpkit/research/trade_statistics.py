"""What the trades of a run made, counted trade by trade."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from perpkit.research.trades import Trade


@dataclass(frozen=True)
class TradeStatistics:
    """Of closed trades; money is in stake currency. None where there is nothing to divide by.

    :param profit_factor: what winners made over what losers lost
    :param expectancy: the mean profit of a trade
    :param win_rate: share of trades that made a profit
    :param mean_r: the mean of the R multiples, over the `with_r` trades that have one
    """

    trades: int
    longs: int
    wins: int
    losses: int
    profit: float
    fees: float
    funding: float
    mean_hours: float
    profit_factor: float | None
    expectancy: float | None
    win_rate: float | None
    mean_r: float | None
    with_r: int


def trade_statistics(trades: Iterable[Trade]) -> TradeStatistics:
    """:param trades: open ones are left out"""
    closed = [trade for trade in trades if trade.closed is not None]
    won = [trade.profit for trade in closed if trade.profit > 0]
    lost = [trade.profit for trade in closed if trade.profit < 0]
    multiples = [r for r in (trade.r_multiple for trade in closed) if r is not None]
    profit = sum(trade.profit for trade in closed)
    hours = [(trade.closed or 0.0) - trade.opened for trade in closed]
    return TradeStatistics(
        trades=len(closed),
        longs=sum(not trade.is_short for trade in closed),
        wins=len(won),
        losses=len(lost),
        profit=profit,
        fees=sum(trade.fees for trade in closed),
        funding=sum(trade.funding for trade in closed),
        mean_hours=sum(hours) / len(hours) / 3600 if hours else 0.0,
        profit_factor=sum(won) / -sum(lost) if lost else None,
        expectancy=profit / len(closed) if closed else None,
        win_rate=len(won) / len(closed) if closed else None,
        mean_r=sum(multiples) / len(multiples) if multiples else None,
        with_r=len(multiples),
    )


def grouped(
    trades: Iterable[Trade], key: Callable[[Trade], str]
) -> list[tuple[str, TradeStatistics]]:
    """Returns the statistics of each group of closed trades, the most profitable first."""
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        if trade.closed is not None:
            groups.setdefault(key(trade), []).append(trade)
    found = [(name, trade_statistics(group)) for name, group in groups.items()]
    return sorted(found, key=lambda one: (-one[1].profit, one[0]))
