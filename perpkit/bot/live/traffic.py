"""What the exchange's answers say of its limits, and how many orders have failed.

It reads what ccxt keeps of the answers that the bot receives anyway, and sends nothing.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_latch import LatchedError
from perpkit.bot.watching.headers import ORDERS_1M, ORDERS_10S, USED_WEIGHT, number_in
from perpkit.breakers.venue_health import HealthLimits
from perpkit.durations import MINUTE
from perpkit.execution.refusals import code_in
from perpkit.record.state_running import Requests

# What Binance allows an account, of USD-M futures.
ORDERS_10S_LIMIT = 300
ORDERS_1M_LIMIT = 1200


class Traffic:
    """Follows the answers to a bot at Binance.

    Made before other parts replace `create_order`, so that it sees the exchange's own errors.

    :param live: whether it sends orders
    """

    def __init__(self, bot: Any, *, live: bool) -> None:
        self._api = bot.exchange._api
        self._clients = (bot.exchange._api, bot.exchange._api_async)
        self._errors: Counter[str] = Counter()
        self._highest = {name: _Highest() for name in (USED_WEIGHT, ORDERS_10S, ORDERS_1M)}
        if live:
            self._send = replace(bot, "api.create_order", self.create_order)

    def create_order(self, *args: Any, **kwargs: Any) -> Any:
        """Replaces ccxt's method, and raises its errors."""
        before = self._api.last_response_headers
        try:
            return self._send(*args, **kwargs)
        except LatchedError:  # nothing was sent
            raise
        except Exception as error:
            self._errors[str(code_in(str(error)) or type(error).__name__)] += 1
            raise
        finally:
            now, headers = datetime.now(UTC), self._api.last_response_headers
            if headers is not before:  # there was an answer
                for name in (ORDERS_10S, ORDERS_1M):
                    self._highest[name].add(now, number_in(headers, name))

    def report(self, now: datetime) -> Requests:
        for client in self._clients:
            at = datetime.fromtimestamp(int(client.lastRestRequestTimestamp) / 1000, UTC)
            stated = number_in(client.last_response_headers, USED_WEIGHT)
            self._highest[USED_WEIGHT].add(at, stated)
        weight, orders_10s, orders_1m = (each.of(now) for each in self._highest.values())
        return Requests(
            used_weight=weight,
            weight_limit=HealthLimits().weight_limit,
            orders_10s=orders_10s,
            orders_10s_limit=ORDERS_10S_LIMIT,
            orders_1m=orders_1m,
            orders_1m_limit=ORDERS_1M_LIMIT,
            order_errors=dict(self._errors),
        )


class _Highest:
    """The highest figure of the last minute."""

    def __init__(self) -> None:
        self._stated: dict[datetime, float] = {}

    def add(self, at: datetime, figure: float) -> None:
        """:param figure: NaN for none"""
        if not isnan(figure):
            # A thread of Freqtrade's API may add one while a report reads.
            self._stated = {**self._stated, at: max(figure, self._stated.get(at, figure))}

    def of(self, now: datetime, length: timedelta = MINUTE) -> int | None:
        """Returns it, None where none was stated."""
        self._stated = {at: each for at, each in self._stated.items() if now - at <= length}
        return int(max(self._stated.values())) if self._stated else None
