"""Stops at the exchange and in the database brought together."""

from __future__ import annotations

import logging
from collections.abc import Set
from typing import Any

from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.at_exchange import AtExchange, Resting
from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.coverage import in_excess, not_there, to_adopt
from perpkit.bot.live.trying import Trying

logger = logging.getLogger(__name__)


class StopsCompared:
    """Made once for a running live bot. The bot's lock is held whenever it is asked.

    :param closed: books stops that have triggered
    """

    def __init__(self, bot: Any, closed: ClosedOutside) -> None:
        self._exchange = bot.exchange
        self._closed = closed
        self._excess: set[str] = set()  # at the last look
        self.look_again = False
        self.trying = Trying()

    def compare(self, seen: AtExchange, settled_elsewhere: Set[str]) -> None:
        """Find out what has become of stops that are missing, take over what the database lacks,
        and cancel what no position needs. Never raises.

        :param settled_elsewhere: ids of orders that somebody else looks after
        """
        for trade in Trade.get_open_trades():
            if not trade.has_open_position:
                continue
            with self.trying(f"Looking at the stops of {trade.pair}"):
                self._look_at_missing(trade, seen)
                self._adopt(trade, seen)
        known = {order.order_id for order in Order.get_open_orders()}
        # An answer may be older than the position that it shows.
        found, before = in_excess(seen, known), self._excess
        excess = [stop for stop in found if stop.id not in settled_elsewhere]
        self._excess = {stop.id for stop in excess}
        self.look_again = not self._excess <= before
        for stop in excess:
            if stop.id in before:
                self._cancel(stop)

    def _look_at_missing(self, trade: Trade, seen: AtExchange) -> None:
        """Freqtrade looks at its stops while it runs, not while it is stopped."""
        for number in sorted(not_there(seen, {o.order_id for o in trade.open_sl_orders})):
            try:
                told = self._exchange.fetch_stoploss_order(number, trade.pair)
            except InvalidOrderException:  # too new to be seen
                continue
            if self._closed.book_stop(trade, number, told):
                return
            if told["status"] != "open":
                logger.warning(
                    f"{trade.pair}: stop {number} is not at the exchange any more: "
                    f"{told['status']}."
                )

    def _adopt(self, trade: Trade, seen: AtExchange) -> None:
        """A trade without a stop may have one that the database lacks: it was restored, or the bot
        was killed before it could write."""
        if trade.has_open_sl_orders or not trade.is_open:
            return
        known = {order.order_id for order in trade.sl_orders}
        found = to_adopt(seen, known, trade.pair, trade.exit_side, trade.amount)
        if not found:
            return
        told = self._exchange.fetch_stoploss_order(found[0], trade.pair)
        if told["status"] == "open":
            order = Order.parse_from_ccxt_object(
                told, trade.pair, "stoploss", told["amount"], told["stopPrice"]
            )
            trade.orders.append(order)
            Trade.commit()
            logger.warning(f"{trade.pair}: the stop {found[0]} at the exchange is taken over.")

    def _cancel(self, stop: Resting) -> None:
        logger.warning(f"{stop.pair}: the stop {stop.id}, which no position needs, is cancelled.")
        with self.trying(f"Cancelling a stop in {stop.pair}"):
            self._exchange.cancel_stoploss_order(stop.id, stop.pair)
