"""Fills that the database has, and their trades lack.

Freqtrade stores what has become of an order first; its trade is changed or closed some requests
later. Where the bot was killed between the two, nothing looks at the order again.
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
    """Made once for a running live bot. The bot's lock is held whenever it is asked.

    :param closed: books stops that have triggered
    """

    def __init__(self, bot: Any, closed: ClosedOutside) -> None:
        self._bot = bot
        self._closed = closed
        self._booked: set[str] = set()
        self.trying = Trying()

    def book(self) -> None:
        """Of all open trades. Requests nothing where there is none; never raises."""
        for trade in Trade.get_open_trades():
            with self.trying(f"Booking fills of {trade.pair}"):
                self._book(trade)

    def _book(self, trade: Trade) -> None:
        while trade.is_open and (order := unbooked_fill(trade)) is not None:
            number = order.order_id
            if number in self._booked:
                return  # it is not for this order that they differ
            if order.ft_order_side == "stoploss":
                told = self._bot.exchange.fetch_stoploss_order(number, trade.pair)
            else:
                told = order.to_ccxt_object()
            self._booked.add(number)
            logger.warning(f"{trade.pair}: the fill of order {number} is booked.")
            if order.ft_order_side == "stoploss":
                self._closed.book_stop(trade, number, told)
            else:
                # Of an entry, a message would come with a cancel of the stop.
                says = order.ft_order_side == trade.exit_side
                self._bot.update_trade_state(trade, number, told, send_msg=says)
            Trade.commit()
