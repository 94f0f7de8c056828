"""The funding that the exchange has charged or paid, by its list of incomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Order

# The exchange lists what is younger than 90 days; it refuses to list orders from a time before.
LISTED = timedelta(days=89)
_INCOMES = 1000  # the exchange's limit per request

Charged = Sequence[dict[str, Any]]  # in ccxt's format, oldest first


def charged_since(api: Any, pair: str, since: datetime) -> Charged:
    """Returns the funding of a pair, by one request (weight 30) for 1000 settlements.

    Raises ccxt's errors.
    """
    start = int(since.timestamp() * 1000)
    found: dict[str, dict[str, Any]] = {}
    while True:
        page = api.fetch_funding_history(pair, start, _INCOMES)
        new = {fee["id"]: fee for fee in page if fee["id"] not in found}
        found |= new
        if len(page) < _INCOMES or not new:
            return list(found.values())
        start = max(fee["timestamp"] for fee in page)


def sum_between(charged: Charged, since: datetime, until: datetime) -> float:
    """Returns the sum after `since`, and at `until` or before; negative if the trade has paid."""
    start, end = since.timestamp() * 1000, until.timestamp() * 1000
    return float(sum(fee["amount"] for fee in charged if start < fee["timestamp"] <= end))


def filled_at(order: Order) -> datetime:
    """Returns when an order has filled, UTC."""
    return order.order_filled_utc or order.order_date_utc
