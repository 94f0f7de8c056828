"""Ends what may still fill of a trade, before the trade is deleted.

Freqtrade's `/delete` forgets orders that it could not cancel. An exit that rests would then sell
what is the trader's, and an entry would add to it.
"""

from __future__ import annotations

from typing import Any

from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.intents import Intents
from perpkit.bot.live.settlement import Settlement
from perpkit.bot.live.target_keeper import TargetKeeper
from perpkit.record.order_ids import Purpose


class LastOrders:
    """Made once for a running live bot."""

    def __init__(
        self,
        bot: Any,
        intents: Intents,
        settlement: Settlement,
        targets: TargetKeeper,
        closing: ClosingFills,
    ) -> None:
        self._exchange = bot.exchange
        self._intents = intents
        self._settlement = settlement
        self._targets = targets
        self._closing = closing

    def end(self, trade: Trade) -> None:
        """Cancels the orders of a trade but its stops, and books what has filled of them.

        That may close the trade. The bot's lock must be held.

        :raises TemporaryError: one of them may still fill, and other errors of Freqtrade
        """
        pair = trade.pair
        if pair not in self._exchange.markets:
            return  # its contract has ended: nothing of it can fill, or be cancelled
        self._settlement.settle(pair)
        for entry in self._intents.unsettled(pair):
            if entry.intent.purpose is not Purpose.STOP:
                raise TemporaryError(f"the outcome of order {entry.intent.client_id} is not known")
        for entry in self._targets.withdraw(trade):
            raise TemporaryError(f"target {entry.intent.client_id} has not been cancelled")
        for order in trade.open_orders:
            self._closing.end(trade, order)
