"""Fills that the database has stored but not applied to their trades.

Freqtrade stores the result of an order first; the trade is changed or closed some requests later.
If the bot was killed in between, Freqtrade never checks the order again.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.stored_orders import unbooked_fill
from perpkit.bot.live.trying import Trying

logger = logging.getLogger(__name__)


class UnbookedFills:
    """Books such fills; made once for a running live bot. The bot's lock must be held.

    :param closed: books stops that have triggered
    """

    def __init__(self, bot: Any, closed: ClosedOutside, trying: Trying) -> None:
        self._bot = bot
        self._closed = closed
        self._booked: set[str] = set()
        self._trying = trying

    def book(self) -> None:
        """Books the fills of all open trades. Makes no request without any; never raises."""
        for trade in Trade.get_open_trades():
            with self._trying(f"Booking fills of {trade.pair}"):
                self._book(trade)

    def _book(self, trade: Trade) -> None:
        while trade.is_open and (order := unbooked_fill(trade)) is not None:
            number = order.order_id
            if number in self._booked:
                return  # another reason makes trade and orders differ
            if order.ft_order_side == "stoploss":
                found = self._bot.exchange.fetch_stoploss_order(number, trade.pair)
            else:
                found = order.to_ccxt_object()
            self._booked.add(number)
            logger.warning(f"{trade.pair}: the fill of order {number} is booked.")
            if order.ft_order_side == "stoploss":
                self._closed.book_stop(trade, number, found)
            else:
                # A message about an entry would also cancel the stop.
                notify = order.ft_order_side == trade.exit_side
                if notify:  # the trade may still have that of an earlier part
                    trade.exit_reason = order.ft_order_tag or trade.exit_reason
                self._bot.update_trade_state(trade, number, found, send_msg=notify)
            Trade.commit()
