"""The gate: whether daily returns show more than the luck of the best of several tries.

A page names every limit and its reason, with how often the gate errs: docs/proof.md and
docs/evidence/proof.md. The gate passes if every criterion is met:

- **luck**: so good a best trial is at most `MOST_LUCK` probable without any edge, by resampling.
- **loss**: by cross-validation, the trial that one half of the days chooses loses money in the
  other half at most `MOST_LOSS` of the times. It applies to several trials.
- **days** and **active days**: there are enough of them for the two above to mean what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from perpkit.checks import check_range
from perpkit.research.overfitting.cscv import Overfitting, overfitting
from perpkit.research.overfitting.finite import finite
from perpkit.research.overfitting.luck import LEAST_LUCK, BestTrial, best_trial
from perpkit.research.overfitting.sharpe import (
    Moments,
    deflated_sharpe,
    independent_trials,
    moments,
    probabilistic_sharpe,
)
from perpkit.research.spread import spread_of

MOST_LUCK = 0.05
MOST_LOSS = 0.5
LEAST_DAYS = 120
# Days on which the best trial made or lost something.
LEAST_ACTIVE = 30


@dataclass(frozen=True)
class Criterion:
    """
    :param value: None where it does not apply; then it is met
    :param limit: the value may be at most this, or with `at_least` at least this
    """

    name: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        if self.value is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Gate:
    """
    :param trials: columns that were judged; those that never moved on enough days are left out
    :param left_out: number of these
    :param constant: how many of all trials made the same on every day
    :param ideas: tried on the same days elsewhere, this one included
    :param best: column with the best trial; None if there was none to judge
    :param luck: as the criterion, for all `ideas`
    :param alone: luck if this had been the only idea
    :param sharpe: of the best trial, per day
    :param probabilistic: probability that its true Sharpe ratio is above 0, by the formula
    :param deflated: the deflated Sharpe ratio, by the formula; for comparison, no criterion
    :param crossed: cross-validation of the trials, with the PBO; None where it cannot be done
    :param needed_days: how many days of the same figures would bring luck to its limit; of several
        trials, which do not stay as they are to each other, a rule of thumb; infinite if none would
    """

    criteria: tuple[Criterion, ...]
    trials: int
    left_out: int
    ideas: float
    constant: int = 0
    best: int | None = None
    luck: float = 1.0
    alone: float = 1.0
    sharpe: float | None = None
    probabilistic: float | None = None
    deflated: float | None = None
    crossed: Overfitting | None = None
    needed_days: float = inf

    @property
    def passes(self) -> bool:
        return all(criterion.is_met for criterion in self.criteria)

    @property
    def failed(self) -> tuple[Criterion, ...]:
        return tuple(criterion for criterion in self.criteria if not criterion.is_met)


def gate(returns: ArrayLike, *, ideas: float = 1, seed: int = 0) -> Gate:
    """Judges trials by their returns on the same days.

    Give it all trials, the bad ones too: the best of those that are left after a choice looks
    better than it is. One series is judged as one trial, such as the out-of-sample days of a
    walk-forward, whose parameters were chosen before those days.

    :param returns: of each day as fractions, shape (days,) or (days, trials)
    :param ideas: how many ideas were tried on these days, of which this is one or the best
    :param seed: of the resampling
    :raises ValueError: for another shape, and for values that are not finite
    """
    check_range("ideas", ideas, 1, 1e9)
    values = finite(returns)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(
            f"returns must have days, or days and trials, got the shape {values.shape}"
        )
    moves = spread_of(values) > 0
    constant = int((~moves).sum())
    kept = np.flatnonzero(moves & ((values != 0).sum(axis=0) >= LEAST_ACTIVE))
    active = int((values != 0).sum(axis=0).max())
    if not len(kept) or len(values) < LEAST_DAYS:
        criteria = _criteria(1.0, None, len(values), active)
        return Gate(criteria, 0, values.shape[1], ideas, constant)
    judged = values[:, kept]
    best = best_trial(judged, seed=seed, limit=_limit_of_one(ideas))
    luck = _of_all(best.luck, ideas)
    measured = moments(judged[:, best.column])
    crossed = _crossed(judged)
    active = int((judged[:, best.column] != 0).sum())
    return Gate(
        criteria=_criteria(luck, crossed, len(values), active),
        trials=len(kept),
        left_out=values.shape[1] - len(kept),
        ideas=ideas,
        constant=constant,
        best=int(kept[best.column]),
        luck=luck,
        alone=best.luck,
        sharpe=measured.sharpe,
        probabilistic=probabilistic_sharpe(measured),
        deflated=_deflated(judged, measured, ideas),
        crossed=crossed,
        needed_days=_needed_days(len(values), best, ideas),
    )


def _criteria(
    luck: float, crossed: Overfitting | None, days: int, active: int
) -> tuple[Criterion, ...]:
    return (
        Criterion("luck", luck, MOST_LUCK),
        Criterion("loss", None if crossed is None else crossed.loss, MOST_LOSS),
        Criterion("days", days, LEAST_DAYS, at_least=True),
        Criterion("active days", active, LEAST_ACTIVE, at_least=True),
    )


def _of_all(luck: float, ideas: float) -> float:
    """Returns the probability that one of so many independent ideas has this luck or more."""
    return float(-np.expm1(ideas * np.log1p(-luck))) if luck < 1 else 1.0


def _limit_of_one(ideas: float) -> float:
    """Returns the luck that each of so many ideas has to reach; the inverse of `_of_all`."""
    return float(-np.expm1(np.log1p(-MOST_LUCK) / ideas))


def _crossed(values: NDArray[np.float64]) -> Overfitting | None:
    if values.shape[1] < 2:
        return None
    try:
        return overfitting(values)
    except ValueError:  # all the same, or without a spread in half of the days
        return None


def _deflated(values: NDArray[np.float64], best: Moments, ideas: float) -> float:
    """Returns the deflated ratio; of ideas whose returns are not here, ratios vary as by chance."""
    ratios = values.mean(axis=0) / values.std(axis=0, ddof=1)
    trials = independent_trials(values) * ideas
    by_chance = 1 / (len(values) - 1)
    variance = float(ratios.var()) if len(ratios) > 1 else 0.0
    return deflated_sharpe(best, trials, max(variance, by_chance) if ideas > 1 else variance)


def _needed_days(days: int, best: BestTrial, ideas: float) -> float:
    """Returns how many days of the same figures bring luck to its limit.

    The t value grows with the square root of the days. It has to reach what one idea alone needs
    so that the best of all of them stays within the limit.
    """
    limit = _limit_of_one(ideas)
    if best.t <= 0 or best.luck >= 0.5 or limit < LEAST_LUCK:
        return inf
    return float(days * (norm.isf(limit) / norm.isf(best.luck)) ** 2)
