"""The rest of a nearly filled entry: ordered by a second order that crosses the book.

`perpkit.bot.live.open_entries` decides it and records it in the trade's state. This module measures
and prices it, and gives it up if it is late or the price has moved.
"""

from __future__ import annotations

import logging
from datetime import datetime

from freqtrade.persistence import Trade

from perpkit.bot.live.entry_check import LEVELS
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import message_of
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.entry_price import crossing_price

logger = logging.getLogger(__name__)

# Tag of the second order.
REST = "rest"
_ROUNDING = 1e-6
# The rest is given up after this time.
_REST_SECONDS = 60.0


class Rests:
    """Sizes and prices the second orders.

    :param max_move: largest move of the price from the entry's, in either direction
    :param states: of the trades
    """

    def __init__(self, books: FreshBooks, max_move: float, states: TradeStates) -> None:
        self._books = books
        self._max_move = max_move
        self._states = states
        # Limit prices of orders about to be placed, by pair.
        self._prices: dict[str, float] = {}

    def stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """Returns the stake of the order for the rest and its tag, for `adjust_trade_position`.

        Called in the cycle that ended the first order; the rest is offered once.
        """
        state = self._states.of(trade)
        rest, state.rest = state.rest, None
        if rest is None or trade.has_open_orders:
            return None
        entry = [order for order in trade.orders if order.ft_order_side != "stoploss"][-1]
        amount = entry.safe_amount - entry.safe_filled  # current: it may have filled since
        late = (now - rest.at).total_seconds()
        if entry.order_id != rest.order or late > _REST_SECONDS or amount <= 0:
            logger.info(f"The rest for {trade.pair}, decided {late:.0f} s ago, is given up.")
            return None
        price, why = self._crossing(trade, amount, now)
        if price is None:
            logger.info(f"The rest for {trade.pair} is not ordered: {why}.")
            return None
        move = price / entry.safe_placement_price - 1
        if abs(move) > self._max_move:
            logger.info(f"{trade.pair}: the rest is not ordered, the price has moved {move:+.2%}.")
            return None
        # Freqtrade rounds the amount down that it computes from this stake.
        stake = amount * (1 + _ROUNDING) * price / trade.leverage
        if min_stake is not None and stake < min_stake:
            logger.info(f"The rest for {trade.pair} is smaller than the smallest order.")
            return None
        self._prices[trade.pair] = price
        return stake, REST

    def price(self, pair: str, proposed: float) -> float:
        """Returns a limit that fills the whole rest at once, for `custom_entry_price` of `REST`."""
        return self._prices.pop(pair, proposed)

    def _crossing(self, trade: Trade, amount: float, now: datetime) -> tuple[float | None, str]:
        """Returns a limit that fills the whole amount, or None and the reason."""
        try:
            book = self._books.ask(trade.pair, LEVELS, now)
        except Exception as error:
            book = NoBook(f"no order book: {message_of(error)}")
        if not isinstance(book, Book):
            return None, book.reason
        side = Side.entering(trade.trade_direction)
        return crossing_price(book, side, amount), "the book is too thin for it"
