"""Books the stops that have filled while the bot was down, before other open orders.

Freqtrade books them at its start as it finds them: without a message, and without locking the pair,
which may then be entered again in the same candle.
"""

from __future__ import annotations

from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.trying import Trying


class StopsAtStart:
    """Wraps Freqtrade's update of open orders at the start; made once for a running live bot.

    :param closed: books stops that have triggered
    """

    def __init__(self, bot: Any, closed: ClosedOutside, trying: Trying) -> None:
        self._bot = bot
        self._closed = closed
        self._trying = trying
        self._update = replace(
            bot, "bot.startup_update_open_orders", self.startup_update_open_orders
        )

    def startup_update_open_orders(self) -> None:
        """Replaces Freqtrade's method; makes one request more for each stop."""
        for trade in Trade.get_open_trades():
            for order in trade.open_sl_orders:
                with self._trying(f"Looking at the stop {order.order_id} of {trade.pair}"):
                    self._book(trade, order.order_id)
        self._update()

    def _book(self, trade: Trade, number: str) -> None:
        found = self._bot.exchange.fetch_stoploss_order(number, trade.pair)
        if found.get("filled") and found["status"] != "open" and trade.is_open:
            self._closed.book_stop(trade, number, found)
