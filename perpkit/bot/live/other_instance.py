"""Orders at the exchange of another bot with this bot's identity.

A copied folder or a restored backup trades on the same account: two bots that each take the trades
for their own would sell them twice and cancel each other's stops. Their orders are told by ids that
the journal never gave (`perpkit.bot.live.whose`). They are not touched, and no entry is made while
they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from perpkit.bot.live.running_bot import warn
from perpkit.bot.live.whose import Whose, whose
from perpkit.record.journal import Journal


@dataclass(frozen=True)
class AtTheExchange:
    """An order that is open there, a conditional one too.

    :param placed: ms since 1970 UTC; None where the exchange does not say
    """

    pair: str
    order_id: str
    client_id: str | None
    placed: int | None = None


class OtherInstance:
    """:param stored: whether the trade database has an order, by pair and id"""

    def __init__(self, bot: Any, journal: Journal, stored: Callable[[str, str], bool]) -> None:
        self._bot = bot
        self._journal = journal
        self._stored = stored
        self._seen: dict[str, AtTheExchange] = {}
        self._said: set[str] = set()

    def look(self, orders: Iterable[AtTheExchange]) -> None:
        """Take note of all orders that are open now.

        :raises JournalError: when that cannot be read
        """
        self._seen = {order.order_id: order for order in orders if self._is_anothers(order)}
        new = [order for number, order in self._seen.items() if number not in self._said]
        self._said = set(self._seen) | self._said
        if new:
            warn(self._bot, f"{_named(new)} of another bot with this trade database. {_WAY_OUT}")

    def refusal(self) -> str | None:
        """Why there is to be no entry in any pair, if there is a reason."""
        if not self._seen:
            return None
        return f"{_named(list(self._seen.values()))} of another bot with this trade database"

    def _is_anothers(self, order: AtTheExchange) -> bool:
        if whose(order.client_id, self._journal, order.placed) is not Whose.ANOTHERS:
            return False
        return not self._stored(order.pair, order.order_id)


_WAY_OUT = (
    "A copied folder or a restored backup runs, or has run, on this account. They are left as they "
    "are, and no entry is made while they are there. End the other bot, and then cancel by hand "
    "those that no position needs; each position needs a stop"
)


def _named(orders: list[AtTheExchange]) -> str:
    listed = ", ".join(f"{order.order_id} in {order.pair}" for order in orders)
    one = len(orders) == 1
    return f"{'Order' if one else 'Orders'} {listed} at the exchange {'is' if one else 'are'}"
