"""Trades, or parts of them, that are in the database and not at the exchange.

No stop and no exit is placed for what is not there: the exchange would refuse them, cycle by cycle,
or they would act on a position that is not the bot's.
"""

from __future__ import annotations

import logging
from typing import Any

from freqtrade.exceptions import ExchangeError
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.live.held import DUST
from perpkit.bot.live.price_band import refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.execution.refusals import NO_POSITION

logger = logging.getLogger(__name__)


class Absent:
    """Made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._missing: dict[str, float] = {}
        self._said: set[str] = set()
        # An exit was refused since it was asked last, for there is no such position.
        self.doubtful = False
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)

    def __contains__(self, pair: str) -> bool:
        return pair in self._missing

    def set(self, missing: dict[str, float]) -> None:
        """:param missing: by pair, of its open trade"""
        self._missing = missing
        self._said &= missing.keys()

    def there(self, trade: LocalTrade) -> float:
        """What the exchange holds of the trade's amount, as far as is known."""
        left: float = trade.amount - self._missing.get(trade.pair, 0.0)
        return left if left > DUST else 0.0

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Freqtrade's, for what is there."""
        if trade.pair in self._missing:
            there = self.there(trade)
            if not there:
                if trade.pair not in self._said:
                    logger.warning(f"{trade.pair}: no exit is placed, for there is no position.")
                self._said.add(trade.pair)
                return False
            how["sub_trade_amt"] = min(how.get("sub_trade_amt") or there, there)
        try:
            placed: bool = self._exit(trade, limit, exit_check, **how)
        except ExchangeError as error:
            self.doubtful = self.doubtful or refusal_code(error) == NO_POSITION
            raise
        return placed
