"""A volatility index on an hourly grid, of several markets or from an external series.

The index of a basket is the root of the weighted mean of its members' variances, not the volatility
of the basket's return. A basket has no measurable range, because its members do not peak in the
same minute, and only estimators that use the range make a breaker quick; besides, a mean variance
does not fall when members diverge. The two differ by the average correlation (Pollet and Wilson
2010, "Average correlation and stock market returns"), which approaches one in a crash. Measured
with squared hourly returns, the mean variance was the better breaker:
docs/evidence/crypto_vix.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd

from perpkit.durations import HOUR, HOUR_S
from perpkit.market.times import dates_every
from perpkit.market.volatility import Estimator, Floats, HourlyCandles, time_of, vol_annual

QUORUM = 0.5


@dataclass(frozen=True)
class HourlyIndex:
    """Annualised volatility on a gapless hourly grid, as a fraction; NaN where unknown.

    :param first_hour: hour of row 0, as `hour_of` counts; a row is known when its hour is over
    """

    first_hour: int
    vol_annual: Floats

    @property
    def open_times(self) -> pd.DatetimeIndex:
        return dates_every(time_of(self.first_hour), HOUR, len(self.vol_annual))

    @classmethod
    def from_series(cls, vol_annual: pd.Series) -> HourlyIndex:
        """Builds an index from a series by open time (UTC, ascending); gaps become NaN."""
        if vol_annual.empty:
            return cls(0, np.empty(0))
        hourly = vol_annual.resample("h").last()
        first = int(hourly.index[0].timestamp() // HOUR_S)
        return cls(first, hourly.to_numpy(dtype=np.float64))


def check_weights(weights: Mapping[str, float]) -> None:
    """Checks the weights of a basket.

    :raises ValueError: unless there are members, each with a finite weight above 0

    >>> check_weights({"BTC/USDT:USDT": -1})
    Traceback (most recent call last):
    ValueError: basket weight of BTC/USDT:USDT must be a number above 0, got -1
    """
    if not weights:
        raise ValueError("basket must have at least one pair, got none")
    for pair, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (number and isfinite(weight) and weight > 0):
            raise ValueError(f"basket weight of {pair} must be a number above 0, got {weight!r}")


def basket_index(
    candles: Mapping[str, pd.DataFrame],
    weights: Mapping[str, float],
    estimator: Estimator,
    half_life_hours: float,
) -> HourlyIndex:
    """Returns the root of the members' weighted mean variance.

    An hour in which half of the weight or more is unknown is itself unknown; otherwise the known
    members represent the others. The grid ends with the last known hour.

    :param candles: 1h candles of every pair in `weights`, see `HourlyCandles.from_frame`
    :param weights: above 0; only their proportions matter
    :raises ValueError: for candles that are not hourly, or bad weights
    """
    check_weights(weights)
    variances = {}
    for pair in weights:
        grid = HourlyCandles.from_frame(candles[pair])
        vol = vol_annual(grid, estimator, half_life_hours)
        variances[pair] = pd.Series(vol**2, grid.open_times)
    table = pd.DataFrame(variances)
    share = pd.Series(weights) / sum(weights.values())
    known_share = table.notna().mul(share).sum(axis=1)
    mean = table.mul(share).sum(axis=1) / known_share.where(known_share > QUORUM)
    return HourlyIndex.from_series((mean**0.5).loc[: mean.last_valid_index()])
