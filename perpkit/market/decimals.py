"""How many decimals prices have, counted in arrays.

Freqtrade prints every price with 14 digits, and looks for the last one that is not zero. Here the
digits are an integer, and its zeros are counted. The few prices whose last digit could be rounded
either way are printed.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

_DIGITS = 14
# Powers of ten that a float has exactly.
_POWERS = np.array([float(10**exponent) for exponent in range(23)])
_DECIMALS = re.compile(r"\.(\d*[1-9])")
_COLUMNS = ("open", "high", "low", "close")


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


def tick_sizes(candles: DataFrame) -> Series | None:
    """As Freqtrade's `get_tick_size_over_time`: the tick size of each month, and the counts as
    columns of the candles; None, and nothing added, where there are no prices as floats.

    :param candles: with the columns date, open, high, low and close
    """
    if candles.empty or any(candles[name].dtype != np.float64 for name in _COLUMNS):
        return None
    for name in _COLUMNS:
        count = decimals(candles[name].to_numpy())
        # Lengths are integers to pandas, unless one is missing.
        candles[f"{name}_count"] = count if np.isnan(count).any() else count.astype(np.int64)
    counts = candles[["open_count", "close_count", "high_count", "low_count"]]
    candles["max_count"] = counts.max(axis=1)
    monthly = candles.set_index("date", drop=True)["max_count"].resample("MS").max()
    return 1 / 10**monthly
