"""Calibration: the error by hand, on honest and on boastful probabilities, and its cure."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.learning.calibration import (
    Calibration,
    calibration_curve,
    expected_calibration_error,
)


def cases(count: int, sharpness: float = 1.0, seed: int = 5):
    """Probabilities, and outcomes that come true as often as they say if the sharpness is 1."""
    random = np.random.default_rng(seed)
    log_odds = random.normal(0, 1, count)
    true = random.random(count) < 1 / (1 + np.exp(-log_odds))
    return 1 / (1 + np.exp(-sharpness * log_odds)), true


@pytest.mark.parametrize(
    ("probability", "came_true", "error"),
    [
        ([0.5] * 4, [1, 0, 1, 0], 0.0),
        ([0.9] * 4, [1, 0, 1, 0], 0.4),
        ([0.0, 1.0], [0, 1], 0.0),
        ([0.0, 1.0], [1, 0], 1.0),
        ([0.2, np.nan], [0, 1], 0.2),
        ([], [], 1.0),
        ([np.nan], [1], 1.0),
    ],
)
def test_the_error_by_hand(probability, came_true, error):
    found = expected_calibration_error(np.array(probability), np.array(came_true))
    assert found == pytest.approx(error)


def test_the_curve_has_all_cases_in_bins_of_about_the_same_size():
    probability, true = cases(1_000)
    curve = calibration_curve(probability, true)
    assert curve.cases.sum() == 1_000
    assert set(curve.cases) == {100}
    assert (np.diff(curve.predicted) > 0).all()


def test_boasting_costs_and_is_cured_on_other_cases():
    probability, true = cases(20_000, sharpness=4.0)
    assert expected_calibration_error(*cases(20_000)) < 0.02
    assert expected_calibration_error(probability, true) > 0.15
    cure = Calibration.fit(*cases(20_000, sharpness=4.0, seed=6))
    assert expected_calibration_error(cure(probability), true) < 0.02


def test_the_order_is_kept_and_never_turned_round():
    probability, true = cases(2_000)
    found = Calibration.fit(probability, true)(np.linspace(0, 1, 50))
    assert (np.diff(found) > 0).all()
    assert (found.min() >= 0) & (found.max() <= 1)
    turned = Calibration.fit(probability, ~true)
    assert turned(np.array([0.1, 0.9])) == pytest.approx([1 - true.mean()] * 2)


def test_one_kind_of_outcome_cannot_be_calibrated():
    with pytest.raises(ValueError, match="both kinds"):
        Calibration.fit(np.array([0.2, 0.3]), np.array([1, 1]))
