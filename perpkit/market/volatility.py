"""Annualised volatility from hourly candles.

Each estimator is the square root of an average variance per hour times the hours in a year:
`vol_annual` 0.6 means 60% a year. Range-based variances (Parkinson, Garman-Klass, Yang-Zhang) use
the path of the price within the hour and so need a fifth to a seventh of the candles that squared
returns need for the same precision, which is what makes a half-life of a few hours usable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from math import ceil, log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.checks import one_of
from perpkit.durations import HOUR, HOUR_S, HOURS_A_YEAR
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_every

HOUR_NS = HOUR_S * 10**9
CLASSIC_HOURS = 100
SLOW_HALF_LIFE_HOURS = 14 * 24.0
HAR_WEIGHTS = {24: 0.1, 7 * 24: 0.3, 30 * 24: 0.6}  # hours: weight

Floats = NDArray[np.float64]


class Estimator(StrEnum):
    """How volatility is measured. The half-life applies to the estimators marked with *."""

    CLASSIC = "classic"  # standard deviation of the last 100 hourly log returns
    EWMA = "ewma"  # * squared log returns
    PARKINSON = "parkinson"  # * high-low range; the default
    GARMAN_KLASS = "garman_klass"  # * high-low range and open-close move
    YANG_ZHANG = "yang_zhang"  # * adds the gap from the last close, allows for drift
    SLOW = "slow"  # Parkinson with a half-life of 14 days; closest to implied volatility
    HAR = "har"  # Parkinson over a day, a week and a month, blended (Corsi 2009)


def hour_of(moment: datetime) -> int:
    """Returns the whole hours since 1970-01-01 00:00 UTC.

    :raises ValueError: for a naive time, which would be read in the machine's own zone

    >>> hour_of(datetime(1970, 1, 2, 1, 30, tzinfo=UTC))
    25
    """
    if moment.tzinfo is None:
        raise ValueError(f"time must carry its time zone, got {moment.isoformat()}")
    return int(moment.timestamp() // HOUR_S)


def time_of(hour: int) -> datetime:
    """Returns the time at which an hour begins, as `hour_of` counts hours.

    >>> time_of(25).isoformat()
    '1970-01-02T01:00:00+00:00'
    """
    return datetime.fromtimestamp(hour * HOUR_S, UTC)


@dataclass(frozen=True)
class HourlyCandles:
    """Prices on a gapless hourly grid; an hour without a usable candle has NaN in all four prices.

    :param first_hour: open time of row 0, as `hour_of` counts
    """

    first_hour: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    @classmethod
    def from_frame(cls, candles: pd.DataFrame) -> HourlyCandles:
        """Builds the grid from Freqtrade's `date` (open time), `open`, `high`, `low`, `close`.

        Prices that are missing, zero or contradictory are not usable, and neither are hours without
        a range: in a market worth measuring such an hour is a filled gap, not calm.

        :param candles: in any order
        :raises ValueError: if the candles are not hourly
        """
        hours, off_grid = np.divmod(nanoseconds(candles["date"]), HOUR_NS)
        steps = np.diff(np.unique(hours))
        if off_grid.any() or (len(steps) > 1 and np.median(steps) != 1):
            raise ValueError("candles must be hourly (timeframe 1h)")
        prices = candles[["open", "high", "low", "close"]].to_numpy(dtype=np.float64)
        o, h, low, c = prices.T
        with np.errstate(invalid="ignore"):
            usable = (low > 0) & (h > low) & (h < np.inf)
            usable &= (np.minimum(o, c) >= low) & (np.maximum(o, c) <= h)
        first = int(hours.min()) if len(hours) else 0
        grid = np.full((int(hours.max()) - first + 1 if len(hours) else 0, 4), np.nan)
        grid[hours[usable] - first] = prices[usable]
        return cls(first, *(np.ascontiguousarray(column) for column in grid.T))

    def __len__(self) -> int:
        return len(self.close)

    @property
    def open_times(self) -> pd.DatetimeIndex:
        return dates_every(time_of(self.first_hour), HOUR, len(self))

    @cached_property
    def log_return(self) -> Floats:
        """The log return from close to close; NaN where either hour is missing."""
        return np.diff(np.log(self.close), prepend=np.nan)

    @cached_property
    def parkinson(self) -> Floats:
        """The variance per hour from the range; 4 ln 2 is E[range^2] / variance of Brownian motion.

        Parkinson (1980), "The Extreme Value Method for Estimating the Variance of the Rate of
        Return".
        """
        return np.log(self.high / self.low) ** 2 / (4 * log(2))

    @cached_property
    def garman_klass(self) -> Floats:
        """The variance per hour: the range less the part that the open-close move explains.

        Garman and Klass (1980), the practical form without cross terms.
        """
        body = np.log(self.close / self.open)
        return 0.5 * np.log(self.high / self.low) ** 2 - (2 * log(2) - 1) * body**2

    def yang_zhang(self, half_life_hours: float) -> Floats:
        """Returns the variance per hour: gap + k body + (1 - k) Rogers-Satchell.

        Yang and Zhang (2000). Their k minimises the variance for n candles; here n is the
        effective number of candles under the exponential weights. Means are taken as zero,
        because within an hour the drift is negligible against the noise.
        """
        decay = 0.5 ** (1 / half_life_hours)
        n = (1 + decay) / (1 - decay)
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        up, down, body = (np.log(x / self.open) for x in (self.high, self.low, self.close))
        variance: Floats = k * body**2 + (1 - k) * (up * (up - body) + down * (down - body))
        variance[1:] += np.log(self.open[1:] / self.close[:-1]) ** 2
        variance[:1] = np.nan
        return variance


def vol_annual(candles: HourlyCandles, estimator: Estimator, half_life_hours: float) -> Floats:
    """Returns the annualised volatility as a fraction, one value per hour, known at its close.

    It is NaN where the hour is missing, and while there are too few candles (a quarter of a window
    may be missing; an exponential average starts after its half-life, at least a day).

    :raises ValueError: for an estimator that does not exist
    """
    match one_of("estimator", estimator, Estimator):
        case Estimator.CLASSIC:
            returns = pd.Series(candles.log_return)
            variance = returns.rolling(CLASSIC_HOURS, CLASSIC_HOURS * 3 // 4).var().to_numpy()
        case Estimator.EWMA:
            variance = _fading_mean(candles.log_return**2, half_life_hours)
        case Estimator.PARKINSON:
            variance = _fading_mean(candles.parkinson, half_life_hours)
        case Estimator.GARMAN_KLASS:
            variance = _fading_mean(candles.garman_klass, half_life_hours)
        case Estimator.YANG_ZHANG:
            variance = _fading_mean(candles.yang_zhang(half_life_hours), half_life_hours)
        case Estimator.SLOW:
            variance = _fading_mean(candles.parkinson, SLOW_HALF_LIFE_HOURS)
        case Estimator.HAR:
            hourly = pd.Series(candles.parkinson)
            variance = np.zeros(len(candles))
            for hours, weight in HAR_WEIGHTS.items():
                variance += weight * hourly.rolling(hours, hours * 3 // 4).mean().to_numpy()
    # Rolling sums may end slightly below zero; averages continue through a missing hour.
    known = ~np.isnan(candles.close)
    return np.where(known, np.sqrt(np.maximum(variance, 0.0) * HOURS_A_YEAR), np.nan)


def memory_hours(estimator: Estimator, half_life_hours: float) -> int:
    """Returns the hours of candles that one value depends on; of an exponential average, ten
    half-lives, beyond which 0.1% of the weight is left.

    >>> memory_hours(Estimator.PARKINSON, half_life_hours=24)
    240
    """
    match one_of("estimator", estimator, Estimator):
        case Estimator.CLASSIC:
            return CLASSIC_HOURS
        case Estimator.HAR:
            return max(HAR_WEIGHTS)
        case Estimator.SLOW:
            return ceil(10 * SLOW_HALF_LIFE_HOURS)
        case _:
            return max(24, ceil(10 * half_life_hours))


def _fading_mean(values: Floats, half_life_hours: float) -> Floats:
    """Returns the exponentially weighted mean; the weights also decay over a missing hour."""
    start = max(24, ceil(half_life_hours))
    averages = pd.Series(values).ewm(halflife=half_life_hours, min_periods=start).mean()
    return averages.to_numpy(dtype=np.float64)
