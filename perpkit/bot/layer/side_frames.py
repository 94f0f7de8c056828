"""The side frame: ranges and volatility of the raw candles, beside the strategy's own frame.

A strategy that is not the package's has none of its columns, and gets none: it may look at all of
its columns, or have some of the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.candles.candles import CandleFeed, is_simulated
from perpkit.market.ranges import with_ranges

COLUMNS = ("close", "atr", "range_24h", "vol_1h")
_RAW = ["date", "high", "low", "close"]


class SideFrames:
    """The side frames of all pairs.

    :param strategy: whose timeframe counts
    :param feed: returns the feed of raw candles; a running bot reads its own, of which it has fewer
    """

    def __init__(self, strategy: Any, feed: Callable[[], CandleFeed]) -> None:
        self._strategy = strategy
        self._feed = feed
        self._made: dict[str, tuple[pd.DataFrame, CandleColumns]] = {}

    def get(self, pair: str) -> CandleColumns | None:
        """Returns the columns of a pair, None before its candles are there."""
        made = self._made.get(pair)
        return made[1] if made is not None else None

    def renew(self, pair: str) -> None:
        """Reads the candles of a pair again, after its analysis; costs nothing without new ones."""
        raw, made = self._raw(pair), self._made.get(pair)
        if raw.empty or (made is not None and made[0] is raw):
            return
        step = pd.Timedelta(seconds=timeframe_to_seconds(self._strategy.timeframe))
        self._made[pair] = raw, CandleColumns(with_ranges(raw[_RAW], step), step, COLUMNS)

    def _raw(self, pair: str) -> pd.DataFrame:
        strategy = self._strategy
        if is_simulated(strategy.config):
            no_more = pd.Timedelta(0)
            return self._feed().history(pair, strategy.timeframe, CandleType.FUTURES, no_more)
        candles: pd.DataFrame = strategy.dp.ohlcv(
            pair, strategy.timeframe, copy=False, candle_type=CandleType.FUTURES
        )
        return candles
