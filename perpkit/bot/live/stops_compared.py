"""Reconciles the stops at the exchange with those in the database."""

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
    """Compares stops; made once for a running live bot. The bot's lock must be held.

    :param closed: books stops that have triggered
    """

    def __init__(self, bot: Any, closed: ClosedOutside) -> None:
        self._exchange = bot.exchange
        self._closed = closed
        self._excess: set[str] = set()  # in the last snapshot
        self.due_soon = False
        self.trying = Trying()

    def compare(self, seen: AtExchange, settled_elsewhere: Set[str]) -> None:
        """Books missing stops, adopts unknown ones, and cancels those that no position needs.

        Never raises.

        :param settled_elsewhere: ids of orders that another part manages
        """
        for trade in Trade.get_open_trades():
            if not trade.has_open_position:
                continue
            with self.trying(f"Comparing the stops of {trade.pair}"):
                self._book_missing(trade, seen)
                self._adopt(trade, seen)
        known = {order.order_id for order in Order.get_open_orders()}
        # A snapshot may be older than a position, so a stop must be superfluous in two of them.
        found, before = in_excess(seen, known), self._excess
        excess = [stop for stop in found if stop.id not in settled_elsewhere]
        self._excess = {stop.id for stop in excess}
        self.due_soon = not self._excess <= before
        for stop in excess:
            if stop.id in before:
                self._cancel(stop)

    def _book_missing(self, trade: Trade, seen: AtExchange) -> None:
        """Books stops that are no longer open; Freqtrade checks them only while it runs."""
        for number in sorted(not_there(seen, {o.order_id for o in trade.open_sl_orders})):
            try:
                found = self._exchange.fetch_stoploss_order(number, trade.pair)
            except InvalidOrderException:  # too new to be visible
                continue
            if self._closed.book_stop(trade, number, found):
                return
            if found["status"] != "open":
                logger.warning(
                    f"{trade.pair}: stop {number} is no longer at the exchange: {found['status']}."
                )

    def _adopt(self, trade: Trade, seen: AtExchange) -> None:
        """Adopts the stop of a trade whose database lacks it, as after a restore or a kill."""
        if trade.has_open_sl_orders or not trade.is_open:
            return
        known = {order.order_id for order in trade.sl_orders}
        found = to_adopt(seen, known, trade.pair, trade.exit_side, trade.amount)
        if not found:
            return
        stop = self._exchange.fetch_stoploss_order(found[0], trade.pair)
        if stop["status"] == "open":
            order = Order.parse_from_ccxt_object(
                stop, trade.pair, "stoploss", stop["amount"], stop["stopPrice"]
            )
            trade.orders.append(order)
            Trade.commit()
            logger.warning(f"{trade.pair}: stop {found[0]} at the exchange was added to its trade.")

    def _cancel(self, stop: Resting) -> None:
        logger.warning(f"{stop.pair}: the stop {stop.id}, which no position needs, is cancelled.")
        with self.trying(f"Cancelling a stop in {stop.pair}"):
            self._exchange.cancel_stoploss_order(stop.id, stop.pair)
