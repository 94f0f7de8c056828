"""The packages that train models: another version may learn another model from the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

# Of Perpkit's models, of their calibration, and of the classifiers that Freqtrade has.
TRAINERS = (
    "catboost",
    "lightgbm",
    "sb3-contrib",
    "scikit-learn",
    "stable-baselines3",
    "torch",
    "xgboost",
)


def trainers() -> dict[str, str]:
    """Returns the versions of those that are installed."""
    return versions_of(TRAINERS)


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Returns the versions of the packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
