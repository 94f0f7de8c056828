"""The side frame: ranges and volatility of the raw candles, beside the strategy's own frame.

A strategy that is not the package's has none of its columns, and gets none: it may look at all of
its columns, or have some of the same names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.candles.candles import CandleFeed, LiveCandles, is_simulated
from perpkit.bot.running_bot import message_of
from perpkit.market.ranges import ATR_PERIOD, with_ranges
from perpkit.market.times import dated

logger = logging.getLogger(__name__)

COLUMNS = ("close", "atr", "range_24h", "vol_1h")
_RAW = ["date", "high", "low", "close"]
_DAY = timedelta(days=1)
# Wilder's average has forgotten where it began after so many of its periods.
_PERIODS = 20


class SideFrames:
    """The side frames of all pairs.

    :param strategy: whose timeframe counts
    :param feed: returns the stored candles of a backtest; a running bot reads its own
    """

    def __init__(self, strategy: Any, feed: Callable[[], CandleFeed]) -> None:
        self._strategy = strategy
        self._feed = feed
        self._made: dict[str, tuple[pd.DataFrame, CandleColumns]] = {}
        self._longer: LiveCandles | None = None

    def get(self, pair: str) -> CandleColumns | None:
        """Returns the columns of a pair, None before its candles are there."""
        made = self._made.get(pair)
        return made[1] if made is not None else None

    def renew(self, pair: str) -> None:
        """Updates the side frame of a pair after its analysis, if there are new candles."""
        raw, made = self._raw(pair), self._made.get(pair)
        if raw.empty or (made is not None and made[0] is raw):
            return
        used = raw if is_simulated(self._strategy.config) else self._with_warm_up(pair, raw)
        step = self._step
        self._made[pair] = raw, CandleColumns(with_ranges(dated(used[_RAW]), step), step, COLUMNS)

    @property
    def _step(self) -> pd.Timedelta:
        return pd.Timedelta(seconds=timeframe_to_seconds(self._strategy.timeframe))

    def _with_warm_up(self, pair: str, raw: pd.DataFrame) -> pd.DataFrame:
        """Adds earlier candles to those of a running bot, which has too few short ones.

        A day has more candles of one minute than Freqtrade requests at once.
        """
        step = self._step
        wanted = max(_DAY // step, ATR_PERIOD * _PERIODS) + 1
        if len(raw) >= wanted:
            return raw
        if self._longer is None:
            self._longer = LiveCandles(self._strategy.dp)
        try:
            held = self._longer.history(
                pair, self._strategy.timeframe, CandleType.FUTURES, (wanted + 1) * step
            )
        except Exception as error:  # what is unknown is NaN, and refuses where it is needed
            logger.warning(f"No earlier candles of {pair}: {message_of(error)}")
            return raw
        return held.tail(wanted)

    def _raw(self, pair: str) -> pd.DataFrame:
        strategy = self._strategy
        if is_simulated(strategy.config):
            no_more = timedelta(0)
            return self._feed().history(pair, strategy.timeframe, CandleType.FUTURES, no_more)
        candles: pd.DataFrame = strategy.dp.ohlcv(
            pair, strategy.timeframe, copy=False, candle_type=CandleType.FUTURES
        )
        return candles
