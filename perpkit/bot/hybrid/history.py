"""Candles for a training in a running bot: what is on disk, then what the bot holds.

A running bot holds a month of funding. A training looks back for a year, for which FreqAI has
downloaded the candles at the start.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
from freqtrade.enums import CandleType

from perpkit.bot.candles.candles import CandleFeed, CandleKey, StoredCandles
from perpkit.bot.candles.known_funding import KnownFunding


class StoredAndRecent:
    """A feed of candles that begin with the files and end with the bot's own.

    The files end at the start of the bot, and it runs for longer than it holds candles: each join
    is made on the last one, and keeps as many older candles as the files have. FreqAI asks for it
    from its thread of training, the strategy from the bot's: either may replace the other's join by
    the same one.
    """

    def __init__(self, config: dict[str, Any], recent: CandleFeed) -> None:
        self._stored = StoredCandles(config)
        self._recent = recent
        self.funding = KnownFunding()
        self._joined: dict[CandleKey, tuple[pd.DataFrame, pd.DataFrame]] = {}

    def history(
        self, pair: str, timeframe: str, candle_type: CandleType, warm_up: timedelta
    ) -> pd.DataFrame:
        recent = self._recent.history(pair, timeframe, candle_type, warm_up)
        key = (pair, timeframe, candle_type)
        known = self._joined.get(key)
        if known is None or known[0] is not recent:
            before = None if known is None else known[1]
            known = self._joined[key] = recent, self._join(key, recent, warm_up, before)
        return known[1]

    def _join(
        self,
        key: CandleKey,
        recent: pd.DataFrame,
        warm_up: timedelta,
        before: pd.DataFrame | None,
    ) -> pd.DataFrame:
        stored = self._stored.history(*key, warm_up)
        base = stored if before is None else before
        if base.empty or recent.empty:
            return recent if base.empty else base
        older = base[base["date"] < recent["date"].iloc[0]]
        return pd.concat([older.tail(len(stored)), recent], ignore_index=True)
