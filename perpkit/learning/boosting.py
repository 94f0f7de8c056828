"""Gradient-boosted trees, small and slow to learn: few cases of a market are independent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpkit.learning.classifier import Fit, Scorer

# Of LightGBM. The same data give the same model: one thread, and a seed.
DEFAULTS: dict[str, Any] = {
    "n_estimators": 120,
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_child_samples": 100,
    "colsample_bytree": 0.5,
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "random_state": 1,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbosity": -1,
}


def boosted_trees(changed: Mapping[str, Any]) -> Fit:
    """Returns what fits LightGBM's classifier for `perpkit.learning.classifier.train`.

    :param changed: parameters of LightGBM that differ from the defaults
    """

    def fit(features: Any, outcomes: NDArray[np.int64], weights: NDArray[np.float64]) -> Scorer:
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(**{**DEFAULTS, **changed})
        fitted: Scorer = model.fit(features, outcomes, sample_weight=weights)
        return fitted

    return fit
