"""Exits of the bot that are left to its targets: those that the targets themselves are.

Freqtrade's rate may be the targets' own price in the book (`price_side` "same"). An order at that
rate is no nearer to being filled than they are, and would have to cancel them first; then neither
would sell if the price turned.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.enums import ExitType
from freqtrade.persistence import Trade

from perpkit.bot.live.target_orders import TargetOrders
from perpkit.bot.positions.stop_keeper import step_of
from perpkit.risk.targets import PART, WHOLE

logger = logging.getLogger(__name__)


def tags_of(exit_check: Any, tag: str | None) -> tuple[str, ...]:
    """Returns the tags of the targets that together are an exit, its own first; none for an exit
    that no target is, such as a stop, a signal, or an urgent one.

    :param tag: that Freqtrade was given for the exit
    """
    if exit_check.exit_type is ExitType.ROI:
        return WHOLE, PART
    return (PART,) if exit_check.exit_type is ExitType.PARTIAL_EXIT and tag == PART else ()


class LeftExits:
    """Decides on exits whose targets may rest."""

    def __init__(self, orders: TargetOrders) -> None:
        self._orders = orders
        self._last: dict[str, str] = {}  # pair -> client id of the last one that was left an exit

    def is_left(self, trade: Trade, limit: float, amount: float, tags: tuple[str, ...]) -> bool:
        """Whether targets rest that sell exactly as much, none of them further away.

        :param limit, amount: of the exit, in base currency
        :param tags: from `tags_of`
        """
        way = -1 if trade.is_short else 1
        resting, last = 0.0, ""
        for intent in (entry.intent for entry in self._orders.open(trade.pair)):
            is_near = intent.price is not None and way * (intent.price - limit) <= 0
            if intent.side == trade.exit_side and intent.tag in tags and is_near:
                resting += self._orders.resting(intent) or 0.0
                last = intent.client_id
        if not resting or abs(resting - amount) >= step_of(trade) / 2:
            return False
        if self._last.get(trade.pair) != last:
            self._last[trade.pair] = last
            logger.info(f"{trade.pair}: the exit ({tags[0]}) is left to target {last}.")
        return True
