"""The part "tick sizes": how many decimals the prices of each month have, counted in arrays.

Freqtrade prints every price with 14 digits, and looks for the last one that is not zero. Here the
digits are an integer, and its zeros are counted. The few prices whose last digit could be rounded
either way are printed. They are counted again for each run: there is no file that could be of other
candles.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime
from math import isnan

import numpy as np
from freqtrade.data.btanalysis import historic_precision
from freqtrade.exchange.exchange import TICK_SIZE
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting
from numpy.typing import NDArray
from pandas import DataFrame, Series

from perpkit.bot.acceleration.part import Part, Replacements, Seam

_stock_ticks = historic_precision.get_tick_size_over_time
_stock_precision = Backtesting.get_pair_precision
_DIGITS = 14
# Powers of ten that a float has exactly.
_POWERS = np.array([float(10**exponent) for exponent in range(23)])
_DECIMALS = re.compile(r"\.(\d*[1-9])")
_COLUMNS = ("open", "high", "low", "close")
# Name of an attribute of a Backtesting.
_STEPS = "_perpkit_ticks"


def decimals(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts the decimals of prices without zeros at the end; nan where there are none."""
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(prices))
        plain = (size > _DIGITS - 1 - len(_POWERS)) & (size < _DIGITS)
        shift = _DIGITS - 1 - np.where(plain, size, 0).astype(np.int64)
        whole = np.where(plain, prices, 0.0) * _POWERS[shift]
    digits = np.rint(whole)
    # The product is off by less than a fiftieth of its last digit.
    plain &= (whole >= 1e13) & (whole < 1e14) & (np.abs(np.abs(whole - digits) - 0.5) > 0.02)
    rest, count = digits.astype(np.int64), shift.copy()
    left = np.flatnonzero(plain)
    while len(left):
        left = left[(rest[left] % 10 == 0) & (count[left] > 0)]
        rest[left] //= 10
        count[left] -= 1
    found: NDArray[np.float64] = np.where(count > 0, count, np.nan)
    for place in np.flatnonzero(~plain):
        found[place] = _printed(prices[place])
    return found


def _printed(price: float) -> float:
    text = np.format_float_positional(
        price, precision=_DIGITS, unique=False, fractional=False, trim="-"
    )
    match = _DECIMALS.search(text)
    return len(match[1]) if match else np.nan


def tick_sizes(candles: DataFrame) -> Series:
    """As `get_tick_size_over_time`, which adds the same columns to the candles."""
    if candles.empty or any(candles[name].dtype != np.float64 for name in _COLUMNS):
        return _stock_ticks(candles)
    for name in _COLUMNS:
        count = decimals(candles[name].to_numpy())
        # Lengths are integers to pandas, unless one is missing.
        candles[f"{name}_count"] = count if np.isnan(count).any() else count.astype(np.int64)
    counts = candles[["open_count", "close_count", "high_count", "low_count"]]
    candles["max_count"] = counts.max(axis=1)
    monthly = candles.set_index("date", drop=True)["max_count"].resample("MS").max()
    return 1 / 10**monthly


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
    replacements.put(backtesting, "get_tick_size_over_time", tick_sizes)
    replacements.put(Backtesting, "get_pair_precision", pair_precision)


TICKS = Part(
    "tick sizes",
    [
        Seam("freqtrade.optimize.backtesting:get_tick_size_over_time", ("bafa889c0535",)),
        Seam("freqtrade.optimize.backtesting:Backtesting.get_pair_precision", ("0020359f8218",)),
    ],
    _install,
)
