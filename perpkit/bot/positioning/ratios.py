"""Fetches the long/short ratio of accounts from Bybit and OKX, and Bybit's open interest, through
ccxt's own methods.

Sources: Bybit v5 "Get Long Short Ratio" (/v5/market/account-ratio: 500 a page, since 2020-07-20)
and "Get Open Interest" (/v5/market/open-interest: 200 a page); OKX v5 "Get contract long/short
ratio" (/api/v5/rubik/stat/contracts/long-short-account-ratio-contract: 100 a page, of the latest
1440). Neither says whether a reading's time is the beginning or the end of its period, so a reading
is dated at the end of the period that would begin there: the store never has one earlier than it
was known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

import ccxt
import numpy as np
import pandas as pd

from perpkit.bot.positioning.client import checked_pairs
from perpkit.bot.positioning.paced import Budget, PacedClient, milliseconds
from perpkit.market.coverage import ReadingSpan
from perpkit.market.exchanges import facts_of
from perpkit.market.store import PERIODS
from perpkit.market.times import dates_at, shifted

RATIO, INTEREST = "long_short_ratio", "open_interest"


@dataclass(frozen=True)
class RatioSource:
    """
    :param markets: ccxt's option for the contracts that are loaded
    :param periods: the exchange's names of the periods of the store
    :param window: ccxt's further parameters for a window, from its bounds in ms
    :param most_kept: the readings of each period that it keeps at most; None without a limit
    :param interest: whether ccxt gives open interest in coins for all of the periods
    """

    client: Callable[[dict[str, Any]], Any]
    markets: str
    periods: Mapping[str, str]
    page_size: int
    kept: timedelta
    window: Callable[[int, int], dict[str, Any]]
    most_kept: int | None = None
    interest: bool = False


SOURCES = {
    "bybit": RatioSource(
        ccxt.bybit,
        "linear",
        {"5m": "5min", "15m": "15min", "30m": "30min", "1h": "1h", "4h": "4h", "1d": "1d"},
        page_size=200,  # of open interest; of the ratio they are longer
        kept=timedelta(days=3650),
        # ccxt does not pass `since` on.
        window=lambda first, last: {"startTime": first, "endTime": last},
        interest=True,
    ),
    "okx": RatioSource(
        ccxt.okx,
        "swap",
        # Longer periods begin by the clock of Hong Kong, and are not on the grid of the store.
        {period: period for period in ("5m", "15m", "30m", "1h", "2h", "4h")},
        page_size=100,
        kept=timedelta(days=30),
        window=lambda _first, last: {"until": last},
        most_kept=1440,
        # No open interest: of 5m and 1h alone, and in contracts (docs/exchanges.md).
    ),
}


class RatioClient(PacedClient):
    """Client of Bybit or OKX for public endpoints only, as `PositioningClient` is of Binance.

    :param name: a key of `SOURCES`
    """

    def __init__(
        self,
        name: str,
        exchange: Mapping[str, Any],
        budget: Budget | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source = SOURCES[name]
        self._facts = facts_of(name)
        super().__init__(source.client, exchange, budget, clock, sleep)
        self._ccxt.options["fetchMarkets"] = {"types": [source.markets]}
        self.page_size = source.page_size
        self.periods = tuple(source.periods)
        self.series = (RATIO, INTEREST) if source.interest else (RATIO,)

    def kept(self, period: str) -> timedelta:
        """Returns how long the exchange keeps readings of a period."""
        source = self._source
        if source.most_kept is None:
            return source.kept
        return min(source.kept, source.most_kept * PERIODS[period])

    def now(self) -> datetime:
        """Returns the exchange's time (UTC). :raises DownloadError: if it cannot be fetched"""
        answer = self._call("fetch_time", kind=int)
        return datetime.fromtimestamp(answer / 1000, UTC)

    def symbols(self, pairs: Sequence[str]) -> dict[str, str]:
        """Returns ccxt's symbols by pair, for the pairs that the exchange lists as perpetuals.

        :raises ValueError: for a name that is not of the form BTC/USDT:USDT
        :raises DownloadError: if the list cannot be fetched
        """
        checked_pairs(pairs)
        markets = self._ccxt.markets or {}
        if not all(pair in markets for pair in pairs):
            markets = self._call("load_markets", True)
        return {pair: pair for pair in pairs if pair in markets and markets[pair]["swap"]}

    def readings(self, symbol: str, period: str, window: ReadingSpan) -> pd.DataFrame:
        """Returns the readings within a window of at most a page, indexed by date (UTC).

        :raises RefusedError: when the exchange refuses the request for this symbol
        :raises DownloadError: when the readings cannot be fetched
        """
        length = PERIODS[period]
        delay = self._facts.ratio_date_delay(length)
        # OKX excludes both bounds, and only later releases of ccxt make up for it. A bound that is
        # 1 ms outside excludes no reading, and lets none in.
        first = milliseconds(window.first - delay) - 1
        last = milliseconds(window.last - delay) + 1
        count = window.readings(length)
        asked = self._source.periods[period], first, count, self._source.window(first, last)
        rows = self._call("fetch_long_short_ratio_history", symbol, *asked, kind=list)
        columns = {RATIO: _by_time(rows, "longShortRatio")}
        if self._source.interest:
            asked = period, first, count, {"until": last}
            rows = self._call("fetch_open_interest_history", symbol, *asked, kind=list)
            columns[INTEREST] = _by_time(rows, "openInterestAmount")
        frame = pd.DataFrame(columns).sort_index()
        times = frame.index.to_numpy(dtype=np.int64)
        return frame.set_axis(shifted(dates_at(times), delay)).loc[window.first : window.last]


def _by_time(rows: list[dict[str, Any]], field: str) -> pd.Series:
    """Returns a field of ccxt's rows by their time in ms; NaN for 0, which is not a reading."""
    found = {int(row["timestamp"]): row[field] or nan for row in rows}
    times = np.array([*found], dtype=np.int64)
    return pd.Series([*found.values()], pd.Index(times), dtype=float)
