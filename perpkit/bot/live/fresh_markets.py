"""Orders that are refused because the grid of a contract has changed since it was read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.exceptions import ExchangeError

from perpkit.bot.live.price_band import refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.execution.refusals import OFF_GRID

logger = logging.getLogger(__name__)

# At least between two readings, which take a second or two in which stops wait.
_AGAIN = timedelta(minutes=1)

Send = Callable[..., Any]


class FreshMarkets:
    """Reads the contracts once more, and sends once more, where an order is off their grid.

    Freqtrade reads them every hour. Until then each exit would be refused, and a position whose
    stop is refused would be sold at the market.
    """

    def __init__(self, bot: Any) -> None:
        self._exchange = bot.exchange
        self._read_at = datetime.min.replace(tzinfo=UTC)
        self._order: Send = replace(bot, "exchange.create_order", self.create_order)
        self._stop: Send = replace(bot, "exchange.create_stoploss", self.create_stoploss)

    def create_order(self, **order: Any) -> Any:
        """Replaces Freqtrade's method, which puts amount and price on the grid that it knows."""
        return self._sent(self._order, order)

    def create_stoploss(self, **order: Any) -> Any:
        """Replaces Freqtrade's method, which does the same."""
        return self._sent(self._stop, order)

    def _sent(self, send: Send, order: dict[str, Any]) -> Any:
        try:
            return send(**order)
        except ExchangeError as error:
            now = datetime.now(UTC)
            if refusal_code(error) not in OFF_GRID or now - self._read_at < _AGAIN:
                raise
            self._read_at = now
            logger.warning(
                f"{order['pair']}: an order is off the contract's grid ({refusal_code(error)}). "
                "The contracts are read again, and it is sent once more."
            )
        self._exchange.reload_markets(force=True, load_leverage_tiers=False)
        return send(**order)
