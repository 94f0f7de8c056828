"""The packages that train models: another version may learn another model from the same rows."""

from __future__ import annotations

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
    found = {}
    for name in TRAINERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
