import logging
from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.bot.pairlists.readings import asked_crowd, crowds_at, stored_crowd
from perpkit.bot.pairlists.requests import PairRequests, Schedule
from perpkit.market.asof import KnownReadings
from perpkit.market.crowd_band import Crowd, CrowdBand
from perpkit.market.store import StoreError

logger = logging.getLogger(__name__)


class PositioningFilter(FuturesPairList):
    """Keeps pairs whose long/short ratio is within a band, and can rank them by it.

    The store of positioning data is used in backtests and live; live, what the store lacks is
    requested from the exchange. See docs/pairlists.md.
    """

    RULE = CrowdBand
    EXPLAINED = {
        "sort": "The order is that of the long/short ratio.",
        "keep_unknown": "Unknown are pairs without readings, with readings that stopped, or, where "
        "a percentile binds, with less than 7 days of them.",
    }
    HINDSIGHT = "how the crowd stood later"
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._datadir = Path(self._config["datadir"])
        self._stored: dict[str, list[KnownReadings]] = {}
        self._schedule = Schedule()
        self._asked = PairRequests(self._exchange, self._ask, self._period, self._patience)

    def short_desc(self) -> str:
        return f"{self.name} - {', '.join(self.rule.description()) or 'any known crowd'}."

    @staticmethod
    def description() -> str:
        return "Filter and rank futures pairs by the long/short ratio of their accounts."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._static:
            return pairlist
        now = self.now()
        at = self.candle(now)
        self._load(pairlist, now)
        if not self._simulated:
            lacking = [pair for pair in pairlist if self._judged(self._stored[pair], at) is None]
            self.say_failed("long/short ratio", self._asked.refresh(lacking, now))
        crowds = {pair: self._crowd(pair, at, now) for pair in pairlist}
        return self.keep(pairlist, crowds, "the long/short ratio")

    def _load(self, pairs: list[str], now: datetime) -> None:
        """Reads the store, once in a backtest, live again after every refresh period."""
        for pair in self._schedule.due(pairs, now):
            if self._simulated and pair in self._stored:
                continue
            self._schedule.next(pair, now + self._period)
            try:
                self._stored[pair] = stored_crowd(self._datadir, pair, self._timeframe)
            except StoreError as error:
                self._stored[pair] = []
                self.log_once(f"{self.name}: {error}", logger.warning, True)

    def _crowd(self, pair: str, at: datetime, now: datetime) -> Crowd | None:
        asked = self._asked.latest(pair, now)
        return self._judged([*self._stored[pair], *([asked] if asked else [])], at)

    def _judged(self, readings: list[KnownReadings], at: datetime) -> Crowd | None:
        # The first that the rule can use: a short history has a ratio but no percentile.
        crowds = crowds_at(readings, at)
        return next((crowd for crowd in crowds if self.rule.knows(crowd)), None)

    def _ask(self, pair: str) -> Awaitable[KnownReadings]:
        return asked_crowd(self._exchange, pair, self._timeframe)
