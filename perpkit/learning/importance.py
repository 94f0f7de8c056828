"""How much each feature moves what a model predicts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpkit.learning.classifier import CalibratedClassifier
from perpkit.learning.ensemble import Ensemble

# A feature of FreqAI's: %-NAME_PAIR_TIMEFRAME, the pair without its colon; or %-NAME.
_OF_PAIR = re.compile(r"%-(?P<name>.+)_(?P<pair>[^_]+/[^_]+)_(?P<timeframe>[0-9]+[a-zA-Z])")


def contributions(model: Any, features: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Returns the mean absolute contribution of each feature to the logarithm of the odds.

    These are exact SHAP values of the trees (Lundberg et al., "From local explanations to global
    understanding with explainable AI for trees", 2020), as LightGBM computes them itself. They are
    of the scores before calibration, which keeps their order.

    :param features: rows x features, as the model takes them
    :return: of an ensemble, the weighted mean of its members that can tell; None if none can
    """
    if isinstance(model, Ensemble):
        able = [
            (weight, found)
            for weight, member in zip(model.weights, model.members.values(), strict=True)
            if (found := contributions(member, features)) is not None
        ]
        if not able:
            return None
        return np.average([found for _, found in able], axis=0, weights=[w for w, _ in able])
    trees = getattr(model.scorer, "booster_", None) if _is_ours(model) else None
    if trees is None or not len(features):
        return None
    # The last column is the mean prediction.
    each = np.asarray(trees.predict(features, pred_contrib=True))[:, :-1]
    return np.asarray(np.abs(each).mean(axis=0), dtype=np.float64)


def plain_name(feature: str, pair: str) -> str:
    """Returns the name of a feature for people, equal for all pairs that have it.

    :param pair: that is predicted; features of other pairs keep theirs

    >>> plain_name("%-rsi-period_24_BTC/USDTUSDT_1h", "BTC/USDT:USDT")
    'rsi-period_24 1h'
    >>> plain_name("%-rsi-period_24_BTC/USDTUSDT_1h", "ETH/USDT:USDT")
    'rsi-period_24 1h of BTC/USDT'
    >>> plain_name("%-side_rsi", "BTC/USDT:USDT")
    'side_rsi'
    """
    found = _OF_PAIR.fullmatch(feature)
    if found is None:
        return feature.removeprefix("%-")
    name = f"{found['name']} {found['timeframe']}"
    if found["pair"] == pair.replace(":", ""):
        return name
    base, quote = found["pair"].split("/")
    half = len(quote) // 2
    # A perpetual's colon is gone: BTC/USDTUSDT.
    quote = quote[:half] if quote[:half] == quote[half:] else quote
    return f"{name} of {base}/{quote}"


def _is_ours(model: Any) -> bool:
    return isinstance(model, CalibratedClassifier)
