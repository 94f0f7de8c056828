"""The spread of daily returns, and the Sharpe ratio: where only rounding moves, there is none.

Returns are fractions, computed from growth of about 1. Where each day makes the same, what rounding
leaves is about 1e-16, for any return; a ratio to it is about 1e14 and says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpkit.durations import DAYS_A_YEAR

# What moves by less than this, as a fraction of the account, does not move.
LEAST_SPREAD = 1e-12


def spread_of(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the standard deviation of each trial; 0 for what is constant but for rounding, and
    for less than two periods.

    :param returns: shape (periods,) or (periods, trials), as fractions
    """
    if len(returns) < 2:
        return np.zeros(returns.shape[1:])
    spread = returns.std(axis=0, ddof=1)
    return np.where(spread > LEAST_SPREAD, spread, 0.0)


def annual_sharpe(returns: NDArray[np.float64]) -> Any:
    """Returns the Sharpe ratio of each trial, 365 days a year; 0 for what never moves.

    :param returns: daily ones, shape (days,) or (days, trials)
    """
    spread = spread_of(returns)
    ratios = returns.mean(axis=0) / np.where(spread, spread, 1.0)
    return np.where(spread, ratios, 0.0) * np.sqrt(DAYS_A_YEAR)
