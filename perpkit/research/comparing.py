"""Whether two runs differ by more than chance: their daily returns, resampled together.

Whole days are drawn, in blocks, for both runs at once: what the market did to both cancels out, and
what days have to do with each other stays. See `perpkit.research.overfitting.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAYS_A_YEAR
from perpkit.research.overfitting.bootstrap import Interval, between, samples
from perpkit.research.spread import annual_sharpe, spread_of

CONFIDENCE = 0.95
# With fewer days, an interval means little.
LEAST_DAYS = 30


class Verdict(StrEnum):
    SAME = "the same"  # on every day
    OPEN = "no difference shown"
    FIRST = "the first is better"
    SECOND = "the second is better"


@dataclass(frozen=True)
class Comparison:
    """
    :param verdict: by the Sharpe ratio
    :param days: that both runs have
    :param sharpe: of each run on these days, annual
    :param sharpe_difference: the first less the second, and its interval
    :param mean: of the daily returns of each run, times 365
    :param mean_difference: the same as for the Sharpe ratio
    :param correlation: of the daily returns; None if one of them never changes
    """

    verdict: Verdict
    days: int
    sharpe: tuple[float, float]
    sharpe_difference: Interval
    mean: tuple[float, float]
    mean_difference: Interval
    correlation: float | None


def compared(first: pd.Series, second: pd.Series, *, seed: int = 0) -> Comparison:
    """Compares two series of daily returns on the days that both have.

    :param first, second: from `daily_returns`
    :raises ValueError: for fewer than `LEAST_DAYS` common days
    """
    both = pd.concat([first, second], axis=1, join="inner").to_numpy(dtype=np.float64)
    if len(both) < LEAST_DAYS:
        raise ValueError(
            f"the runs must have {LEAST_DAYS} days in common, got {len(both)}: "
            f"{_span(first)} and {_span(second)}"
        )
    ratios, means = annual_sharpe(both), both.mean(axis=0) * DAYS_A_YEAR
    moving = spread_of(both).all()
    if (both[:, 0] == both[:, 1]).all():
        nothing = Interval(0.0, 0.0)
        verdict, of_ratio, of_mean = Verdict.SAME, nothing, nothing
    else:
        drawn = samples(both, _differences, seed=seed)
        of_ratio, of_mean = (between(column, CONFIDENCE) for column in drawn.T)
        verdict = _verdict(of_ratio)
    return Comparison(
        verdict=verdict,
        days=len(both),
        sharpe=(float(ratios[0]), float(ratios[1])),
        sharpe_difference=of_ratio,
        mean=(float(means[0]), float(means[1])),
        mean_difference=of_mean,
        correlation=float(np.corrcoef(both.T)[0, 1]) if moving else None,
    )


def sentence(names: Sequence[str], found: Comparison) -> str:
    """Returns the verdict in words."""
    first, second = names
    days = f"{found.days} days"
    match found.verdict:
        case Verdict.SAME:
            return f"No difference: {first} and {second} made the same on each of {days}."
        case Verdict.FIRST:
            return f"{first} is better than {second}, by more than chance explains in {days}."
        case Verdict.SECOND:
            return f"{second} is better than {first}, by more than chance explains in {days}."
    ratio = found.sharpe_difference
    least = (ratio.high - ratio.low) / 2
    return (
        f"No difference is shown in {days}: chance alone explains it. So few days show only "
        f"Sharpe ratios that differ by some {least:.1f} or more."
    )


def _verdict(difference: Interval) -> Verdict:
    if difference.low > 0:
        return Verdict.FIRST
    return Verdict.SECOND if difference.high < 0 else Verdict.OPEN


def _differences(both: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the first run's Sharpe ratio and mean less those of the second."""
    ratios, means = annual_sharpe(both), both.mean(axis=0) * DAYS_A_YEAR
    return np.array([ratios[0] - ratios[1], means[0] - means[1]])


def _span(days: pd.Series) -> str:
    if days.empty:
        return "no day"
    return f"{days.index[0]:%Y-%m-%d} to {days.index[-1]:%Y-%m-%d}"
