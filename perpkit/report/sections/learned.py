"""What a learned model predicted, beside what came, and which features moved it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.learning.calibration import (
    USABLE_BELOW,
    calibration_curve,
    expected_calibration_error,
)
from perpkit.learning.evidence import Evidence
from perpkit.report import words
from perpkit.report.charts import ACCENT, MUTED, Chart, legend_above, rounded
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import Cell, number, percent
from perpkit.research.results import Results

MOST_FEATURES = 20


def calibration(view: View) -> Section | Missing | None:
    identifier = view.run.results.stats.get("freqai_identifier")
    if not identifier:
        return None
    if view.evidence is None:
        return Missing(
            "The model's probabilities beside what came: nothing is noted of FreqAI's "
            f"{identifier!r} for this time range. A backtest notes it where it predicts, not where "
            "it finds stored predictions; other places are given with --models."
        )
    rows = view.evidence.rows
    given, true = _arrays(rows)
    curve = calibration_curve(given, true)
    error = expected_calibration_error(given, true)
    shown = [
        f"{p:.1%} were predicted, {t:.1%} came, of {n:,}"
        for p, t, n in zip(*(each.tolist() for each in curve), strict=True)
    ]
    low, high = _span(curve.predicted, curve.came_true)
    chart = Chart(
        "calibration",
        "How often entries paid that the model gave such a probability",
        [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "as predicted",
                "x": [low, high],
                "y": [low, high],
                "line": {"color": MUTED, "dash": "dot", "width": 1},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "as it came",
                "x": rounded(curve.predicted, 4),
                "y": rounded(curve.came_true, 4),
                "text": shown,
                "hovertemplate": "%{text}<extra></extra>",
                "line": {"color": ACCENT},
            },
        ],
        {
            "xaxis": {"title": {"text": "probability"}, "tickformat": ".0%", "range": [low, high]},
            "yaxis": {"title": {"text": "share that paid"}, "tickformat": ".0%"},
            "legend": legend_above(),
            "hovermode": "closest",
        },
        height=340,
    )
    every = candles(view.run.results)
    lead = (
        f"Over {words.counted(len(rows), 'candle')} that the model had not seen, the mean distance "
        f"of probability and frequency is {percent(error)} (expected calibration error); "
        f"{'below' if error < USABLE_BELOW else 'not below'} the {percent(USABLE_BELOW, 0)} from "
        "which a score is not used for size. Outcomes of neighbouring candles overlap. "
        f"The other {every - len(rows):,} of the run's {every:,} candles have none of this: no "
        "side of the rule, no opinion, an outcome that was open when the window ended, or a window "
        "of which nothing is noted."
    )
    return Section(
        "calibration", "Are the model's probabilities true?", lead, [chart, _table(rows)]
    )


def importance(view: View) -> Section | Missing | None:
    if view.evidence is None:
        return None
    if not view.evidence.importance:
        return Missing("The weight of features: this model cannot tell; those of trees can.")
    every = list(view.evidence.importance.items())
    total = sum(value for _, value in every) or 1.0
    first = every[:MOST_FEATURES]
    chart = Chart(
        "importance",
        "Mean absolute contribution (SHAP) of each feature to the logarithm of the odds",
        [
            {
                "type": "bar",
                "orientation": "h",
                "x": rounded(np.array([value for _, value in reversed(first)]), 4),
                "y": [words.text(name) for name, _ in reversed(first)],
                "marker": {"color": ACCENT},
                "hovertemplate": "%{y}: %{x}<extra></extra>",
            }
        ],
        {"yaxis": {"type": "category", "automargin": True}},
        height=120 + 20 * len(first),
    )
    lead = (
        f"{first[0][0]} moves the predictions most: {percent(first[0][1] / total, 0)} of all that "
        f"{words.counted(len(every), 'feature')} do. It is no proof that it helps."
    )
    rest = len(every) - len(first)
    lacks = [f"Features: the {MOST_FEATURES} heaviest of {len(every)} are shown."] if rest else []
    return Section("importance", "What the model looks at", lead, [chart], lacks)


def figures(evidence: Evidence, results: Results) -> dict[str, Any]:
    """Returns what both sections say, as JSON can hold it."""
    given, true = _arrays(evidence.rows)
    return {
        "candles": len(true),
        "candles_without": candles(results) - len(true),
        "paid": float(true.mean()),
        "predicted": float(given.mean()),
        "calibration_error": expected_calibration_error(given, true),
        "brier_skill": _skill(given, true),
        "importance": dict(evidence.importance),
    }


def candles(results: Results) -> int:
    """Returns how many candles the pairs of a run have, if each has all of them."""
    step = pd.Timedelta(results.timeframe).total_seconds()
    return len(results.pairs) * round((results.end - results.start) / step)


def _arrays(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Returns probabilities, and whether they came true."""
    return rows["probability"].to_numpy(dtype=np.float64), rows["pays"].to_numpy(dtype=bool)


def _table(every: pd.DataFrame) -> str:
    rows: list[list[Cell]] = []
    for pair, part in every.groupby("pair", sort=True):
        given, true = _arrays(part)
        rows.append(
            [
                str(pair),
                f"{len(part):,}",
                percent(float(true.mean())),
                percent(float(given.mean())),
                percent(expected_calibration_error(given, true)),
                number(_skill(given, true), 3),
            ]
        )
    head = ["Pair", "Candles", "Paid", "Predicted", "Calibration error", "Brier skill"]
    caption = (
        "Brier skill: 1 if every prediction was right, 0 if it was no better than always to "
        "predict the pair's own frequency, below 0 if worse."
    )
    return words.table(head, rows, caption)


def _skill(given: np.ndarray, true: np.ndarray) -> float | None:
    base = float(true.mean() * (1 - true.mean()))
    return None if base == 0 else 1 - float(((given - true) ** 2).mean()) / base


def _span(*values: np.ndarray) -> tuple[float, float]:
    every = np.concatenate(values)
    return max(0.0, float(every.min()) - 0.02), min(1.0, float(every.max()) + 0.02)
