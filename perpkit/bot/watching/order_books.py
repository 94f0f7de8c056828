"""Fetches order books, only when a decision needs one: each costs a request."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from math import nan
from typing import Any

from freqtrade.data.dataprovider import DataProvider

from perpkit.execution.book import Book, NoBook, read_book

logger = logging.getLogger(__name__)

# The smallest number of levels that Binance offers, and the cheapest.
LEVELS = 5


def contract_size(dp: DataProvider, pair: str) -> float:
    """Returns the base asset in one contract, in which books count their amounts."""
    exchange: Any = dp._exchange
    size: float | None = exchange.get_contract_size(pair)
    return size or 1.0


class OrderBooks:
    """Order books of pairs, each cached for a while.

    :param keep: how long an answer, or a failure, is used before the next request
    """

    def __init__(self, dp: DataProvider, keep: timedelta) -> None:
        self._dp = dp
        self._keep = keep
        self._seen: dict[str, tuple[datetime, Book | NoBook]] = {}

    def look(self, pair: str, now: datetime) -> Book | NoBook:
        """Returns the book of `pair`, `NoBook` if it cannot be fetched. Never raises."""
        if pair not in self._seen or now >= self.again_at(pair):
            self._seen[pair] = now, self._ask(pair)
        return self._seen[pair][1]

    def again_at(self, pair: str) -> datetime:
        """When the book of a pair that was fetched before is requested again."""
        return self._seen[pair][0] + self._keep

    def _ask(self, pair: str) -> Book | NoBook:
        try:
            return read_book(
                self._dp.orderbook(pair, LEVELS), contract_size=contract_size(self._dp, pair)
            )
        except Exception as error:  # after any error the book is unknown
            logger.warning(f"No order book of {pair}: {error}")
            return NoBook("no order book to be had")


class FreshBooks:
    """Order books for an immediate decision, requested each time.

    :param max_age_seconds: the age beyond which a book counts as `NoBook`
    """

    def __init__(self, dp: DataProvider, max_age_seconds: float) -> None:
        self._dp = dp
        self._max_age = max_age_seconds

    def ask(self, pair: str, levels: int, now: datetime) -> Book | NoBook:
        """Requests the book once; raises what Freqtrade raises."""
        raw = self._dp.orderbook(pair, levels)
        return read_book(
            raw,
            int(now.timestamp() * 1000),
            self._max_age,
            contract_size=contract_size(self._dp, pair),
        )

    def price(self, pair: str, now: datetime) -> float:
        """Returns the mid price of the book; NaN if it cannot be fetched. Never raises."""
        try:
            book = self.ask(pair, LEVELS, now)
        except Exception:
            return nan
        return book.mid if isinstance(book, Book) else nan
