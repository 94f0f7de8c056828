"""Orders that are still open in the database but that no open trade needs."""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_orders import StopOrders
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import warn

logger = logging.getLogger(__name__)


class OutlivedOrders:
    """Cancels such orders; made once for a running live bot."""

    def __init__(
        self, bot: Any, stop_orders: StopOrders, closing: ClosingFills, trying: Trying
    ) -> None:
        self._bot = bot
        self._stop_orders = stop_orders
        self._closing = closing
        self._trying = trying
        self._without_trade: set[str] = set()  # reported orders
        self._handle_cancel = replace(bot, "bot.handle_cancel_order", self.handle_cancel_order)

    def cancel(self) -> None:
        """Cancels stops and entries that are open in the database although their trade is closed.

        An entry that has filled makes its trade open again.
        """
        with self._bot._exit_lock:
            for order in Order.get_open_orders():
                what = f"Cancelling order {order.order_id} of a closed trade in {order.ft_pair}"
                with self._trying(what):
                    trade = order.trade
                    if trade is None:
                        self._warn_without_trade(order)
                    elif _is_outlived(order, "stoploss"):
                        self._stop_orders.cancel(order)
                        if order.ft_is_open:
                            self._end_triggered(order)
                        else:
                            logger.info(f"{what}: done.")
                    elif _is_outlived(order, trade.entry_side):
                        self._closing.end(trade, order)

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None.

        What an entry of a closed trade fills needs that trade, and a pair has one open trade. A
        stop of a closed trade would close the next one, and is not of its orders.
        """
        for order in Order.get_open_orders():
            trade = order.trade
            if order.ft_pair != pair or trade is None:
                continue
            for what, side in (("entry", trade.entry_side), ("stop", "stoploss")):
                if _is_outlived(order, side):
                    return f"{what} {order.order_id} of a closed trade has not been cancelled yet"
        return None

    def _end_triggered(self, order: Order) -> None:
        """Ends a stop that has become an order, and filled, although its trade is closed.

        Its fill would change the profit of that trade, to which it does not belong.
        """
        found = self._bot.exchange.fetch_stoploss_order(order.order_id, order.ft_pair)
        if found["status"] == "open" or not found.get("filled"):  # cancelling it is tried again
            return
        order.update_from_ccxt_object({"id": order.order_id, "status": "canceled"})
        Trade.commit()
        warn(
            self._bot,
            f"Stop {order.order_id} in {order.ft_pair} has triggered after its trade was closed: "
            "what it may have closed was not this bot's.",
        )

    def _warn_without_trade(self, order: Order) -> None:
        if order.order_id in self._without_trade:
            return
        self._without_trade.add(order.order_id)
        warn(
            self._bot,
            f"Order {order.order_id} in {order.ft_pair} is in the database without its trade; it "
            "is left alone. Check whether it exists at the exchange.",
        )

    def handle_cancel_order(
        self, order: CcxtOrder, order_obj: Order, trade: Trade | None, *rest: Any, **how: Any
    ) -> Any:
        """Replaces Freqtrade's method, which ends the process at every start if the exchange has
        forgotten an order whose trade does not exist."""
        if trade is not None:
            return self._handle_cancel(order, order_obj, trade, *rest, **how)
        self._warn_without_trade(order_obj)
        order_obj.update_from_ccxt_object({**order, "id": order_obj.order_id})
        Trade.commit()
        return True


def _is_outlived(order: Order, side: str) -> bool:
    """Whether an open order is of this side, of a trade that has been closed."""
    trade = order.trade
    return trade is not None and not trade.is_open and bool(order.ft_order_side == side)
