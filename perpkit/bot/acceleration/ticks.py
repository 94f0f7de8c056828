"""The part "tick sizes": how many decimals the prices of each month have, counted in arrays.

They are counted again for each run: there is no file that could be of other candles.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from math import isnan

import numpy as np
from freqtrade.data.btanalysis import historic_precision
from freqtrade.exchange.exchange import TICK_SIZE
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting
from pandas import DataFrame, Series

from perpkit.bot.acceleration.part import Part, Replacements, Seam
from perpkit.market import decimals

_stock_ticks = historic_precision.get_tick_size_over_time
_stock_precision = Backtesting.get_pair_precision
# Name of an attribute of a Backtesting.
_STEPS = "_perpkit_ticks"


def tick_sizes(candles: DataFrame) -> Series:
    """As `get_tick_size_over_time`."""
    counted = decimals.tick_sizes(candles)
    return _stock_ticks(candles) if counted is None else counted


class Steps:
    """The tick sizes of a pair, and since when each of them holds."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._since: list[float] = [each.timestamp() for each in series.index]
        self._sizes: list[float] = list(series.ffill().to_numpy())

    def at(self, time: datetime) -> float | None:
        place = bisect_right(self._since, time.timestamp())
        size = self._sizes[place - 1] if place else np.nan
        return None if isnan(size) else size


def pair_precision(
    self: Backtesting, pair: str, current_time: datetime
) -> tuple[float | None, int]:
    """As `Backtesting.get_pair_precision`."""
    series = self.price_pair_prec.get(pair)
    if series is None or current_time.tzinfo is None or series.index.tz is None:
        return _stock_precision(self, pair, current_time)
    table: dict[str, Steps] = self.__dict__.setdefault(_STEPS, {})
    steps = table.get(pair)
    if steps is None or steps.series is not series:
        steps = table[pair] = Steps(series)
    size = steps.at(current_time)
    return _stock_precision(self, pair, current_time) if size is None else (size, TICK_SIZE)


def _install(replacements: Replacements) -> None:
    replacements.put(backtesting, "get_tick_size_over_time", tick_sizes, _stock_ticks)
    replacements.put(Backtesting, "get_pair_precision", pair_precision, _stock_precision)


TICKS = Part(
    [
        Seam("freqtrade.optimize.backtesting:get_tick_size_over_time", ("bafa889c0535",)),
        Seam("freqtrade.optimize.backtesting:Backtesting.get_pair_precision", ("0020359f8218",)),
    ],
    _install,
)
