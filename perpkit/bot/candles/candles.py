"""Candle look-ups with a history of their own.

Freqtrade gives every informative pair `startup_candle_count` candles of warm-up. A volatility rank
over 180 days or a funding rank over 30 needs more, without making every traded pair load as much.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.data.dataprovider import DataProvider
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange import timeframe_to_seconds

# The analyses of a strategy, such as lookahead-analysis, run as utilities without an exchange.
SIMULATED = (RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.UTIL_NO_EXCHANGE)


TRADING = (RunMode.DRY_RUN, RunMode.LIVE)


def is_trading(config: dict[str, Any]) -> bool:
    """Whether this is a bot that trades, with or without money."""
    return config.get("runmode") in TRADING


def is_simulated(config: dict[str, Any]) -> bool:
    """Whether this run goes through stored candles."""
    return config.get("runmode") in SIMULATED


class CandleFeed(Protocol):
    """Where closed candles come from."""

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        """Closed candles up to now; of a simulated run all of them, to be looked up by time.

        :param warm_up: how far before now, or before the start of the run, they should reach
        :return: columns `date` (open time, UTC), `open`, `high`, `low`, `close`, `volume`, empty
            when there are none; the same object for as long as nothing is new, and read-only
        """


class StoredCandles:
    """Candles of a data directory, for backtest and hyperopt.

    They end with the time range of the run, so that Freqtrade's look-ahead analysis, which shortens
    it, sees what depends on them; and they start with the file, for warm-up.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._datadir = Path(config["datadir"])
        self._format = config.get("dataformat_ohlcv", "feather")
        stop = TimeRange.parse_timerange(config.get("timerange"))
        self._until = TimeRange(None, "date", 0, stop.stopts) if stop.stoptype == "date" else None
        self._loaded: dict[tuple[str, str, CandleType], pd.DataFrame] = {}

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        key = (pair, timeframe, candle_type)
        if key not in self._loaded:
            self._loaded[key] = load_pair_history(
                pair=pair,
                timeframe=timeframe,
                datadir=self._datadir,
                timerange=self._until,
                data_format=self._format,
                candle_type=candle_type,
                fill_up_missing=candle_type != CandleType.FUNDING_RATE,
            )
        return self._loaded[key]


class LiveCandles:
    """Candles of the running bot: fetched once for the warm-up, then continued from its own.

    The pair must be among the strategy's informative pairs, so that Freqtrade keeps it current.
    Raises what Freqtrade's exchange raises when the warm-up cannot be fetched.
    """

    def __init__(self, dp: DataProvider) -> None:
        self._dp = dp
        self._held: dict[tuple[str, str, CandleType], pd.DataFrame] = {}

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        key = (pair, timeframe, candle_type)
        recent = self._recent(pair, timeframe, candle_type)
        held = self._held.get(key)
        if recent.empty:
            return recent if held is None else held
        if held is not None and held["date"].iloc[-1] == recent["date"].iloc[-1]:
            return held
        first = recent["date"].iloc[0]
        step = timedelta(seconds=timeframe_to_seconds(timeframe))
        if held is None or held["date"].iloc[-1] + step < first:
            since = datetime.now(UTC) - warm_up
            held = self._fetch(key, since) if since < first else recent
        self._held[key] = pd.concat([held[held["date"] < first], recent], ignore_index=True)
        return self._held[key]

    def _recent(self, pair: str, timeframe: str, candle_type: CandleType) -> pd.DataFrame:
        """What the bot has; read only."""
        if candle_type == CandleType.FUNDING_RATE:  # whose timeframe is the exchange's own
            return self._dp.get_pair_dataframe(pair, timeframe, candle_type)
        # Asked every loop for every pair: a copy each time costs more than the breakers.
        return self._dp.ohlcv(pair, timeframe, copy=False, candle_type=candle_type)

    def _fetch(self, key: tuple[str, str, CandleType], since: datetime) -> pd.DataFrame:
        pair, timeframe, candle_type = key
        exchange = self._dp._exchange
        fetched: pd.DataFrame = exchange.get_historic_ohlcv(
            pair, timeframe, int(since.timestamp() * 1000), candle_type
        )
        return fetched


def feed_for(config: dict[str, Any], dp: DataProvider) -> CandleFeed:
    """The feed of this run mode: the one place where they differ, for they differ in storage."""
    return StoredCandles(config) if is_simulated(config) else LiveCandles(dp)
