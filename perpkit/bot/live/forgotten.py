"""Orders that the exchange has forgotten.

It answers -2013 for what ended a while ago. Freqtrade takes that for an order that is too new to be
seen, and asks six times within 35 s, at every cycle. Only a new one is asked for so patiently here,
and a stop that has been forgotten has ended: what is left of its position decides what follows.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from freqtrade.exceptions import InvalidOrderException, RetryableOrderError, TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stored_orders import stored_order
from perpkit.bot.running_bot import words
from perpkit.durations import MINUTE

logger = logging.getLogger(__name__)

# The exchange's answers may be so much older than an order.
_NEW = MINUTE


class Forgotten:
    """Made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._said: set[str] = set()  # of which orders, that they cannot be looked up
        self._fetch = replace(bot, "exchange.fetch_order", self.fetch_order)

    def fetch_order(
        self, order_id: str, pair: str, params: dict[str, Any] | None = None, **how: Any
    ) -> CcxtOrder:
        """Freqtrade's; a stop of the database that has been forgotten is told of as cancelled.

        Of an order that waits Freqtrade says only to those who read details that it cannot be
        looked up, and goes on.
        """
        try:
            told = self._patiently(order_id, pair, params, **how)
        except InvalidOrderException as error:
            if order_id not in self._said:
                self._said.add(order_id)
                logger.warning(f"{pair}: order {order_id} cannot be looked up: {words(error)}")
            raise
        self._said.discard(order_id)
        return told

    def _patiently(
        self, order_id: str, pair: str, params: dict[str, Any] | None = None, **how: Any
    ) -> CcxtOrder:
        stored = stored_order(pair, str(order_id))
        if stored is None or datetime.now(UTC) - stored.order_date_utc < _NEW:
            return self._fetch(order_id, pair, params, **how)
        try:
            return self._fetch(order_id, pair, params, count=0)
        except RetryableOrderError:
            if not (params or {}).get("stop"):
                raise
            logger.warning(f"{pair}: the exchange does not know the stop {order_id} any more.")
            told = {"side": stored.side, "status": "canceled", "filled": stored.safe_filled}
            return {**stored.to_ccxt_object(), **told}
        except TemporaryError:
            return self._fetch(order_id, pair, params, **how)
