"""Keeps each open position covered by exactly the stops that it needs, at their price.

If no stop can be placed for too long, the position is closed at the market.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.market_exits import MarketExits
from perpkit.bot.live.open_entries import OpenEntries
from perpkit.bot.live.settlement import Settlement
from perpkit.bot.live.stop_orders import StopOrders
from perpkit.bot.live.stored_orders import open_trade
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import warn


class StopPolicy:
    """Places missing stops; made once for a running live bot.

    Makes no request while the database shows a stop for every position.

    :param states: of the trades
    :param entries: knows when open entries are checked next
    :param max_unprotected_seconds: limit for a position without a stop, then it is closed
    :param trying: keeps a failure of one trade from affecting the stops of others
    """

    def __init__(
        self,
        bot: Any,
        states: TradeStates,
        entries: OpenEntries,
        exits: MarketExits,
        stop_orders: StopOrders,
        settlement: Settlement,
        max_unprotected_seconds: float,
        trying: Trying,
    ) -> None:
        self._bot = bot
        self._states = states
        self._entries = entries
        self._exits = exits
        self._stop_orders = stop_orders
        self._settlement = settlement
        self._limit = max_unprotected_seconds
        self._trying = trying

    def protect_all(self) -> None:
        """Protects all open positions. The bot's lock must be held."""
        for trade in self._positions():
            with self._trying(f"Protecting {trade.pair}"):
                self._exits.finish(trade)
                self.protect(trade)

    def _positions(self) -> Iterator[Trade]:
        """Yields trades whose position is known to exist."""
        for trade in Trade.get_open_trades():
            if trade.has_open_position and not self._stop_orders.waits(trade):
                yield trade

    def protect(self, trade: Trade) -> None:
        """Places a missing stop, or closes the position. The bot's lock must be held."""
        if self._stop_orders.waits(trade):
            return
        state = self._states.of(trade)
        if not self._stop_orders.is_covered(trade):
            with self._trying(f"Looking for the stops of {trade.pair}"):
                self._settlement.attach_earlier_stops(trade)
            if trade.is_open and not self._stop_orders.is_covered(trade):
                self._place_stop(trade)
        if not trade.is_open:
            return
        if self._stop_orders.is_covered(trade):
            state.covered_at = datetime.now(UTC)
            with self._trying(f"Cancelling a superfluous stop for {trade.pair}"):
                self._stop_orders.drop_surplus(trade)
            return
        since = max(state.covered_at or trade.date_last_filled_utc, trade.open_date_utc)
        bare = (datetime.now(UTC) - since).total_seconds()  # attempts may take long
        if bare + self._entries.next_look_seconds > self._limit and not self._exits.leaves(trade):
            if not state.given_up:
                warn(
                    self._bot,
                    f"{trade.pair} has had no stop for up to {bare:.0f} s, and none can be placed: "
                    "it is closed at the market.",
                )
            state.given_up = True
            with self._trying(f"Closing {trade.pair}"):
                self._bot.emergency_exit(trade, trade.stop_loss)
                Trade.commit()

    def _place_stop(self, trade: Trade) -> None:
        with self._trying(f"Placing a stop for {trade.pair}"):
            if self._stop_orders.lacks_a_part(trade):
                self._stop_orders.place_part(trade)
            elif trade.has_open_sl_orders:  # too small, and kept until this one is there
                self._bot.create_stoploss_order(trade, trade.stoploss_or_liquidation)
            else:
                self._bot.handle_stoploss_on_exchange(trade)
            Trade.commit()

    def has_bare(self) -> bool:
        """Whether any position has no stop. The bot's lock must be held."""
        return any(map(self._is_bare, Trade.get_open_trades()))

    def refusal(self, pair: str) -> str | None:
        """Returns why nothing may be added to the trade of this pair, or None."""
        trade = open_trade(pair)
        if trade is None or not self._is_bare(trade):
            return None
        return "its position has no stop"

    def _is_bare(self, trade: Trade) -> bool:
        return trade.has_open_position and not self._stop_orders.is_covered(trade)

    def catch_up(self) -> None:
        """Moves stops that could not be placed at their price, or are beyond liquidation."""
        with self._bot._exit_lock:
            for trade in self._positions():
                with self._trying(f"Moving the stop of {trade.pair}"):
                    self._stop_orders.move_on(trade)
                with self._trying(f"Fitting the stop of {trade.pair} to its position"):
                    self._stop_orders.fit(trade)
