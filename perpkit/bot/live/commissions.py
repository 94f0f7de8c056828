"""The commissions that the exchange has charged for the orders of a trade.

Freqtrade keeps one commission rate for all entries of a trade and one for all its exits: that of
the first order of each. If one order is a maker and another a taker, their rates differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from math import isclose
from typing import Any

from freqtrade.persistence import Order, Trade

_BEFORE_MS = 5_000  # tolerates a clock difference
_FILLS = 1000  # the exchange's limit per request


class UnknownCommissionError(Exception):
    """The exchange does not list the fills of an order, or not all of them yet."""


@dataclass(frozen=True)
class FilledOrder:
    """A filled order of a trade.

    :param amount: in base currency; the trade's part if the order has filled more
    :param value: in the quote currency of the pair
    :param placed: ms since 1970 UTC
    """

    id: str
    is_entry: bool
    is_stop: bool
    amount: float
    value: float
    placed: int


@dataclass(frozen=True)
class Commission:
    """The commission of all entries of a trade, or of all its exits.

    :param cost: in the settlement currency of the pair
    :param rate: fraction of their value
    """

    cost: float
    rate: float


def filled_orders(trade: Trade) -> list[FilledOrder]:
    return [_filled(trade, order) for order in trade.orders if order.safe_filled]


def several(orders: Iterable[FilledOrder], *, entries: bool) -> list[FilledOrder]:
    """Returns the entries or the exits if there are several; Freqtrade knows the rate of a single
    one."""
    found = [order for order in orders if order.is_entry is entries]
    return found if len(found) > 1 else []


def commission(exchange: Any, pair: str, orders: Sequence[FilledOrder]) -> Commission | None:
    """Returns the total commission of these orders, or None if it was paid in another currency.

    One request (weight 5) if the orders are close together, and one for each stop.
    Raises ccxt's errors.

    :param exchange: Freqtrade's
    :raises UnknownCommissionError: the exchange does not list all of their fills
    """
    fills: dict[str, dict[str, Any]] = {}  # by id
    cost = 0.0
    for order in orders:
        number = _number(exchange, pair, order)
        own = _of(fills, number)
        if not _are_all(own, order):
            fills |= _request(exchange, pair, order)
            own = _of(fills, number)
        if not _are_all(own, order):
            raise UnknownCommissionError(f"not all fills of order {order.id} are listed")
        # A credit is charged for a unit of the quote currency.
        paid = _paid({pair.split(":")[-1], exchange.get_proxy_coin()}, own)
        if paid is None:
            return None
        cost += paid * order.amount / sum(fill["amount"] for fill in own)
    return Commission(cost, cost / sum(order.value for order in orders))


def _filled(trade: Trade, order: Order) -> FilledOrder:
    return FilledOrder(
        id=order.order_id,
        is_entry=order.ft_order_side == trade.entry_side,
        is_stop=order.ft_order_side == "stoploss",
        amount=order.safe_filled,
        value=order.safe_filled * order.safe_price,
        placed=int(order.order_date_utc.timestamp() * 1000),
    )


def _number(exchange: Any, pair: str, order: FilledOrder) -> str:
    """Returns the id of the order in the book; for a stop, that of the order it has triggered."""
    if not order.is_stop:
        return order.id
    found = exchange._api.fetch_order(order.id, pair, {"stop": True})
    return str((found.get("info") or {}).get("actualOrderId") or "")


def _request(exchange: Any, pair: str, order: FilledOrder) -> dict[str, dict[str, Any]]:
    found = exchange._api.fetch_my_trades(pair, order.placed - _BEFORE_MS, _FILLS)
    return {str(fill["id"]): fill for fill in exchange._trades_contracts_to_amount(found)}


def _of(fills: dict[str, dict[str, Any]], number: str) -> list[dict[str, Any]]:
    return [fill for fill in fills.values() if str(fill["order"]) == number]


def _are_all(fills: Sequence[dict[str, Any]], order: FilledOrder) -> bool:
    amount = sum(fill["amount"] for fill in fills)
    return amount > order.amount or isclose(amount, order.amount)


def _paid(coins: Set[str], fills: Sequence[dict[str, Any]]) -> float | None:
    fees = [fill.get("fee") or {} for fill in fills]
    if any(fee.get("currency") not in coins or fee.get("cost") is None for fee in fees):
        return None
    return float(sum(fee["cost"] for fee in fees))
