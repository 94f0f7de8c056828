"""How probable so good a best trial is where no trial has an edge: drawn, not estimated by formula.

The question is that of the deflated Sharpe ratio. Its formula takes returns as independent from day
to day and the trials as alike as their mean correlation; where either fails, it says 95% too often
or too rarely (docs/evidence/proof.md has the rates). Here the days are resampled in blocks, for all
trials at once, around means of zero:

- The statistic is the largest t value of all trials, as in P. R. Hansen, A Test for Superior
  Predictive Ability, Journal of Business and Economic Statistics 23(4), 2005, whose threshold for
  trials that are too bad to be the best is used as well.
- Each sample is divided by its own spread, as in P. Hall, The Bootstrap and Edgeworth Expansion,
  1992, so that a strategy of small gains and rare large losses is not called good because the
  losses have not come yet. The package `arch` divides by one spread for all samples.

What days have to do with each other is in the samples. A standard error of each trial that counted
it would be noise: of many trials, the best would be one whose error came out small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from perpkit.research.overfitting.bootstrap import draws, typical_block_length

# Samples at a time; how many of them have to be as good as the best trial before no more are drawn,
# and how many are drawn at most.
_SAMPLES = 1_000
_BEYOND = 5
_MOST_SAMPLES = 50_000
# None has less luck than this.
LEAST_LUCK = 1 / (1 + _MOST_SAMPLES)
# Trials at a time, so that memory does not grow with their number.
_AT_A_TIME = 256


@dataclass(frozen=True)
class BestTrial:
    """
    :param column: of the trial with the largest t value
    :param t: its mean over its standard error, as if days had nothing to do with each other
    :param luck: the probability of so large a value if no trial has an edge
    """

    column: int
    t: float
    luck: float


def best_trial(returns: NDArray[np.float64], *, seed: int, limit: float = 0.05) -> BestTrial:
    """Returns the best of several trials, and how probable it is without any edge.

    :param returns: shape (periods, trials), as fractions; none of the trials constant
    :param limit: of luck; a smaller one needs more samples, which are drawn only while few of them
        are as good (J. Besag and P. Clifford, Sequential Monte Carlo p-values, Biometrika 78(2),
        1991), and 50,000 at most
    """
    block = typical_block_length(returns)
    most = min(max(_SAMPLES, ceil(4 / limit)), _MOST_SAMPLES)
    beyond = samples = 0
    while samples < most and beyond < _BEYOND:
        drawn = draws(len(returns), block, _SAMPLES, seed=seed + samples)
        values, highest = _highest(returns, drawn)
        beyond += int((highest >= values.max()).sum())
        samples += _SAMPLES
    column = int(values.argmax())
    return BestTrial(column, float(values[column]), (1 + beyond) / (1 + samples))


def _highest(
    returns: NDArray[np.float64], drawn: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the t value of each trial, and the largest one of all trials in each sample."""
    highest = np.full(len(drawn), -np.inf)
    values = []
    for first in range(0, returns.shape[1], _AT_A_TIME):
        t, of_samples = _t_values(returns[:, first : first + _AT_A_TIME], drawn)
        values.append(t)
        np.maximum(highest, of_samples.max(axis=1), out=highest)
    return np.concatenate(values), highest


def _t_values(
    returns: NDArray[np.float64], drawn: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the t value of each trial, and those of its samples around a mean of zero."""
    spread = returns.std(axis=0)
    ratio = returns.mean(axis=0) / spread
    scaled = returns / spread - ratio
    means = drawn @ scaled
    variances = np.maximum(drawn @ scaled**2 - means**2, 0.0)
    # A trial that is this bad is known not to be the best, so it stays where it is.
    hopeless = ratio < -sqrt(2 * log(log(max(len(returns), 16)))) * means.std(axis=0)
    means += np.where(hopeless, ratio, 0.0)
    # A sample without a loss has no spread: it is better, or worse, than anything.
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = means / np.sqrt(variances) * sqrt(len(returns))
    return ratio * sqrt(len(returns)), np.nan_to_num(samples, posinf=np.inf, neginf=-np.inf)
