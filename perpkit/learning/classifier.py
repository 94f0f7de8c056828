"""A classifier whose probabilities are calibrated, and measured, on rows that it has not seen.

The rows of a training window, in order of time:

    | fit the model | gap | calibrate | gap | measure the calibration error |

A label knows the prices of a horizon after its row. Without the gaps, of a horizon each, the last
labels of one part would tell the outcomes of the first rows of the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perpkit.learning.calibration import Calibration, expected_calibration_error
from perpkit.learning.columns import CLASSES, PAYS

Floats = NDArray[np.float64]

CALIBRATED_SHARE = 0.25
# Fewer rows than these, of which most overlap, say nothing about a probability.
LEAST_ROWS = 100


class TooLittleDataError(ValueError):
    """The training window has too few rows, or only one kind of outcome; the message says which."""


class Scorer(Protocol):
    """What LightGBM's and scikit-learn's classifiers have in common."""

    def predict_proba(self, features: Any) -> Any:
        """Returns one row each, with the probabilities of the classes 0 and 1."""


# Fits a model to (features, outcomes of 0 and 1, weights).
Fit = Callable[[Any, NDArray[np.int64], Floats], Scorer]


@dataclass(frozen=True)
class CalibratedClassifier:
    """A fitted model with its calibration, of the shape that FreqAI's classifiers have.

    :param scorer: the model
    :param calibration: of its scores
    :param error: the expected calibration error of the held-out window
    """

    scorer: Scorer
    calibration: Calibration
    error: float

    @property
    def classes_(self) -> NDArray[np.str_]:
        return np.array(CLASSES)

    def predict_proba(self, features: Any) -> Floats:
        """Returns the probabilities of `CLASSES`, one row each."""
        pays = self.calibration(_scores(self.scorer, features))
        return np.column_stack((1 - pays, pays))

    def predict(self, features: Any) -> NDArray[np.str_]:
        """Returns the more probable class, one row each."""
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


@dataclass(frozen=True)
class Untrained:
    """Stands for a model that could not be trained; what it returns must not be used.

    :param reason: for people
    """

    reason: str
    error: float = 1.0

    @property
    def classes_(self) -> NDArray[np.str_]:
        return np.array(CLASSES)

    def predict_proba(self, features: Any) -> Floats:
        return np.full((len(features), len(CLASSES)), 1 / len(CLASSES))

    def predict(self, features: Any) -> NDArray[np.str_]:
        return np.full(len(features), CLASSES[0])


def purged(rows: int, horizon: int) -> slice:
    """Returns which of the first `rows` rows have labels that end before the row after them.

    Rows may have been left out in between, never added: `horizon` rows span the horizon at least.
    """
    return slice(0, max(rows - horizon, 0))


def train(
    features: Any,
    labels: NDArray[Any],
    weights: Floats,
    held_features: Any,
    held_labels: NDArray[Any],
    horizon: int,
    fit: Fit,
) -> CalibratedClassifier:
    """Returns a model that was fitted, calibrated and measured on three parts, in order of time.

    :param features: of the training, an array with one row each, in order of time
    :param labels: `pays` or `loses`, one for each row
    :param weights: of the rows
    :param held_features, held_labels: later rows, on which the calibration error is measured
    :param horizon: candles that a label looks ahead
    :raises TooLittleDataError: if a part has too few rows, or only one kind of outcome
    """
    true, held = (np.asarray(each) == PAYS for each in (labels, held_labels))
    begin = int(len(true) * (1 - CALIBRATED_SHARE))
    first, second = purged(begin, horizon), slice(begin, max(begin, len(true) - horizon))
    parts = {"to fit": true[first], "to calibrate": true[second], "to measure": held}
    for purpose, outcome in parts.items():
        if len(outcome) < LEAST_ROWS:
            raise TooLittleDataError(f"{len(outcome)} rows {purpose}, {LEAST_ROWS} are needed")
    for purpose in ("to fit", "to calibrate"):
        if len(np.unique(parts[purpose])) < 2:
            raise TooLittleDataError(f"the rows {purpose} have only one kind of outcome")
    scorer = fit(features[first], true[first].astype(np.int64), np.asarray(weights)[first])
    calibration = Calibration.fit(_scores(scorer, features[second]), true[second])
    measured = calibration(_scores(scorer, held_features))
    return CalibratedClassifier(scorer, calibration, expected_calibration_error(measured, held))


def _scores(scorer: Scorer, features: Any) -> Floats:
    # As an array, as in training: a frame would be compared by its names.
    return np.asarray(scorer.predict_proba(np.asarray(features)), dtype=np.float64)[:, 1]
