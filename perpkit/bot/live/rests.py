"""The rest of a nearly filled entry: taken by a second order that crosses the book.

`perpkit.bot.live.open_entries` decides it and notes it in the trade's state; here it is measured,
priced, and given up where it is late or the price has moved.
"""

from __future__ import annotations

import logging
from datetime import datetime

from freqtrade.persistence import Trade

from perpkit.bot.live.entry_check import LEVELS
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import words
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.entry_price import crossing_price

logger = logging.getLogger(__name__)

# Tag of the order that takes it.
REST = "rest"
_ROUNDING = 1e-6
# After which it is not taken any more.
_REST_SECONDS = 60.0


class Rests:
    """:param max_move: of the price from the entry's, either way, beyond which it is given up
    :param states: of the trades
    """

    def __init__(self, books: FreshBooks, max_move: float, states: TradeStates) -> None:
        self._books = books
        self._max_move = max_move
        self._states = states
        # Limits of the orders that are about to be made, by pair.
        self._prices: dict[str, float] = {}

    def stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """For `adjust_trade_position`: the stake of the order that takes the rest, and its tag.

        Asked in the cycle that ended the order; once.
        """
        state = self._states.of(trade)
        rest, state.rest = state.rest, None
        if rest is None or trade.has_open_orders:
            return None
        entry = [order for order in trade.orders if order.ft_order_side != "stoploss"][-1]
        amount = entry.safe_amount - entry.safe_filled  # now: it may have filled meanwhile
        late = (now - rest.at).total_seconds()
        if entry.order_id != rest.order or late > _REST_SECONDS or amount <= 0:
            logger.info(f"The rest for {trade.pair}, decided {late:.0f} s ago, is given up.")
            return None
        price, why = self._crossing(trade, amount, now)
        if price is None:
            logger.info(f"The rest for {trade.pair} is not taken: {why}.")
            return None
        move = price / entry.safe_placement_price - 1
        if abs(move) > self._max_move:
            logger.info(f"The rest for {trade.pair} is not taken: the price has moved {move:+.2%}.")
            return None
        # Freqtrade rounds the amount down that it makes of this.
        stake = amount * (1 + _ROUNDING) * price / trade.leverage
        if min_stake is not None and stake < min_stake:
            logger.info(f"The rest for {trade.pair} is less than can be ordered.")
            return None
        self._prices[trade.pair] = price
        return stake, REST

    def price(self, pair: str, proposed: float) -> float:
        """For `custom_entry_price` with the tag `REST`: a limit that takes all of it at once."""
        return self._prices.pop(pair, proposed)

    def _crossing(self, trade: Trade, amount: float, now: datetime) -> tuple[float | None, str]:
        """A limit that takes all of it, or None and why there is none."""
        try:
            book = self._books.ask(trade.pair, LEVELS, now)
        except Exception as error:
            book = NoBook(f"no order book: {words(error)}")
        if not isinstance(book, Book):
            return None, book.reason
        side = Side.entering(trade.trade_direction)
        return crossing_price(book, side, amount), "the book does not hold it"
