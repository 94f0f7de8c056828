"""Calibration: whether a probability of 0.6 comes true in six of ten cases, and how to make it so.

A model's scores rank well before they are probabilities. They are mapped to frequencies on rows
that the model has not seen, later ones than its own, and measured on rows that neither has seen,
later still (`perpkit.learning.classifier`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# The error above which a score does not change the size of an entry.
USABLE_BELOW = 0.05
BINS = 10
_EDGE = 1e-6


class Curve(NamedTuple):
    """A calibration curve: bins of equally many cases, in order of their probability.

    :param predicted: mean probability
    :param came_true: the share that came true
    :param cases: how many
    """

    predicted: Floats
    came_true: Floats
    cases: NDArray[np.int64]


def calibration_curve(probability: Floats, came_true: NDArray[Any], bins: int = BINS) -> Curve:
    """Returns how often what was predicted came true.

    :param probability: 0 to 1; NaN is left out
    :param came_true: whether it did, one value for each probability
    :param bins: at most as many, none empty; equal probabilities stay in one bin
    """
    known = np.isfinite(probability)
    given, true = probability[known], np.asarray(came_true)[known].astype(np.float64)
    if not len(given):
        return Curve(np.array([]), np.array([]), np.array([], dtype=np.int64))
    edges = np.quantile(given, np.linspace(0, 1, bins + 1)[1:-1])
    _, bin_of = np.unique(np.searchsorted(edges, given, side="right"), return_inverse=True)
    cases = np.bincount(bin_of)
    return Curve(np.bincount(bin_of, given) / cases, np.bincount(bin_of, true) / cases, cases)


def expected_calibration_error(
    probability: Floats, came_true: NDArray[Any], bins: int = BINS
) -> float:
    """Returns the mean distance between probability and frequency, over all cases.

    Naeini, Cooper and Hauskrecht (2015), with bins of equally many cases. Cases that overlap in
    time are not independent: of few of them the figure is large even for an honest model.

    :return: 0 to 1; 1 if there are no cases, so that nothing is trusted by default

    >>> expected_calibration_error(np.array([0.5, 0.5, 0.5, 0.5]), np.array([1, 0, 1, 1]))
    0.25
    """
    curve = calibration_curve(probability, came_true, bins)
    total = int(curve.cases.sum())
    if not total:
        return 1.0
    return float((np.abs(curve.predicted - curve.came_true) * curve.cases).sum() / total)


@dataclass(frozen=True)
class Calibration:
    """A sigmoid from scores to probabilities (Platt, 1999).

    It has two parameters, where a step function (isotonic regression) would learn single cases:
    labels of one day overlap, and a thousand of them are worth some forty.

    :param slope: on the log-odds of the score; never below 0, so that the order is kept
    :param intercept: log-odds where the score is a half
    """

    slope: float
    intercept: float

    @classmethod
    def fit(cls, score: Floats, came_true: NDArray[Any]) -> Calibration:
        """Fits the sigmoid. Where higher scores came true less often, all get the mean frequency.

        :param score: of the model, 0 to 1, on rows that it was not trained on
        :raises ValueError: if there are not both outcomes
        """
        from sklearn.linear_model import LogisticRegression

        true = np.asarray(came_true).astype(np.int64)
        if len(np.unique(true)) < 2:
            raise ValueError("calibration needs outcomes of both kinds")
        fitted = LogisticRegression().fit(_log_odds(score)[:, None], true)
        if (slope := float(fitted.coef_[0, 0])) <= 0:
            return cls(0.0, float(_log_odds(true.mean())))
        return cls(slope, float(fitted.intercept_[0]))

    def __call__(self, score: Floats) -> Floats:
        """Returns the probabilities of scores."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * _log_odds(score) + self.intercept))))


def _log_odds(score: Floats) -> Floats:
    inside = np.clip(score, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))
