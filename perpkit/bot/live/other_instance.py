"""Orders at the exchange of another bot with this bot's identity.

A copied folder or a restored backup trades on the same account: two bots that each take the trades
for their own would sell them twice and cancel each other's stops. Their orders are told by ids that
the journal never gave (`perpkit.record.whose`). They are not touched, and no entry is made while
they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.running_bot import warn
from perpkit.record.whose import Whose

_WAY_OUT = (
    "A copied folder or a restored backup runs, or has run, on this account. They are left as they "
    "are, and no entry is made while they are there. End the other bot, and then cancel by hand "
    "those that no position needs; each position needs a stop"
)


class OtherInstance:
    """:param stored: whether the trade database has an order, by pair and id"""

    def __init__(self, bot: Any, stored: Callable[[str, str], bool]) -> None:
        self._bot = bot
        self._stored = stored
        self._seen: tuple[Resting, ...] = ()
        self._said: set[str] = set()

    def look(self, seen: AtExchange) -> None:
        """Take note of all orders that are open now. The bot's lock is held."""
        self._seen = tuple(
            order
            for order in (*seen.orders, *seen.stops)
            if order.whose is Whose.ANOTHERS and not self._stored(order.pair, order.id)
        )
        new = [order for order in self._seen if order.id not in self._said]
        if new:
            self._said.update(order.id for order in new)
            warn(self._bot, f"{_named(new)} of another bot with this trade database. {_WAY_OUT}.")

    def refusal(self) -> str | None:
        """Why there is to be no entry in any pair, if there is a reason."""
        if not self._seen:
            return None
        return f"{_named(self._seen)} of another bot with this trade database"


def _named(orders: Iterable[Resting]) -> str:
    listed = [f"{order.id} in {order.pair}" for order in orders]
    one = len(listed) == 1
    return f"{'Order' if one else 'Orders'} {', '.join(listed)} {'is' if one else 'are'}"
