"""Fetches Binance's five positioning statistics page by page, within its rate limits.

Source: Binance USD-M futures, "Market Data" endpoints under /futures/data. They cost no weight but
share 1000 calls per 5 minutes and IP; they keep 30 days; a page has at most 500 readings.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ccxt
import pandas as pd

from perpkit.bot.positioning.paced import Budget, PacedClient, milliseconds
from perpkit.market.coverage import ReadingSpan
from perpkit.market.store import PERIODS, SERIES
from perpkit.market.times import dates_at

PAGE = 500
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Statistic:
    """A positioning statistic of the exchange.

    :param method: name of ccxt's method
    :param columns: columns of the store by field of the answer
    """

    method: str
    columns: Mapping[str, str]


STATISTICS = (
    Statistic("fapiDataGetGlobalLongShortAccountRatio", {"longShortRatio": "long_short_ratio"}),
    Statistic("fapiDataGetTopLongShortAccountRatio", {"longShortRatio": "top_accounts_ratio"}),
    Statistic("fapiDataGetTopLongShortPositionRatio", {"longShortRatio": "top_positions_ratio"}),
    Statistic("fapiDataGetTakerlongshortRatio", {"buySellRatio": "taker_ratio"}),
    Statistic(
        "fapiDataGetOpenInterestHist",
        {"sumOpenInterest": "open_interest", "sumOpenInterestValue": "open_interest_value"},
    ),
)


# Perpetuals on coins, and on shares, metals and share indices.
_PERPETUAL = ("PERPETUAL", "TRADIFI_PERPETUAL")
_PAIR = re.compile(r"[^\s/:]+/[^\s/:]+:[^\s/:]+")


class PositioningClient(PacedClient):
    """Client of Binance for public endpoints only: it needs no API key and never receives one.

    :param exchange: Freqtrade's "exchange" section; its `ccxt_config` may set another URL
    :param clock, sleep: in seconds; an exception from `sleep` ends the call
    """

    page_size = PAGE
    periods = tuple(PERIODS)
    series = tuple(SERIES)

    def __init__(
        self,
        exchange: Mapping[str, Any],
        budget: Budget | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(ccxt.binanceusdm, exchange, budget, clock, sleep)
        self._symbols: dict[str, str] = {}

    def kept(self, period: str) -> timedelta:
        """Returns how long the exchange keeps readings: the same of every period."""
        return KEPT

    def now(self) -> datetime:
        """Returns the exchange's time (UTC). :raises DownloadError: if it cannot be fetched"""
        answer = self._call("fapiPublicGetTime", {})
        return datetime.fromtimestamp(int(answer["serverTime"]) / 1000, UTC)

    def symbols(self, pairs: Sequence[str]) -> dict[str, str]:
        """Returns the exchange's symbols by pair, for the pairs that it lists as perpetuals.

        :raises ValueError: for a name that is not of the form BTC/USDT:USDT
        :raises DownloadError: if the list cannot be fetched
        """
        checked_pairs(pairs)
        if not all(pair in self._symbols for pair in pairs):
            listed = self._call("fapiPublicGetExchangeInfo", {})["symbols"]
            self._symbols = {
                f"{entry['baseAsset']}/{entry['quoteAsset']}:{entry['marginAsset']}": entry[
                    "symbol"
                ]
                for entry in listed
                if entry["contractType"] in _PERPETUAL
            }
        return {pair: self._symbols[pair] for pair in pairs if pair in self._symbols}

    def page(
        self, statistic: Statistic, symbol: str, period: str, window: ReadingSpan
    ) -> pd.DataFrame:
        """Returns the readings within a window of at most `PAGE` readings, indexed by date (UTC).

        :raises RefusedError: when the exchange refuses the request for this symbol
        :raises DownloadError: when the readings cannot be fetched
        """
        rows = self._call(
            statistic.method,
            {
                "symbol": symbol,
                "period": period,
                "startTime": milliseconds(window.first),
                "endTime": milliseconds(window.last),
                "limit": PAGE,
            },
        )
        dates = dates_at(int(row["timestamp"]) for row in rows)
        values = {
            column: pd.Series([_number(row.get(field)) for row in rows], dates, dtype=float)
            for field, column in statistic.columns.items()
        }
        frame = pd.DataFrame(values, index=dates).sort_index()
        frame = frame[~frame.index.duplicated(keep="last")]
        return frame.loc[window.first : window.last]

    def readings(self, symbol: str, period: str, window: ReadingSpan) -> pd.DataFrame:
        """Returns all statistics within a window; raises as `page` does."""
        pages = [self.page(statistic, symbol, period, window) for statistic in STATISTICS]
        return pd.concat(pages, axis=1)


def checked_pairs(pairs: Sequence[str]) -> None:
    """:raises ValueError: for a name that is not of the form BTC/USDT:USDT"""
    for pair in pairs:
        if _PAIR.fullmatch(pair) is None:
            raise ValueError(f"pairs must be like BTC/USDT:USDT, got {pair!r}")


def _number(text: Any) -> float:
    """Returns the number in `text`; NaN for 0, which is not a reading."""
    return float(text or 0) or math.nan
