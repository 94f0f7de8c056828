"""An ensemble of classifiers: its arithmetic, and what becomes of members that failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from perpkit.learning.calibration import expected_calibration_error
from perpkit.learning.classifier import Untrained
from perpkit.learning.columns import LOSES, PAYS
from perpkit.learning.ensemble import ensemble


@dataclass(frozen=True)
class Says:
    """A member that gives each row these probabilities of paying, times the row's feature."""

    probability: float

    def predict_proba(self, features):
        pays = self.probability * np.asarray(features)[:, 0]
        return np.column_stack((1 - pays, pays))


HELD = np.ones((4, 1))
LABELS = np.array([PAYS, PAYS, LOSES, LOSES])


def test_probabilities_are_averaged_by_weight():
    made = ensemble([("a", 1, Says(0.2)), ("b", 3, Says(0.8))], HELD, LABELS)
    rows = np.array([[1.0], [0.5]])
    np.testing.assert_allclose(made.predict_proba(rows)[:, 1], [0.65, 0.325])
    np.testing.assert_allclose(made.predict_proba(rows).sum(axis=1), 1)
    assert made.predict(rows).tolist() == [PAYS, LOSES]
    deviation = np.sqrt(0.25 * 0.45**2 + 0.75 * 0.15**2)
    np.testing.assert_allclose(made.averaged(rows).disagreement, [deviation, deviation / 2])


@pytest.mark.parametrize(
    ("weights", "said", "used"),
    [((1, 1), (0.2, 0.4), 0.2), ((1, 1), (0.3, 0.3), 0.3), ((9, 1), (0.0, 1.0), 0.0)],
)
def test_its_error_is_that_of_the_score_that_is_used(weights, said, used):
    """The mean less the disagreement, which is what sizes an entry."""
    one, other = (Says(each) for each in said)
    made = ensemble([("a", weights[0], one), ("b", weights[1], other)], HELD, LABELS)
    expected = expected_calibration_error(np.full(4, used), LABELS == PAYS)
    assert made.error == pytest.approx(expected) == pytest.approx(0.5 - used)


def test_a_member_that_failed_is_left_out():
    made = ensemble([("a", 1, Untrained("too few")), ("b", 3, Says(0.8))], HELD, LABELS)
    assert list(made.members) == ["b"]
    np.testing.assert_allclose(made.predict_proba(HELD)[:, 1], 0.8)
    np.testing.assert_allclose(made.averaged(HELD).disagreement, 0)


def test_without_any_member_the_reasons_remain():
    made = ensemble([("a", 1, Untrained("too few")), ("b", 1, Untrained("one kind"))], HELD, LABELS)
    assert made == Untrained("a: too few; b: one kind")
