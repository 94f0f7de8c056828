"""What the returns of a backtest predict for so many days: a band, by the block bootstrap.

Blocks of daily returns, marked to market, are drawn and compounded. So what days have to do with
each other, such as a losing streak, is in the band.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpkit.research.overfitting.bootstrap import between, samples


class Band(NamedTuple):
    """Of the return after so many days, as fractions."""

    days: int
    low: float
    high: float

    def holds(self, made: float) -> bool:
        return self.low <= made <= self.high


def bands(
    daily: NDArray[np.float64], horizons: Sequence[int], confidence: float, *, seed: int
) -> list[Band]:
    """Returns the band after each number of days.

    :param daily: returns of the backtest, as fractions
    :param horizons: at least 1, and at most as many as there are days
    :raises ValueError: for a horizon beyond that
    """
    if not horizons or min(horizons) < 1 or max(horizons) > len(daily):
        raise ValueError(
            f"a band must be of 1 to {len(daily)} days, which is the length of the backtest, got "
            f"{', '.join(map(str, horizons)) or 'none'}"
        )
    ends = np.array(horizons) - 1

    def returns(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        # The first days of a sample are a sample of so many days.
        made: NDArray[np.float64] = np.cumprod(1 + drawn)[ends] - 1
        return made

    drawn = samples(daily, returns, seed=seed)
    found = (between(column, confidence) for column in drawn.T)
    return [Band(days, *ends) for days, ends in zip(horizons, found, strict=True)]
