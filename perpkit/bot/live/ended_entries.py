"""Notes entry orders that end without our doing: by Freqtrade, the operator or the exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from freqtrade.constants import NON_OPEN_EXCHANGE_STATES
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.decided import Decided, Guard
from perpkit.bot.live.replaced import replace


def note_ended_entries(bot: Any, decided: Decided) -> None:
    """Has the end of every entry order noted that was not noted before. Called once."""
    if not decided:
        return
    guarded = Guard("The end of an entry order could not be noted. Trading goes on.")

    def handle_cancel_order(
        order: CcxtOrder, order_obj: Order, trade: Trade | None, reason: str, *rest: Any, **how: Any
    ) -> Any:
        # Before Freqtrade deletes a trade of which nothing has filled.
        with guarded():
            if trade is not None and order["side"] == trade.entry_side and order.get("remaining"):
                _note(decided, order, order_obj, trade, reason)
        return handle(order, order_obj, trade, reason, *rest, **how)

    handle: Callable[..., Any] = replace(bot, "bot.handle_cancel_order", handle_cancel_order)


def _note(decided: Decided, order: CcxtOrder, own: Order, trade: Trade, reason: str) -> None:
    why = f"Freqtrade ends it, {reason}"
    if order["status"] in NON_OPEN_EXCHANGE_STATES:
        why = f"the exchange has ended it: {order['status']}"
    decided.timed_out(trade, own, datetime.now(UTC), why)
