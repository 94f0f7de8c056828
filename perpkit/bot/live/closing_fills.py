"""Makes a trade complete before a fill is booked that reduces or closes it.

Freqtrade closes a trade by a fill of its whole amount, and ends its open entries only where it
sends an exit itself. A trade closes by a stop, a target and the trader's hand as well: what an open
addition filled afterwards would be a position without a trade, and what it had filled before would
be left out of an amount that is out of date.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.exceptions import TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stored_orders import open_trade, set_amount_before
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import warn

logger = logging.getLogger(__name__)


class ClosingFills:
    """Wraps how Freqtrade books fills; made once for a running live bot.

    :param trying: a fill is booked even if an entry cannot be ended; `OutlivedOrders` does it then
    """

    def __init__(self, bot: Any, trying: Trying) -> None:
        self._bot = bot
        self._trying = trying
        # Whether a trade is about to be reduced, so that a stop would be placed for too much.
        self.under_way = False
        self._update = replace(bot, "bot.update_trade_state", self.update_trade_state)

    def update_trade_state(
        self, trade: Trade, order_id: str, action_order: CcxtOrder | None = None, **how: Any
    ) -> bool:
        """Replaces Freqtrade's method."""
        order, found = trade.select_order_by_order_id(order_id), action_order
        if order is not None and found is not None and _has_ended_with_fills(found):
            if order.ft_order_side != trade.entry_side:
                if trade.is_open:
                    self._end_entries(trade)
                    set_amount_before(trade, order, found["filled"])
                elif order.ft_order_side == "stoploss" and order.ft_is_open:
                    return False  # it is no part of this trade: OutlivedOrders ends it
            elif not trade.is_open and order.ft_is_open and not self._reopen(trade):
                trade.update_order(found)
                Trade.commit()
                return False
        updated: bool = self._update(trade, order_id, found, **how)
        return updated

    def end(self, trade: Trade, order: Order) -> None:
        """Cancels an open order, and books what it has filled.

        :raises ExchangeError: it may still be there
        """
        number, pair = order.order_id, trade.pair
        found = self._bot.exchange.cancel_order_with_result(number, pair, order.safe_amount)
        if found["status"] == "open":
            raise TemporaryError(f"order {number} of {pair} has not been cancelled")
        logger.warning(
            f"{pair}: order {number} is ended as its trade is reduced, closed or deleted; "
            f"{found.get('filled') or 0.0:g} of it have filled."
        )
        # A message about an entry would also cancel the stop.
        said = order.ft_order_side != trade.entry_side
        self.update_trade_state(trade, number, found, send_msg=said)
        Trade.commit()

    def _end_entries(self, trade: Trade) -> None:
        self.under_way = True
        try:
            for entry in trade.open_orders:
                if entry.ft_order_side == trade.entry_side:
                    with self._trying(f"Ending entry {entry.order_id} of {trade.pair}"):
                        self.end(trade, entry)
        finally:
            self.under_way = False

    def _reopen(self, trade: Trade) -> bool:
        """Opens a closed trade again, an entry of which has filled; returns whether it could."""
        if open_trade(trade.pair) is not None:
            return False  # the comparison of positions reports what it has not
        trade.is_open, trade.close_date, trade.close_rate = True, None, None
        trade.exit_reason = trade.exit_order_status = None
        warn(
            self._bot,
            f"{trade.pair}: an addition to trade {trade.id} has filled after its exit. The trade "
            "is open again, with what was added.",
        )
        return True


def _has_ended_with_fills(order: CcxtOrder) -> bool:
    return order["status"] != "open" and bool(order.get("filled"))
