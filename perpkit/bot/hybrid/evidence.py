"""Writes down what a model predicts in a backtest, and what came, for the report.

The outcomes are those of the window's own candles: FreqAI computes them beside the features, where
no strategy sees them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perpkit.learning.averaging import cautious
from perpkit.learning.columns import OUTCOME, PAYS, UNCERTAINTY
from perpkit.learning.evidence import write_window
from perpkit.learning.importance import contributions, plain_name

logger = logging.getLogger(__name__)


def write_evidence(
    model: Any, frame: pd.DataFrame, predictions: pd.DataFrame, usable: np.ndarray, dk: Any
) -> None:
    """Writes the evidence of a window; that it cannot be written costs no backtest.

    :param model: that was trained
    :param frame: of the window, with its targets
    :param predictions: of the same rows, those of an ensemble with `UNCERTAINTY`
    :param usable: `do_predict` of the same rows
    """
    if OUTCOME not in frame or PAYS not in predictions:
        return
    outcome = frame[OUTCOME].to_numpy()
    known = pd.notna(outcome) & (usable == 1)
    probability = predictions[PAYS].to_numpy(dtype=np.float64)
    if UNCERTAINTY in predictions:
        probability = cautious(probability, predictions[UNCERTAINTY].to_numpy(dtype=np.float64))
    rows = pd.DataFrame(
        {
            "date": frame["date"].to_numpy()[known],
            "pair": dk.pair,
            "probability": probability[known],
            "pays": outcome[known] == PAYS,
        }
    )
    features = dk.data_dictionary["prediction_features"]
    found = contributions(model, features.to_numpy(dtype=np.float64)[known])
    names = [plain_name(column, dk.pair) for column in features.columns]
    importance = {} if found is None else dict(zip(names, found.tolist(), strict=True))
    try:
        write_window(Path(dk.full_path), dk.model_filename, rows, importance)
    except OSError as error:
        logger.warning(f"{dk.pair}: the report will lack a window of the model: {error}")
