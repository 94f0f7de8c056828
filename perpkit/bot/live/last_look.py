"""Looks at the exchange right before a trade is opened.

A comparison with the exchange may be almost a minute old, and a position that was opened by hand
since then must not grow by an entry of the bot.
"""

from __future__ import annotations

from typing import Any

from perpkit.bot.live.held import held_of
from perpkit.bot.live.stored_orders import open_trade
from perpkit.bot.running_bot import message_of


class LastLook:
    """Refuses a trade of a pair in which the exchange holds something that no trade has.

    :param exchange: Freqtrade's
    """

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange

    def refusal(self, pair: str) -> str | None:
        """Returns why no trade of this pair may be opened, or None; one request. Never raises.

        None for an addition to an open trade, whose amount comparisons look after.
        """
        if open_trade(pair) is not None:
            return None
        try:
            held = held_of(self._exchange, self._exchange.fetch_positions(pair)).get(pair)
        except Exception as error:  # Freqtrade treats an error in its callback as consent
            return f"whether the exchange holds a position is not known: {message_of(error)}"
        return f"the exchange holds {held} that no trade has" if held else None
