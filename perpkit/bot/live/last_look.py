"""Looks at the exchange right before a trade is opened or added to.

A comparison with the exchange may be almost a minute old. A position that was opened by hand since
then must not grow by an entry of the bot, and one that was closed or reversed must not be opened
again, or closed, by an addition.
"""

from __future__ import annotations

from typing import Any

from perpkit.bot.live.held import DUST, NOTHING, held_of
from perpkit.bot.live.stored_orders import open_trade
from perpkit.bot.running_bot import message_of


class LastLook:
    """Refuses a trade of a pair in which the exchange holds something that no trade has, and an
    addition where it holds less than the trade, or the other side.

    :param exchange: Freqtrade's
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange

    def refusal(self, pair: str) -> str | None:
        """Returns why nothing may be entered into this pair, or None; one request. Never raises.

        More than the trade on its side does not count: it is the trader's, which comparisons find.
        """
        try:
            trade = open_trade(pair)
            positions = held_of(self._exchange, self._exchange.fetch_positions(pair))
        except Exception as error:  # Freqtrade treats an error in its callback as consent
            return f"whether the exchange holds a position is not known: {message_of(error)}"
        held = positions.get(pair, NOTHING)
        if trade is None:
            return f"the exchange holds {held} that no trade has" if held else None
        missing = trade.amount - held.of(trade.is_short)
        if missing > DUST or held.of(not trade.is_short) > DUST:
            own = f"{'-' if trade.is_short else ''}{trade.amount:g}"
            return f"the exchange holds {held}, and trade {trade.id} has {own}"
        return None
