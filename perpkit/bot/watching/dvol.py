"""Fetches Deribit's volatility index (DVOL) in a thread, so that a slow answer cannot hang the bot.

DVOL is the volatility that options imply for the next 30 days, in percent a year. It is public and
needs no key.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from typing import Any

import ccxt
import pandas as pd

from perpkit.durations import HOUR, HOUR_MS, HOUR_S
from perpkit.market.basket import HourlyIndex
from perpkit.market.times import dates_at
from perpkit.market.volatility import hour_of, time_of

logger = logging.getLogger(__name__)

URL = "https://www.deribit.com"
CURRENCIES = ("BTC", "ETH")
KEEP = timedelta(minutes=5)
TIMEOUT_SECONDS = 3.0
# As long as Freqtrade treats its own 1h candles as current.
STALE_AFTER = timedelta(hours=2, minutes=5)


class Dvol:
    """The closed hours of the index, back to the start of the warm-up.

    Deribit answers in pages, newest first. Each call sends one request until the history is
    complete, then one every five minutes. Only the call that sends a request waits for it, no
    longer than the timeout.

    :param currency: BTC or ETH
    :param warm_up: how far back the history must reach
    """

    def __init__(
        self,
        currency: str,
        warm_up: timedelta,
        *,
        url: str = URL,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        if currency not in CURRENCIES:
            raise ValueError(f"dvol must be of {' or '.join(CURRENCIES)}, got {currency}")
        self._currency = currency
        self._warm_up = warm_up
        self._timeout = timeout_seconds
        self._client: Any = ccxt.deribit({"timeout": int(timeout_seconds * 1000)})
        self._client.urls["api"] = {"rest": url}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="dvol")
        self._request: Future[Any] | None = None
        self._page_end: int | None = None  # of the page that is still missing, milliseconds
        self._due = datetime.min.replace(tzinfo=UTC)
        self._vol: dict[int, float] = {}  # by hour
        self._index: HourlyIndex | None = None
        self._failed = False

    def index(self, now: datetime) -> HourlyIndex | None:
        """Returns the closed hours up to `now`; None while they are missing, incomplete or stale.

        It is the same object until there are new hours. Failures are logged, once in a row.
        """
        if self._request is None and now >= self._due:
            self._request = self._worker.submit(self._ask, self._since(now), now)
            wait([self._request], self._timeout)
            if not self._request.done():
                self._say(f"no answer within {self._timeout:g} s")
        if self._request is not None and self._request.done():
            self._receive(self._request, now)
            self._request = None
        if self._index is None or now - (self._index.open_times[-1] + HOUR) > STALE_AFTER:
            return None
        return self._index

    def close(self) -> None:
        """Stops requests; one under way ends by its own timeout."""
        self._worker.shutdown(wait=False)

    def _since(self, now: datetime) -> datetime:
        # Known hours are not requested again, once no page is missing.
        newest = max(self._vol) if self._vol and self._page_end is None else 0
        return max(now - self._warm_up, time_of(newest))

    def _ask(self, since: datetime, now: datetime) -> Any:
        return self._client.public_get_get_volatility_index_data(
            {
                "currency": self._currency,
                "start_timestamp": int(since.timestamp() * 1000),
                "end_timestamp": self._page_end or int(now.timestamp() * 1000),
                "resolution": str(HOUR_S),
            }
        )

    def _receive(self, request: Future[Any], now: datetime) -> None:
        self._due = now + KEEP
        try:
            answer = request.result()["result"]
            closed = {
                int(row[0]) // HOUR_MS: float(row[4]) / 100
                for row in answer["data"]
                if int(row[0]) // HOUR_MS < hour_of(now) and 0 < float(row[4]) < 10_000
            }
            older = int(answer.get("continuation") or 0)
        except Exception as error:  # without Deribit, the candles decide alone
            self._say(f"{type(error).__name__}: {error}")
            return
        self._failed = False
        changed = not closed.items() <= self._vol.items()
        first = hour_of(now - self._warm_up)
        self._vol = {h: vol for h, vol in (self._vol | closed).items() if h >= first}
        missing = bool(closed) and first * HOUR_MS < older < (self._page_end or float("inf"))
        changed |= self._page_end is not None
        self._page_end = older if missing else None
        if missing:
            self._due = now
        elif changed:
            hours = sorted(self._vol)
            times = dates_at(hour * HOUR_MS for hour in hours)
            self._index = HourlyIndex.from_series(pd.Series([self._vol[h] for h in hours], times))

    def _say(self, why: str) -> None:
        if not self._failed:
            logger.warning(f"No DVOL of {self._currency} from Deribit: {why[:200]}")
        self._failed = True
