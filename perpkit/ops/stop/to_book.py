"""Converts what was closed here to entries of the bot's journal, which it books when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from perpkit.ops.stop.sent_closings import SentClosing
from perpkit.record.journal import Intent
from perpkit.record.order_ids import Purpose

_NAME = "perpkit stop"


def closings_of(
    sent: Iterable[SentClosing], pair_of: Callable[[str], str]
) -> Iterator[tuple[Intent, str]]:
    """Yields the closings that have filled, with the exchange's ids."""
    now = int(time.time() * 1000)
    for each in sent:
        if each.number is None or not each.executed:
            continue
        order = each.order
        pair = pair_of(order.symbol)
        yield (
            _intent(each.client_id, pair, order.side, order.quantity, order.price, now),
            each.number,
        )


def closing_of_row(row: Mapping[str, Any], pair: str) -> tuple[Intent, str]:
    """Returns a closing of another run, from the exchange's list of orders, with its id."""
    price = Decimal(row["price"]) if row["type"] == "LIMIT" else None
    amount = Decimal(row["origQty"])
    intent = _intent(row["clientOrderId"], pair, row["side"], amount, price, int(row["time"]))
    return intent, str(row["orderId"])


def _intent(
    client_id: str, pair: str, side: str, amount: Decimal, price: Decimal | None, at: int
) -> Intent:
    return Intent(
        client_id=client_id,
        pair=pair,
        strategy=_NAME,
        purpose=Purpose.EXIT,
        side=side.lower(),
        type="market" if price is None else "limit",
        amount=float(amount),
        price=None if price is None else float(price),
        stop_price=None,
        reduce_only=True,
        leverage=None,
        tag=_NAME,
        at=at,
    )
