"""Sharpe ratios in the light of their length, their shape and the number of trials.

All ratios are per period of the returns, not annual: a daily one of 0.1 is 1.9 a year at 365 days.

- Probabilistic Sharpe ratio and minimum track record length: D. H. Bailey and M. López de Prado,
  The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2), 2012.
- Deflated Sharpe ratio: the same, The Deflated Sharpe Ratio, Journal of Portfolio Management
  40(5), 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kurtosis, norm, skew

from perpkit.checks import check_range
from perpkit.research.overfitting.finite import finite
from perpkit.research.spread import spread_of

# Of a Sharpe ratio that is asked for, per period.
_MOST = 1e6


@dataclass(frozen=True)
class Moments:
    """What the tests need to know of a series of returns.

    :param sharpe: mean over standard deviation, per period
    :param skewness: 0 for a normal distribution
    :param kurtosis: 3 for a normal distribution
    :param length: number of returns
    """

    sharpe: float
    skewness: float
    kurtosis: float
    length: int

    @property
    def error(self) -> float:
        """The standard error of the Sharpe ratio, which fat tails and losses of one side widen."""
        return sqrt(self._variance / (self.length - 1))

    @property
    def _variance(self) -> float:
        """Of the estimate, for one period."""
        return 1 - self.skewness * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def moments(returns: ArrayLike) -> Moments:
    """Measures a series of returns.

    :param returns: shape (periods,), as fractions
    :raises ValueError: for fewer than three, constant ones, or values that are not finite
    """
    values = finite(returns, 3)
    if values.ndim != 1:
        raise ValueError(f"returns must be one series, got the shape {values.shape}")
    spread = float(spread_of(values))
    if not spread:
        raise ValueError("returns must not be constant: they have no Sharpe ratio")
    return Moments(
        float(values.mean()) / spread,
        float(skew(values)),
        float(kurtosis(values, fisher=False)),
        len(values),
    )


def probabilistic_sharpe(measured: Moments, benchmark: float = 0.0) -> float:
    """Returns the probability that the true Sharpe ratio is above `benchmark`.

    :param benchmark: a Sharpe ratio per period
    """
    check_range("benchmark", benchmark, -_MOST, _MOST)
    return float(norm.cdf((measured.sharpe - benchmark) / measured.error))


def expected_best(trials: float, variance: float) -> float:
    """Returns the best Sharpe ratio that so many trials without any edge are expected to have.

    :param trials: number of independent trials, at least 1; fractions are allowed
    :param variance: of the Sharpe ratios across the trials, per period
    """
    check_range("trials", trials, 1, 1e12)
    check_range("variance", variance, 0, 1e6)
    if trials < 2:
        return (trials - 1) * expected_best(2, variance)  # the formula has no meaning for these
    euler = float(np.euler_gamma)
    most, beyond = norm.ppf(1 - 1 / trials), norm.ppf(1 - 1 / (trials * e))
    return sqrt(variance) * float((1 - euler) * most + euler * beyond)


def deflated_sharpe(measured: Moments, trials: float, variance: float) -> float:
    """Returns the probability that a Sharpe ratio, the best of `trials`, is more than luck.

    :param variance: of the Sharpe ratios across the trials, per period
    """
    return probabilistic_sharpe(measured, expected_best(trials, variance))


def shortest_record(measured: Moments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Returns how many periods are needed until the Sharpe ratio is above `benchmark`, with this
    confidence; infinite if it is not above it now.

    The record is long enough if this is at most its length.
    """
    check_range("benchmark", benchmark, -_MOST, _MOST)
    check_range("confidence", confidence, 0.5, 0.999999)
    above = measured.sharpe - benchmark
    if above <= 0:
        return inf
    return 1 + measured._variance * (float(norm.ppf(confidence)) / above) ** 2


def independent_trials(returns: ArrayLike) -> float:
    """Returns how many independent trials the columns amount to: between one and their number.

    Trials that vary one strategy are alike, and count as fewer: with the mean correlation r of N
    columns, 1 + (N - 1) (1 - r), as between one trial at r = 1 and N at r = 0 (the rule of thumb of
    the appendix of Bailey and López de Prado, 2014). Negative correlation counts as none.

    :param returns: shape (periods, trials)
    """
    values = finite(returns, 2)
    if values.ndim != 2:
        raise ValueError(f"returns must have a column for each trial, got the shape {values.shape}")
    trials = values.shape[1]
    if trials == 1:
        return 1.0
    if not spread_of(values).all():
        raise ValueError("returns must not be constant in any trial")
    together = np.corrcoef(values, rowvar=False)
    mean = float((together.sum() - trials) / (trials * (trials - 1)))
    return 1 + (trials - 1) * (1 - min(max(mean, 0.0), 1.0))
