"""What models predicted in a backtest, beside what came: written by the bot's wing, read by the
report.

A window of a backtest, that is, the candles between two trainings, has a feather file of its rows
and, where the model can tell, a JSON file of how much each feature moved its predictions. They are
beside the models, in `user_data/models/IDENTIFIER/perpkit_evidence/`, those of all runs of the
identifier together. FreqAI names a window by its coin and the time of its training: those of a run
are its start and every `backtest_period_days` after it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from perpkit.files.errors import FileError
from perpkit.files.feather import frame_of, sealed
from perpkit.files.whole_file import put
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dated

FOLDER = "perpkit_evidence"
COLUMNS = ("date", "pair", "probability", "pays")


@dataclass(frozen=True)
class Evidence:
    """
    :param rows: `date` (open of the candle, UTC), `pair`, `probability` (that an entry of the
        rule's side pays, 0 to 1), `pays` (whether it did); candles whose outcome was not known at
        the end of their window are left out
    :param importance: of each feature, the mean over the windows of the mean absolute
        contribution (SHAP) to the logarithm of the odds; empty where no model could tell
    """

    rows: pd.DataFrame
    importance: Mapping[str, float]


def write_window(
    models: Path, window: str, rows: pd.DataFrame, importance: Mapping[str, float]
) -> None:
    """Writes the evidence of a window, in place of what an earlier run wrote of it.

    :param models: folder of FreqAI's identifier
    :param window: its name, which ends with `_` and when the training ended, s since 1970 UTC
    :param rows: with `COLUMNS`
    :raises OSError: if that fails
    """
    folder = models / FOLDER
    put(folder / f"{window}.feather", sealed(rows[list(COLUMNS)].reset_index(drop=True)))
    content = json.dumps({name: round(value, 9) for name, value in importance.items()})
    put(folder / f"{window}.json", content.encode())


def read(
    models: Path, pairs: Collection[str], start: float, window: float | None, end: float
) -> Evidence | None:
    """Returns the evidence of the windows of a backtest; None if there is none.

    :param models: folder of FreqAI's identifier; other runs may have written there, too
    :param pairs: of the backtest
    :param start: of its first window, s since 1970 UTC
    :param window: length of a window, s; None if it is not known: other runs that began later
        cannot be told apart then
    :param end: of the backtest, s since 1970 UTC
    :raises FileError: naming the file that is damaged
    """
    frames, known = [], []
    for path in sorted((models / FOLDER).glob("*.feather")):
        trained = _trained(path)
        if trained is None or trained < start or (window and (trained - start) % window):
            continue
        rows = _rows(path)
        at = nanoseconds(rows["date"])
        # A run with longer windows may have written a file of that name.
        until = min(end, trained + window) if window else end
        rows = rows[(at >= start * 1e9) & (at < until * 1e9) & rows["pair"].isin(pairs)]
        if rows.empty:
            continue
        frames.append(rows)
        if weights := _importance(path.with_suffix(".json")):
            known.append(weights)
    if not frames:
        return None
    # Where the length of windows is not known, several may have the same candle.
    every = pd.concat(frames, ignore_index=True).drop_duplicates(["date", "pair"], keep="last")
    # A feature that was constant in a training had no part in it.
    together = pd.DataFrame(known).fillna(0.0).mean().sort_values(ascending=False)
    importance = {str(name): float(value) for name, value in together.items()}
    return Evidence(every.reset_index(drop=True), importance)


def _trained(path: Path) -> int | None:
    """Returns when the training of a window ended, s since 1970; None if the name does not say."""
    stamp = path.stem.rpartition("_")[2]
    return int(stamp) if stamp.isdecimal() else None


def _rows(path: Path) -> pd.DataFrame:
    rows = frame_of(path.read_bytes(), path.name)
    if missing := [name for name in COLUMNS if name not in rows]:
        raise FileError(f"{path.name}: must have the column {missing[0]}")
    if not rows["probability"].between(0, 1).all() or rows["pays"].dtype != bool:
        raise FileError(f"{path.name}: must have probabilities from 0 to 1, and pays true or false")
    return dated(rows)


def _importance(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise FileError(f"{path.name}: cannot be read as JSON of numbers: {error}") from error
