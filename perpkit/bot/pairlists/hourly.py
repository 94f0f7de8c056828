"""Hourly candles of the pairs in a list, either stored or fetched, behind one class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import pandas as pd

from perpkit.bot.pairlists.requests import RETRY, Schedule

# Returns candles of the pairs from a time on, by pair; a pair that failed is missing.
Fetch = Callable[[Iterable[str], datetime], Mapping[str, pd.DataFrame]]


class HourlyFeed:
    """Candles of 1h by pair: read once in a backtest, else fetched once a refresh period.

    If a pair cannot be fetched, its old candles stay, and it is requested again a minute later.

    :param window: how far back the fetched candles should reach
    :param period: time between two requests for a pair
    :param fetch: fetches candles from the exchange
    :param read: reads the stored candles of a pair; None if candles are fetched
    """

    def __init__(
        self,
        window: timedelta,
        period: timedelta,
        fetch: Fetch,
        read: Callable[[str], pd.DataFrame] | None,
    ) -> None:
        self.frames: dict[str, pd.DataFrame] = {}
        self._window, self._period = window, period
        self._fetch, self._read = fetch, read
        self._schedule = Schedule()

    def refresh(self, pairs: Iterable[str], now: datetime) -> bool:
        """Brings the `frames` of these pairs up to date; returns whether any of them is new."""
        if self._read is not None:
            new = {pair: self._read(pair) for pair in pairs if pair not in self.frames}
            self.frames |= new
            return bool(new)
        due = self._schedule.due(pairs, now)
        if not due:
            return False
        fetched = self._fetch(due, now - self._window)
        self.frames.update(fetched)
        for pair in due:
            self._schedule.next(pair, now + (self._period if pair in fetched else RETRY))
        return bool(fetched)
