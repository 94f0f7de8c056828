from datetime import datetime, timedelta
from typing import Any

from freqtrade.enums import CandleType
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.persistence import Trade
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.durations import HOUR_S
from perpkit.market.correlation import PooledCorrelation, pooled_correlation
from perpkit.market.least_correlated import (
    LeastCorrelated,
    hourly_returns,
    known_returns,
    knows,
)


class CorrelationFilter(FuturesPairList):
    """Keeps the pairs least correlated with each other and with the pairs of open trades.

    It compares hourly mark prices, which futures backtests need for funding anyway. See
    docs/pairlists.md.
    """

    RULE = LeastCorrelated
    REFRESH = HOUR_S
    HINDSIGHT = "how they moved later"
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        window = timedelta(hours=self.rule.window_hours + 2)
        self._candles = self.hourly(CandleType.MARK, window, "mark price")
        self._pairs: list[str] = []
        self._all_returns = self._returns = hourly_returns({})
        self._latest = PooledCorrelation({})
        self._made = -1  # number of the refresh period

    def short_desc(self) -> str:
        rule = self.rule
        most = f", at most {rule.number_assets} pairs" if rule.number_assets else ""
        return (
            f"{self.name} - correlation up to {rule.max_correlation:g} over "
            f"{rule.window_hours} hours{most}."
        )

    @staticmethod
    def description() -> str:
        return "Keep futures pairs that move as little alike as possible."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._static:
            return pairlist
        now = self.now()
        held = {trade.pair for trade in Trade.get_open_trades()}
        correlation = self._correlation(sorted({*pairlist, *held}), now)
        kept = self.rule.choose(pairlist, held, correlation)
        unknown = {
            pair: "the correlation"
            for pair in pairlist
            if not (pair in held or knows(correlation, pair))
        }
        removed = {}
        if not self._simulated:
            removed = {
                pair: self.rule.objection(pair, held.union(kept), correlation)
                for pair in pairlist
                if pair not in kept and pair not in unknown
            }
        self.say(pairlist, unknown, removed)
        return kept

    def _correlation(self, pairs: list[str], now: datetime) -> PooledCorrelation:
        """The correlation of these pairs, computed once a refresh period, or when pairs or candles
        change."""
        if self._candles.refresh(pairs, now):
            self._all_returns, self._pairs = hourly_returns(self._candles.frames), []
        if pairs != self._pairs:
            self._returns = self._all_returns.reindex(columns=pairs)
            self._pairs, self._made = pairs, -1
        number = int(now.timestamp() // self._period.total_seconds())
        if number != self._made:
            window = self.rule.window_hours
            recent = known_returns(self._returns, now, window)
            self._latest = pooled_correlation(recent, window)
            self._made = number
        return self._latest
