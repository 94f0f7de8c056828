"""Feeds of candles whose warm-up is longer than the strategy's.

Freqtrade gives every informative pair `startup_candle_count` candles of warm-up. A volatility rank
over 180 days or a funding rank over 30 days needs more, but not for every traded pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.data.dataprovider import DataProvider
from freqtrade.data.history import load_pair_history
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.candles.known_funding import KnownFunding
from perpkit.durations import MINUTE
from perpkit.market.times import dated, dates_of

# Freqtrade runs analyses of a strategy, such as lookahead-analysis, as UTIL_NO_EXCHANGE.
SIMULATED = (RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.UTIL_NO_EXCHANGE)


TRADING = (RunMode.DRY_RUN, RunMode.LIVE)


def is_trading(config: dict[str, Any]) -> bool:
    """Whether this is a bot that trades, in dry-run or live."""
    return config.get("runmode") in TRADING


def is_simulated(config: dict[str, Any]) -> bool:
    """Whether this run simulates trades on stored candles."""
    return config.get("runmode") in SIMULATED


# Funding rates are few, and a block by what they cost can stand for weeks: a running bot must not
# forget how it began.
KEPT_LONGER = {CandleType.FUNDING_RATE: timedelta(days=90)}
# Hours of these that are missing are unknown, and not what they were before.
AS_RECORDED = (CandleType.FUNDING_RATE, CandleType.PREMIUMINDEX)
# A pair, a timeframe and a type of candles.
CandleKey = tuple[str, str, CandleType]


class CandleFeed(Protocol):
    """A source of closed candles.

    `funding` is what its funding rates say.
    """

    funding: KnownFunding

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        """Returns closed candles up to now; in a simulated run all of them, to select by time.

        :param warm_up: how far before now, or before the start of the run, they should reach
        :return: columns `date` (open time, UTC), `open`, `high`, `low`, `close`, `volume`; empty
            if there are none; read-only, and the same object until there are new candles
        """


class StoredCandles:
    """The candles of a data directory, for backtest, hyperopt and charts.

    They start at the beginning of the file, for warm-up, and end with the time range of the run, so
    that Freqtrade's look-ahead analysis, which shortens that range, detects what depends on them.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._datadir = Path(config["datadir"])
        self._format = config.get("dataformat_ohlcv", "feather")
        stop = TimeRange.parse_timerange(config.get("timerange"))
        self._until = TimeRange(None, "date", 0, stop.stopts) if stop.stoptype == "date" else None
        self._loaded: dict[CandleKey, pd.DataFrame] = {}
        self.funding = KnownFunding()

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        key = (pair, timeframe, candle_type)
        if key not in self._loaded:
            loaded = load_pair_history(
                pair=pair,
                timeframe=timeframe,
                datadir=self._datadir,
                timerange=self._until,
                data_format=self._format,
                candle_type=candle_type,
                fill_up_missing=candle_type not in AS_RECORDED,
            )
            self._loaded[key] = dated(loaded)
        return self._loaded[key]


@dataclass(frozen=True)
class _Held:
    """The candles of a pair that a running bot holds.

    :param recent: the bot's own candles, as it last had them
    :param since: the time from which on no candle is missing that the exchange has
    :param newest: open time of the newest
    """

    frame: pd.DataFrame
    recent: pd.DataFrame
    since: datetime
    newest: pd.Timestamp


class LiveCandles:
    """Candles of a running bot: the warm-up is fetched once, then the bot's own are appended.

    What is older than the longest warm-up that was asked for is dropped with the next candle; what
    the bot has itself is kept.

    The pair must be among the strategy's informative pairs, so that Freqtrade keeps it current.
    If the warm-up cannot be fetched, `history` raises what Freqtrade's exchange raises, and the
    same again for a minute: exits wait for these requests, each of which is tried several times.
    """

    def __init__(self, dp: DataProvider) -> None:
        self._dp = dp
        self.funding = KnownFunding()
        # Both hold one entry for each pair that was ever asked for, until the bot ends.
        self._held: dict[CandleKey, _Held] = {}
        self._warm_up: dict[CandleKey, timedelta] = {}
        # The last failure, and until when it stands.
        self._failed: dict[CandleKey, tuple[ExchangeError, datetime]] = {}

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        key = (pair, timeframe, candle_type)
        self._warm_up[key] = longest = max(warm_up, self._warm_up.get(key, warm_up))
        recent = self._recent(pair, timeframe, candle_type)
        held = self._held.get(key)
        since = datetime.now(UTC) - longest
        # Freqtrade replaces its candles whenever it has fetched some. Asked in every loop for every
        # pair: reading the newest date would cost more than the breakers.
        if held is not None and held.recent is recent and held.since <= since:
            return held.frame
        if recent.empty:
            return recent if held is None else held.frame
        current = held is not None and held.newest == recent["date"].iloc[-1]
        if held is not None and current and held.since <= since:
            held = replace(held, recent=recent)
        else:
            held = self._joined(key, held, recent, since)
        self._held[key] = held
        return held.frame

    def _joined(
        self, key: CandleKey, held: _Held | None, own: pd.DataFrame, since: datetime
    ) -> _Held:
        """Returns the candles from `since`, or from the first of the bot's own if that is older,
        until the newest."""
        recent = dated(own)
        first, step = _first(recent), timedelta(seconds=timeframe_to_seconds(key[1]))
        older, reach = recent[:0], first
        if held is not None and held.newest + step >= first:
            older, reach = held.frame, held.since
        if since < min(reach, first):
            older, reach = dated(self._fetch(key, since)), since
        kept = since - KEPT_LONGER.get(key[2], timedelta(0))
        frame = recent.reset_index(drop=True)
        if kept < first:  # else the bot's own candles reach as far, as those of most pairs do
            begin, end = older["date"].searchsorted(dates_of([kept, first]))
            frame = pd.concat([older[begin:end], recent], ignore_index=True)
        return _Held(frame, own, min(first, max(reach, kept)), recent["date"].iloc[-1])

    def _recent(self, pair: str, timeframe: str, candle_type: CandleType) -> pd.DataFrame:
        """Returns the candles that the bot already has; read-only."""
        if candle_type == CandleType.FUNDING_RATE:  # its timeframe is set by the exchange
            timeframe = self._dp.get_funding_rate_timeframe()
        # Called every loop for every pair: copying would cost more than the breakers.
        return self._dp.ohlcv(pair, timeframe, copy=False, candle_type=candle_type)

    def _fetch(self, key: CandleKey, since: datetime) -> pd.DataFrame:
        pair, timeframe, candle_type = key
        if key in self._failed:
            error, until = self._failed[key]
            if datetime.now(UTC) < until:
                raise error.with_traceback(None)
        try:
            fetched: pd.DataFrame = self._dp._exchange.get_historic_ohlcv(
                pair, timeframe, int(since.timestamp() * 1000), candle_type
            )
        except ExchangeError as error:
            self._failed[key] = error, datetime.now(UTC) + MINUTE
            raise
        self._failed.pop(key, None)
        return fetched


def _first(candles: pd.DataFrame) -> datetime:
    first: datetime = candles["date"].iloc[0]
    return first


def feed_for(config: dict[str, Any], dp: DataProvider) -> CandleFeed:
    """Returns the feed for this run mode: charts and the webserver have stored candles, too."""
    return LiveCandles(dp) if is_trading(config) else StoredCandles(config)
