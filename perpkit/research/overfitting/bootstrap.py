"""The stationary bootstrap: how sure a figure is, and whether the best of several beats nothing.

All of it is of the package `arch`:

- Blocks of random length keep what days have to do with each other: D. N. Politis and J. P. Romano,
  The Stationary Bootstrap, Journal of the American Statistical Association 89, 1994.
- Their mean length follows from the data: A. Patton, D. N. Politis and H. White, Correction to
  "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 28(4), 2009.
- The test of the best of several: P. R. Hansen, A Test for Superior Predictive Ability, Journal of
  Business and Economic Statistics 23(4), 2005.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perpkit.checks import check_range
from perpkit.research.overfitting.finite import finite
from perpkit.research.spread import spread_of

SAMPLES = 2_000
_MOST_SERIES = 50
# Of fewer periods `arch` finds no length of blocks.
_LEAST_PERIODS = 8
# One figure of a sample, or several.
Figure = Callable[[NDArray[np.float64]], float | NDArray[np.float64]]


class Interval(NamedTuple):
    low: float
    high: float


def arch_bootstrap() -> Any:
    """Returns the module `arch.bootstrap`.

    :raises ModuleNotFoundError: naming the extra, if it is not installed
    """
    try:
        from arch import bootstrap
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the bootstrap needs the package arch: pip install 'perpkit[research]'"
        ) from error
    return bootstrap


def block_length(returns: ArrayLike) -> float:
    """Returns the mean length of blocks that suits the series, in periods, at least 1.

    :param returns: shape (periods,), or (periods, series): the longest of them
    :raises ValueError: for none, and for values that are not finite
    """
    values = np.atleast_2d(finite(returns).T)
    if values.shape[1] < _LEAST_PERIODS:
        return 1.0
    # What never changes has no memory.
    moving = [each for each in values if spread_of(each)]
    if not moving:
        return 1.0
    found = arch_bootstrap().optimal_block_length(np.array(moving).T)["stationary"]
    return max(float(found.max()), 1.0)


def typical_block_length(returns: NDArray[np.float64]) -> float:
    """Returns the mean of the block lengths that suit the series, in periods.

    The longest of many is long by chance, and long blocks leave too few to draw from.

    :param returns: shape (periods, series); of more than `_MOST_SERIES`, some are asked
    """
    asked = returns[:, :: -(-returns.shape[1] // _MOST_SERIES)]
    return float(np.mean([block_length(column) for column in asked.T]))


def draws(periods: int, length: float, samples: int, *, seed: int) -> NDArray[np.float64]:
    """Returns the weight of each period in each sample, shape (samples, periods).

    The mean of a sample is its row times the returns.

    :param length: mean of the blocks' lengths, in periods
    """
    every = np.arange(periods)
    drawn = arch_bootstrap().StationaryBootstrap(length, every, seed=seed)
    counts = [np.bincount(data[0], minlength=periods) for data, _ in drawn.bootstrap(samples)]
    return np.array(counts, dtype=np.float64) / periods


def interval(
    returns: ArrayLike, figure: Figure, confidence: float = 0.95, *, seed: int
) -> Interval:
    """Returns the bootstrap interval of a figure, such as the mean or the Sharpe ratio.

    :param returns: shape (periods,), or (periods, series), of which whole periods are drawn
    :param confidence: of the interval between both quantiles
    :raises ValueError: for no period, and for values that are not finite
    """
    check_range("confidence", confidence, 0.5, 0.999)
    return between(samples(returns, figure, seed=seed), confidence)


def between(drawn: NDArray[np.float64], confidence: float) -> Interval:
    """:param drawn: one figure of each sample"""
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def samples(returns: ArrayLike, figure: Figure, *, seed: int) -> NDArray[np.float64]:
    """Returns the figures of `SAMPLES` bootstrap samples, a row of each where there are several.

    :raises ValueError: for no period, and for values that are not finite
    """
    values = finite(returns)
    drawn = arch_bootstrap().StationaryBootstrap(block_length(values), values, seed=seed)
    return np.array([figure(data[0]) for data, _ in drawn.bootstrap(SAMPLES)])


def superior(returns: ArrayLike, benchmark: ArrayLike | None = None, *, seed: int) -> float:
    """Returns the probability of so good a best trial if none beats the benchmark: Hansen's SPA.

    :param returns: shape (periods, trials); a trial that makes the same more or less than the
        benchmark in each period has no spread to be judged by, and is left out
    :param benchmark: shape (periods,), such as buy and hold; doing nothing if it is left out
    :raises ValueError: for fewer than 8 periods, and for values that are not finite
    """
    values = finite(returns, _LEAST_PERIODS)
    against = np.zeros(len(values)) if benchmark is None else finite(benchmark)
    if values.ndim != 2 or against.shape != values.shape[:1]:
        raise ValueError(
            f"returns and benchmark must have the same periods, got the shapes {values.shape} and "
            f"{against.shape}"
        )
    values = values[:, spread_of(values - against[:, None]) > 0]
    if not values.shape[1]:
        return 1.0
    # It compares losses.
    test = arch_bootstrap().SPA(
        -against,
        -values,
        block_size=round(block_length(values)),
        reps=SAMPLES,
        studentize=True,
        seed=seed,
    )
    test.compute()
    return float(test.pvalues["consistent"])
