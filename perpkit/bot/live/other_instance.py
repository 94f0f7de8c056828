"""Orders at the exchange that another bot with this bot's identity has placed.

A copied folder or a restored backup may trade on the same account. Two bots that manage the same
trades would sell them twice and cancel each other's stops. The other's orders are recognised by ids
that this bot's journal never issued (`perpkit.record.whose`). They are left alone, and entries are
refused while such orders exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.running_bot import warn
from perpkit.record.whose import Whose

_WAY_OUT = (
    "A copied folder or a restored backup runs, or has run, on this account. They are left "
    "alone, and entries are refused while they exist. End the other bot, then cancel by hand "
    "those that no position needs; each position needs a stop"
)


class OtherInstance:
    """Finds orders of another bot.

    :param stored: whether the trade database has an order, by pair and id
    """

    def __init__(self, bot: Any, stored: Callable[[str, str], bool]) -> None:
        self._bot = bot
        self._stored = stored
        self._seen: tuple[Resting, ...] = ()
        self._reported: set[str] = set()

    def update(self, seen: AtExchange) -> None:
        """Checks all orders of a snapshot. The bot's lock must be held."""
        self._seen = tuple(
            order
            for order in (*seen.orders, *seen.stops)
            if order.whose is Whose.ANOTHERS and not self._stored(order.pair, order.id)
        )
        new = [order for order in self._seen if order.id not in self._reported]
        if new:
            self._reported.update(order.id for order in new)
            warn(self._bot, f"{_named(new)} from another bot with this trade database. {_WAY_OUT}.")

    def refusal(self) -> str | None:
        """Returns why entries are refused in all pairs, or None."""
        if not self._seen:
            return None
        return f"{_named(self._seen)} from another bot with this trade database"


def _named(orders: Iterable[Resting]) -> str:
    listed = [f"{order.id} in {order.pair}" for order in orders]
    one = len(listed) == 1
    return f"{'Order' if one else 'Orders'} {', '.join(listed)} {'is' if one else 'are'}"
