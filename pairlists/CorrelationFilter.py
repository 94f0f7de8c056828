from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.persistence import Trade
from freqtrade.plugins.pairlist.IPairList import PairlistParameter, SupportsBacktesting

from perpkit.bot.candles.candles import StoredCandles
from perpkit.bot.pairlists.base import FuturesPairList, number
from perpkit.bot.pairlists.requests import RETRY, Schedule
from perpkit.durations import HOUR_S
from perpkit.market.correlation import PooledCorrelation, pooled_correlation
from perpkit.market.least_correlated import (
    LeastCorrelated,
    hourly_returns,
    known_returns,
    knows,
)


class CorrelationFilter(FuturesPairList):
    """Keeps a set of pairs that move as little alike as possible, beside the pairs that are held.

    By hourly mark prices: a futures backtest has them anyway, for funding. See docs/pairlists.md.
    """

    RULE = LeastCorrelated
    REFRESH = HOUR_S
    HINDSIGHT = "how they moved later"
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._candles: dict[str, pd.DataFrame] = {}
        self._pairs: list[str] = []
        self._all_returns = self._returns = hourly_returns({})
        self._latest = PooledCorrelation({})
        self._made = -1  # number of the refresh period
        self._schedule = Schedule()
        self._stored: StoredCandles | None = None

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

    @staticmethod
    def available_parameters() -> dict[str, PairlistParameter]:
        rule = LeastCorrelated()
        return {
            "max_correlation": number(
                "Maximum correlation",
                "0 to 1, of hourly returns, whatever its sign, to any pair that is kept or held.",
                rule.max_correlation,
            ),
            "number_assets": number(
                "Number of assets", "Pairs to keep, held pairs counted. 0 is no limit.", 0
            ),
            "window_hours": number("Window", "In hours, 24 to 400.", rule.window_hours),
            **FuturesPairList.refresh_period_parameter(),
            "refresh_period": number(
                "Refresh period", "Refresh period in seconds", CorrelationFilter.REFRESH
            ),
        }

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
        """Of these pairs, made once a refresh period unless there are others or new candles."""
        if (self._load if self._simulated else self._fetch)(pairs, now):
            self._all_returns, self._pairs = hourly_returns(self._candles), []
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

    def _load(self, pairs: list[str], now: datetime) -> bool:
        """Stored candles of the pairs that are new; whether there are any."""
        new = [pair for pair in pairs if pair not in self._candles]
        for pair in new:
            if self._stored is None:
                self._stored = StoredCandles(self._config)
            self._candles[pair] = self._stored.history(pair, "1h", CandleType.MARK, timedelta(0))
        return bool(new)

    def _fetch(self, pairs: list[str], now: datetime) -> bool:
        """Candles from the exchange of the pairs that are due; whether some came.

        What cannot be fetched stays as it was, until too many of its hours are missing.
        """
        due = self._schedule.due(pairs, now)
        if not due:
            return False
        since = now - timedelta(hours=self.rule.window_hours + 2)
        fetched = self.fetch(due, CandleType.MARK, since, "mark price")
        self._candles.update(fetched)
        for pair in due:
            self._schedule.next(pair, now + (self._period if pair in fetched else RETRY))
        return bool(fetched)
