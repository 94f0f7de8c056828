"""What orders of one trade made, as Freqtrade computes it: exits against the average of entries.

Freqtrade's `LocalTrade.recalc_trade_from_orders`. A trade whose exits do not add up to its entries,
for the sake of an amount's precision, has no profit of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from perpkit.research.stress.order import Order
from perpkit.research.trades import Trade, TradeFill


class Made(NamedTuple):
    """Money is in stake currency.

    :param profit: after fees and funding
    :param entered: the value of all entries with their fees, by which Freqtrade divides
    :param turnover: the value of what was sold again, at its entry and at its exit
    """

    profit: float
    entered: float
    turnover: float


def made(orders: Iterable[Order], is_short: bool, funding: float) -> Made:
    """:param orders: of one trade, in order of time"""
    way = -1 if is_short else 1
    amount = cost = fees = profit = entered = turnover = 0.0
    for order in orders:
        if order.is_entry:
            amount += order.amount
            cost += order.value
            fees += order.value * order.fee
            entered += order.value * (1 + way * order.fee)
        elif amount > 0:
            share = order.amount / amount
            sold, paid = order.value, share * cost
            profit += way * (sold - paid) - sold * order.fee - share * fees
            turnover += sold + paid
            cost, fees, amount = cost - paid, fees * (1 - share), amount - order.amount
    return Made(profit + funding, entered, turnover)


def orders_of(trade: Trade) -> list[Order]:
    """Returns its fills as orders; the last exit has the trade's reason."""
    last = max((n for n, fill in enumerate(trade.fills) if not fill.is_entry), default=None)
    return [
        Order(
            pair=trade.pair,
            at=fill.at,
            buys=trade.signed(fill) > 0,
            is_entry=fill.is_entry,
            amount=fill.amount,
            rate=fill.rate,
            fee=trade.fee_of(fill),
            reason=trade.exit_reason if number == last else "",
        )
        for number, fill in enumerate(trade.fills)
    ]


def traded(trade: Trade, orders: Sequence[Order], funding: float) -> Trade:
    """Returns the trade as these orders would have made it.

    :param orders: in order of time; an exit is the last one
    """
    result = made(orders, trade.is_short, funding)
    fills = tuple(TradeFill(order.at, order.amount, order.rate, order.is_entry) for order in orders)
    return replace(
        trade,
        opened=orders[0].at if orders[0].at > trade.opened else trade.opened,
        closed=max(trade.closed or 0.0, orders[-1].at),
        profit=result.profit,
        ratio=result.profit / result.entered * trade.leverage if result.entered else 0.0,
        fee_open=_mean_fee(order for order in orders if order.is_entry),
        fee_close=_mean_fee(order for order in orders if not order.is_entry),
        funding=funding,
        fills=fills,
    )


def _mean_fee(orders: Iterable[Order]) -> float:
    found = [(order.value, order.value * order.fee) for order in orders]
    value = sum(each for each, _ in found)
    return sum(paid for _, paid in found) / value if value else 0.0
