"""Orders that the exchange no longer knows.

It answers -2013 for orders that ended a while ago. Freqtrade assumes that such an order is too new
to be visible, and retries six times within 35 s, in every cycle. Here only new orders are retried
so often, and an unknown stop counts as cancelled: the remaining position decides what follows.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from freqtrade.exceptions import InvalidOrderException, RetryableOrderError, TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stored_orders import stored_order
from perpkit.bot.running_bot import message_of
from perpkit.durations import MINUTE

logger = logging.getLogger(__name__)

# The exchange's answers may lag behind an order by this much.
_NEW = MINUTE


class Forgotten:
    """Wraps the look-up of orders; made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._reported: set[str] = set()  # ids of orders that cannot be looked up
        self._fetch = replace(bot, "exchange.fetch_order", self.fetch_order)

    def fetch_order(
        self, order_id: str, pair: str, params: dict[str, Any] | None = None, **how: Any
    ) -> CcxtOrder:
        """Replaces Freqtrade's method; reports an unknown stop of the database as cancelled.

        Freqtrade logs the failed look-up of an open order at INFO level only, and continues.
        """
        try:
            found = self._patiently(order_id, pair, params, **how)
        except InvalidOrderException as error:
            if order_id not in self._reported:
                self._reported.add(order_id)
                logger.warning(f"{pair}: order {order_id} cannot be looked up: {message_of(error)}")
            raise
        self._reported.discard(order_id)
        return found

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
            logger.warning(f"{pair}: the exchange no longer knows the stop {order_id}.")
            closed = {"side": stored.side, "status": "canceled", "filled": stored.safe_filled}
            return {**stored.to_ccxt_object(), **closed}
        except TemporaryError:
            return self._fetch(order_id, pair, params, **how)
