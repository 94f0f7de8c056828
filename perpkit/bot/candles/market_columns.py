"""Adds funding, positioning and correlation as columns to the strategy's candles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import timeframe_to_seconds
from numpy.typing import NDArray

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.candles.known_funding import NO_RATES
from perpkit.bot.candles.known_positioning import KnownPositioning
from perpkit.durations import DAY
from perpkit.market.asof import closes_of
from perpkit.market.benchmark import COLUMN, HOUR, benchmark_correlation
from perpkit.market.columns import with_columns
from perpkit.market.correlation import WINDOW_HOURS
from perpkit.market.exchanges import DEFAULT_EXCHANGE, facts_of
from perpkit.market.funding import DEFAULT_RULE, funding_paid
from perpkit.market.positioning import positioning_columns
from perpkit.market.premium import COLUMNS as PREMIUM_COLUMNS
from perpkit.market.premium import premium_readings
from perpkit.market.store import StoreError
from perpkit.market.store import stored as stored_files

logger = logging.getLogger(__name__)

BENCHMARK_WARM_UP = timedelta(days=30)


class MarketColumns:
    """Joins a pair's funding, its positioning and its correlation to the benchmark to its candles.

    Missing data become NaN, and are logged once.

    :param benchmark: a pair whose 1h candles a running bot keeps current
    :param pairs: returns those that are traded
    :param awaited: whether a pair's positioning is still on its way
    :param premium: whether the premium index is joined, too
    """

    def __init__(
        self,
        config: dict[str, Any],
        candles: CandleFeed,
        benchmark: str,
        pairs: Callable[[], Sequence[str]] = tuple,
        awaited: Callable[[str], bool] = lambda _pair: False,
        *,
        premium: bool = False,
    ) -> None:
        self._premium = premium
        self._pairs = pairs
        self._awaited = awaited
        self._without_positioning: set[str] = set()
        self._without_rates: set[str] = set()
        self._benchmark = benchmark
        self._datadir = Path(config["datadir"])
        self._exchange = config.get("exchange", {}).get("name", DEFAULT_EXCHANGE)
        self._feed = candles
        self._known = KnownPositioning(self._datadir)
        self._said: set[str] = set()

    def join(self, candles: pd.DataFrame, pair: str, timeframe: str) -> pd.DataFrame:
        """Returns a copy of the candles with the columns of `market.funding`, `market.positioning`
        and `market.benchmark`."""
        return with_columns(candles, self.columns(candles, pair, timeframe))

    def columns(
        self, candles: pd.DataFrame, pair: str, timeframe: str
    ) -> dict[str, NDArray[np.float64]]:
        """Returns the columns that `join` adds, one value for every candle."""
        rates = self._rates(pair)
        if rates.empty:
            self._say_without_rates(pair)
        step = pd.Timedelta(seconds=timeframe_to_seconds(timeframe))
        funding = self._feed.funding.readings(pair, rates).at(closes_of(candles, step))
        # One candle more than the window: returns are of two closes.
        warm_up = max(BENCHMARK_WARM_UP, (WINDOW_HOURS + 1) * step.to_pytimedelta())
        others = self._history(self._benchmark, CandleType.FUTURES, warm_up)
        if others.empty:
            self._say(f"No 1h candles of {self._benchmark}: all pairs count as fully correlated.")
        correlation = {COLUMN: benchmark_correlation(candles, step, others)}
        readings = self._positioning(pair, candles, step)
        found = funding | correlation | positioning_columns(candles, readings, timeframe)
        return found | self._premium_columns(candles, pair, step) if self._premium else found

    def funding_paid(self, candles: pd.DataFrame, pair: str, timeframe: str) -> NDArray[np.float64]:
        """Returns the funding that a long has paid up to each candle's close, summed, a fraction of
        the position; rates that are missing cost nothing."""
        step = pd.Timedelta(seconds=timeframe_to_seconds(timeframe))
        return funding_paid(self._rates(pair), closes_of(candles, step))

    def _unknown_premium(self, candles: pd.DataFrame, why: str) -> dict[str, NDArray[np.float64]]:
        self._say(f"{why}: its columns are unknown.")
        return {name: np.full(len(candles), np.nan) for name in PREMIUM_COLUMNS}

    def _premium_columns(
        self, candles: pd.DataFrame, pair: str, step: pd.Timedelta
    ) -> dict[str, NDArray[np.float64]]:
        if not facts_of(self._exchange).premium_index:
            return self._unknown_premium(candles, f"{self._exchange} has no premium index")
        hours = self._history(pair, CandleType.PREMIUMINDEX, DAY)
        if hours.empty:
            lacking = f"No 1h candles of the premium index of {pair}"
            return self._unknown_premium(candles, lacking)
        settled = self._feed.funding.readings(pair, self._rates(pair))
        interval = settled.at(closes_of(hours, HOUR))["funding_interval_hours"]
        return premium_readings(hours, interval).at(closes_of(candles, step))

    def _positioning(
        self, pair: str, candles: pd.DataFrame, step: pd.Timedelta
    ) -> Mapping[str, pd.DataFrame]:
        try:
            readings = self._known.readings(pair, candles, step)
        except StoreError as error:
            # As with funding: if the columns were missing, the strategy would miss exits.
            self._say(f"Positioning of {pair} cannot be used: {error}")
            return {}
        if not readings:
            self._say_without_positioning(pair)
        return readings

    def _say_without_positioning(self, pair: str) -> None:
        """One line for all pairs that have none; the first of them that is analysed asks."""
        if pair in self._without_positioning or self._awaited(pair):
            return
        have = {stored for stored, _period in stored_files(self._datadir)} - {pair}
        new = {p for p in (*self._pairs(), pair) if p not in have and not self._awaited(p)}
        new -= self._without_positioning
        self._without_positioning |= new
        logger.warning(
            f"No positioning data of {', '.join(sorted(new))}: no bonus for positioning."
        )

    def _say_without_rates(self, pair: str) -> None:
        """One line for all pairs that have none, as with positioning."""
        if pair in self._without_rates:
            return
        others = {*self._pairs()} - self._without_rates - {pair}
        new = {pair, *(other for other in others if self._rates(other).empty)}
        self._without_rates |= new
        logger.warning(
            f"No funding rates of {', '.join(sorted(new))}: no bonus for funding, and a backtest "
            "charges none."
        )

    def _rates(self, pair: str) -> pd.DataFrame:
        warm_up = DEFAULT_RULE.window + DAY
        rates = self._history(pair, CandleType.FUNDING_RATE, warm_up)
        return NO_RATES if rates.empty else rates

    def _history(self, pair: str, candle_type: CandleType, warm_up: timedelta) -> pd.DataFrame:
        """Returns hourly candles; empty if they cannot be fetched."""
        try:
            return self._feed.history(pair, "1h", candle_type, warm_up)
        except ExchangeError as error:
            # Raising would leave the strategy without its columns, and it would miss exits.
            logger.warning(f"1h {candle_type} of {pair} could not be fetched: {error}")
            return pd.DataFrame()

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            logger.warning(message)
