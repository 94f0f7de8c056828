"""Keeps Freqtrade's funding rates where the exchange has sent none that is new.

Freqtrade asks for the rates of every pair once an hour, and most pairs settle every eight. It then
merges what it has already with what it has, which costs a cycle about half of what the candles do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.enums import CandleType

from perpkit.bot.live.replaced import replace
from perpkit.durations import HOUR_MS
from perpkit.market.asof import nanoseconds

ATTRIBUTE = "exchange._process_ohlcv_df"
# Freqtrade 2026.9. Before, rates had other columns, and were merged at another cost.
PARAMETERS = (
    "pair", "timeframe", "c_type", "ticks", "cache", "drop_incomplete", "fetch_start_ms",
)  # fmt: skip


class SameRates:
    """Returns the frame that Freqtrade holds, if it has all rates that the exchange has sent.

    A rate that is new or corrected is merged by Freqtrade. In another version of Freqtrade, all
    are.

    :param bot: a running bot
    """

    def __init__(self, bot: Any) -> None:
        self._exchange = bot.exchange
        merge = getattr(self._exchange, "_process_ohlcv_df", None)
        self.used = merge is not None and tuple(signature(merge).parameters) == PARAMETERS
        if self.used:
            self._merge: Callable[..., pd.DataFrame] = replace(bot, ATTRIBUTE, self.merge)

    def merge(
        self,
        pair: str,
        timeframe: str,
        c_type: CandleType,
        ticks: Sequence[Sequence[float]],
        cache: bool,
        drop_incomplete: bool,
        fetch_start_ms: int,
    ) -> pd.DataFrame:
        """Replaces Freqtrade's method."""
        exchange, key = self._exchange, (pair, timeframe, c_type)
        held = exchange._klines.get(key)
        rates = cache and c_type == CandleType.FUNDING_RATE and not drop_incomplete
        if not rates or held is None or not has_all(held, ticks):
            return self._merge(
                pair, timeframe, c_type, ticks, cache, drop_incomplete, fetch_start_ms
            )
        exchange._pairs_last_poll_time[key] = fetch_start_ms
        exchange._pairs_last_refresh_time[key] = ticks[-1][0]
        known: pd.DataFrame = held
        return known


def has_all(held: pd.DataFrame, ticks: Sequence[Sequence[float]]) -> bool:
    """Whether a frame has every one of these rates, of which there is one at least.

    :param held: with `date` (UTC), ascending, and `funding_rate`
    :param ticks: times, in milliseconds, and rates; a settlement is stamped some milliseconds late
    """
    if not ticks or held.empty or "funding_rate" not in held:
        return False
    try:
        times, rates = np.array(ticks, dtype=np.float64).T
    except (TypeError, ValueError):  # Freqtrade knows what is to become of it
        return False
    hours = times // HOUR_MS * HOUR_MS
    known = nanoseconds(held["date"]) // 10**6
    row = np.minimum(np.searchsorted(known, hours), len(known) - 1)
    same = held["funding_rate"].to_numpy()[row] == rates
    return bool((known[row] == hours).all() and same.all())
