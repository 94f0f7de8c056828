from datetime import datetime
from typing import Any

from freqtrade.enums import CandleType
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.candles.candles import StoredCandles
from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.bot.pairlists.requests import RETRY, Schedule
from perpkit.durations import DAY, HOUR
from perpkit.market.asof import KnownReadings
from perpkit.market.funding import DEFAULT_RULE, funding_readings
from perpkit.market.funding_band import Funding, FundingBand

# In the order of the fields of `Funding`.
COLUMNS = (
    "funding_rate_8h",
    "funding_rank",
    "funding_next_8h",
    "funding_mean_8h",
    "funding_interval_hours",
)


class FundingRateFilter(FuturesPairList):
    """Keeps pairs whose funding is within a band, and can rank them by it.

    Live and backtests use the same rates: those settled at least an hour before, so that a backtest
    knows no more than the bot would have. See docs/pairlists.md.
    """

    RULE = FundingBand
    EXPLAINED = {
        "sort": "The order is that of the last settled rate.",
        "keep_unknown": "Unknown are pairs without rates, with rates that stopped, or, where what "
        "compares with the past binds, with less than 7 days of them.",
    }
    HINDSIGHT = "what funding became later"
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._funding: dict[str, KnownReadings] = {}
        self._schedule = Schedule()
        self._stored: StoredCandles | None = None

    def short_desc(self) -> str:
        return f"{self.name} - {', '.join(self.rule.description()) or 'any known funding'}."

    @staticmethod
    def description() -> str:
        return "Filter and rank futures pairs by their funding rate."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._static:
            return pairlist
        now = self.now()
        if self._simulated:
            self._load(pairlist)
        else:
            self._fetch(pairlist, now)
        funding = {pair: self._known(pair, now) for pair in pairlist}
        return self.keep(pairlist, funding, "the funding")

    def _known(self, pair: str, now: datetime) -> Funding | None:
        known = self._funding[pair].at(now) if pair in self._funding else None
        return Funding(*known) if known else None

    def _load(self, pairs: list[str]) -> None:
        """Loads the stored funding of new pairs, once in a backtest."""
        for pair in pairs:
            if pair not in self._funding:
                if self._stored is None:
                    self._stored = StoredCandles(self._config)
                rates = self._stored.history(
                    pair, "1h", CandleType.FUNDING_RATE, DEFAULT_RULE.window
                )
                self._funding[pair] = KnownReadings(funding_readings(rates), COLUMNS)

    def _fetch(self, pairs: list[str], now: datetime) -> None:
        """Fetches the funding history of pairs, at least once an hour.

        The exchange may shorten an interval at any time, and a rate is used from an hour after it
        has settled. If a request fails, it is repeated a minute later, and the old rates are used
        until they are too old.
        """
        due = self._schedule.due(pairs, now)
        if not due:
            return
        # A day more than the window, to know the interval of its first rate.
        since = now - DEFAULT_RULE.window - DAY
        fetched = self.fetch(due, CandleType.FUNDING_RATE, since, "funding")
        for pair in due:
            again = now + (min(self._period, HOUR) if pair in fetched else RETRY)
            if pair in fetched:
                readings = funding_readings(fetched[pair])
                self._funding[pair] = KnownReadings(readings, COLUMNS)
                if not readings.empty:
                    last = readings.iloc[-1]
                    following = last["known_at"] + last["funding_interval_hours"] * HOUR
                    again = max(again, min(following.to_pydatetime(), now + HOUR))
            self._schedule.next(pair, again)
