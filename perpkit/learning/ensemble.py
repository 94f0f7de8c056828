"""Several calibrated classifiers as one: their mean probability, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpkit.learning.averaging import Average, average, cautious
from perpkit.learning.calibration import expected_calibration_error
from perpkit.learning.classifier import CalibratedClassifier, Untrained
from perpkit.learning.columns import CLASSES, PAYS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """Classifiers that were trained on the same rows, of the shape of one of them.

    :param members: by name, those that could be trained
    :param weights: one for each of them
    :param error: the expected calibration error, in the held-out window, of what HybridAi makes of
        mean and disagreement
    """

    members: dict[str, CalibratedClassifier]
    weights: tuple[float, ...]
    error: float

    @property
    def classes_(self) -> NDArray[np.str_]:
        return np.array(CLASSES)

    def averaged(self, features: Any) -> Average:
        """Returns the mean and the disagreement of the probabilities that an entry pays."""
        return _averaged(list(self.members.values()), features, self.weights)

    def predict_proba(self, features: Any) -> Floats:
        """Returns the probabilities of `CLASSES`, one row each."""
        pays = self.averaged(features).mean
        return np.column_stack((1 - pays, pays))

    def predict(self, features: Any) -> NDArray[np.str_]:
        """Returns the more probable class, one row each."""
        return self.classes_[self.predict_proba(features).argmax(axis=1)]


def ensemble(
    trained: Sequence[tuple[str, float, CalibratedClassifier | Untrained]],
    held_features: Any,
    held_labels: NDArray[Any],
) -> Ensemble | Untrained:
    """Returns the members that could be trained as one classifier, measured on held-out rows.

    :param trained: name, weight and classifier of each member
    :param held_features, held_labels: rows that no member was fitted or calibrated on
    :return: if there is no member, why
    """
    able = [(name, weight, one) for name, weight, one in trained if not isinstance(one, Untrained)]
    if not able:
        reasons = [
            f"{name}: {one.reason}" for name, _, one in trained if isinstance(one, Untrained)
        ]
        return Untrained("; ".join(reasons))
    weights = tuple(weight for _, weight, _ in able)
    members = {name: one for name, _, one in able}
    pays = cautious(*_averaged(list(members.values()), held_features, weights))
    error = expected_calibration_error(pays, np.asarray(held_labels) == PAYS)
    return Ensemble(members, weights, error)


def _averaged(
    members: Sequence[CalibratedClassifier], features: Any, weights: Sequence[float]
) -> Average:
    return average([one.predict_proba(features)[:, 1] for one in members], weights)
