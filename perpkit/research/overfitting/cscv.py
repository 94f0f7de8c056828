"""The probability of backtest overfitting, by combinatorially symmetric cross-validation.

D. H. Bailey, J. M. Borwein, M. López de Prado and Q. J. Zhu, The Probability of Backtest
Overfitting, Journal of Computational Finance 20(4), 2016.

The periods are cut into an even number of blocks. Each half of the blocks chooses the best trial
once, and the other half says what it was worth. If choosing means something, the chosen one is
above the median there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from perpkit.checks import check_range
from perpkit.research.overfitting.finite import finite
from perpkit.research.spread import LEAST_SPREAD

BLOCKS = 16
# More trials than this are cut into fewer blocks, so that memory stays bounded.
_MANY_TRIALS, _FEWER_BLOCKS = 400, 10
# Of the variance of a trial: what is below is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Overfitting:
    """
    :param probability: how often the trial chosen by one half was at or below the median of the
        other half: the PBO
    :param loss: how often it lost money in the other half
    :param degradation: slope of its Sharpe ratio in the other half over that in the half that chose
        it: below 0 if the better it looked, the worse it was
    :param choices: number of halves
    """

    probability: float
    loss: float
    degradation: float
    choices: int


def overfitting(returns: ArrayLike, blocks: int | None = None) -> Overfitting:
    """Measures how often the best of several trials was the best by luck.

    :param returns: shape (periods, trials): what each trial made in the same periods; equal ones
        count once
    :param blocks: an even number; periods left over at the start are not used. By default `BLOCKS`,
        and fewer of more than 400 trials
    :raises ValueError: if there is no choice, too few periods, or a trial whose returns are
        constant in a half and not zero
    """
    values = finite(returns)
    if blocks is None:
        many = values.ndim == 2 and values.shape[1] > _MANY_TRIALS
        blocks = _FEWER_BLOCKS if many else BLOCKS
    check_range("blocks", blocks, 2, 20)
    if blocks % 2:
        raise ValueError(f"blocks must be an even number, got {blocks}")
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"returns must have at least two trials, got the shape {values.shape}")
    if len(values) < 2 * blocks:
        raise ValueError(f"returns must have {2 * blocks} periods or more, got {len(values)}")
    # A parameter that changes nothing makes no further trial.
    values = np.unique(values, axis=1)
    if values.shape[1] == 1:
        raise ValueError("returns must differ between trials, but all are the same")
    inside, outside = _sharpes(values, blocks)
    halves = np.arange(len(inside))
    chosen = inside.argmax(axis=1)
    found, expected = outside[halves, chosen], inside[halves, chosen]
    rank = rankdata(outside, axis=1)[halves, chosen] / (values.shape[1] + 1)
    spread = float(expected.var())
    varies = spread > LEAST_SPREAD**2
    slope = float(np.cov(expected, found, ddof=0)[0, 1] / spread) if varies else 0.0
    return Overfitting(
        probability=float((rank <= 0.5).mean()),
        loss=float((found < 0).mean()),
        degradation=slope,
        choices=len(inside),
    )


def _sharpes(
    values: NDArray[np.float64], blocks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the Sharpe ratios, shape (halves, trials), in each half and in its complement."""
    length = len(values) // blocks
    cut = values[len(values) - length * blocks :].reshape(blocks, length, -1)
    # Each trial around its own mean, so that the squares below lose no digits.
    centre = cut.mean(axis=(0, 1))
    sums, squares = (cut - centre).sum(axis=1), ((cut - centre) ** 2).sum(axis=1)
    choices = list(combinations(range(blocks), blocks // 2))
    member = np.zeros((len(choices), blocks))
    member[np.arange(len(choices))[:, None], choices] = 1.0
    count = length * blocks // 2
    whole = squares.sum(axis=0) / (length * blocks)
    least = np.maximum(_ROUNDING * whole, LEAST_SPREAD**2)

    def sharpes(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = weights @ sums / count
        variance = (weights @ squares / count - mean**2) * count / (count - 1)
        constant = variance <= least
        # A trial without a trade in a half has made nothing there.
        nothing = constant & ((mean + centre) ** 2 <= least)
        if (constant & ~nothing).any():
            raise ValueError("returns must not be constant for half of the periods")
        ratios: NDArray[np.float64] = (mean + centre) / np.sqrt(np.where(nothing, 1.0, variance))
        return np.where(nothing, 0.0, ratios)

    return sharpes(member), sharpes(1 - member)
