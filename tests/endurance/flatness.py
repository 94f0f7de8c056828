"""Whether a figure grows over a run, by the slope of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

# Fewer samples say nothing.
FEWEST = 6
# The first samples are of caches that fill.
SETTLING = 1 / 4
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Slope:
    """What a figure gains a day.

    :param low: with a confidence of 95%, it gains at least this
    :param allowed: of gain a day
    """

    a_day: float
    low: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.low <= self.allowed


def settled(values: Sequence[float]) -> Sequence[float]:
    """Without the first quarter."""
    return values[int(len(values) * SETTLING) :]


def slope(days: Sequence[float], values: Sequence[float], allowed: float) -> Slope | None:
    """The median of the slopes between all pairs of samples (Theil and Sen).

    :param days: when the samples were taken, ascending
    :return: None where there are too few samples
    """
    days, values = settled(days), settled(values)
    if len(values) < FEWEST:
        return None
    middle, _, low, _ = stats.theilslopes(values, days, _CONFIDENCE)
    return Slope(float(middle), float(low), allowed)


def gained(days: Sequence[float], values: Sequence[float]) -> list[float]:
    """What was added a day, between each sample and the one before."""
    added: list[float] = (np.diff(values) / np.diff(days)).tolist()
    return added
