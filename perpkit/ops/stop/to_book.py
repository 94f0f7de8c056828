"""Converts what was closed here to entries of the bot's journal, which it books when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

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
        intent = Intent(
            client_id=each.client_id,
            pair=pair_of(order.symbol),
            strategy=_NAME,
            purpose=Purpose.EXIT,
            side=order.side.lower(),
            type="market" if order.price is None else "limit",
            amount=float(order.quantity),
            price=None if order.price is None else float(order.price),
            stop_price=None,
            reduce_only=True,
            leverage=None,
            tag=_NAME,
            at=now,
        )
        yield intent, each.number
