"""Order books: a request each, so only when somebody has to know."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from math import nan

from freqtrade.data.dataprovider import DataProvider

from perpkit.execution.book import Book, NoBook, read_book

logger = logging.getLogger(__name__)

# The smallest number of levels that Binance gives, and the cheapest.
LEVELS = 5


class OrderBooks:
    """Books of pairs, each remembered for a while.

    :param keep: how long an answer, a failure too, stands before the exchange is asked again
    """

    def __init__(self, dp: DataProvider, keep: timedelta) -> None:
        self._dp = dp
        self._keep = keep
        self._seen: dict[str, tuple[datetime, Book | NoBook]] = {}

    def look(self, pair: str, now: datetime) -> Book | NoBook:
        """The book of `pair`; one that cannot be had is `NoBook`. Never raises."""
        if pair not in self._seen or now >= self.again_at(pair):
            self._seen[pair] = now, self._ask(pair)
        return self._seen[pair][1]

    def again_at(self, pair: str) -> datetime:
        """When the exchange will be asked again, for a pair that was looked at."""
        return self._seen[pair][0] + self._keep

    def _ask(self, pair: str) -> Book | NoBook:
        try:
            return read_book(self._dp.orderbook(pair, LEVELS))
        except Exception as error:  # whatever went wrong, nobody knows the book
            logger.warning(f"No order book of {pair}: {error}")
            return NoBook("no order book to be had")


class FreshBooks:
    """Books for a decision that is made now: asked for each time.

    :param max_age_seconds: beyond which a book is none
    """

    def __init__(self, dp: DataProvider, max_age_seconds: float) -> None:
        self._dp = dp
        self._max_age = max_age_seconds

    def ask(self, pair: str, levels: int, now: datetime) -> Book | NoBook:
        """One request; raises what Freqtrade raises."""
        raw = self._dp.orderbook(pair, levels)
        return read_book(raw, int(now.timestamp() * 1000), self._max_age)

    def price(self, pair: str, now: datetime) -> float:
        """The middle of the book; NaN where it cannot be had. Never raises."""
        try:
            book = self.ask(pair, LEVELS, now)
        except Exception:
            return nan
        return book.mid if isinstance(book, Book) else nan
