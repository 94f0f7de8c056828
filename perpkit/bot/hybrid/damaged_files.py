"""Sets files of FreqAI aside that cannot be read, so that FreqAI makes them again.

FreqAI writes its files in place: a process that is killed, or a full disk, leaves part of one, and
every later start or backtest fails on it without naming it. A bot with the identifier of a backtest
removes what belongs to the backtest's predictions, together with models that are old.
"""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from perpkit.bot.running_bot import message_of

logger = logging.getLogger(__name__)

SUFFIX = ".damaged"
_PREDICTION = "_prediction.feather"
# Without one of them FreqAI cannot load a model.
_PARTS = ("metadata.json", "feature_pipeline.pkl", "label_pipeline.pkl")


def _pickled(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - FreqAI itself loads it


_READ: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_bytes()),
    ".pkl": _pickled,
    ".joblib": _pickled,
    ".feather": pd.read_feather,
}


def set_aside_damaged(folder: Path) -> list[Path]:
    """Renames what cannot be used of a folder of models, and says so: a file of its own, the files
    of a model as a whole, with its predictions, and predictions without their model's metadata.

    :return: the old names
    """
    predictions = folder / "backtesting_predictions"
    found = {path: words for path in _files(folder) if (words := _damage(path))}
    found |= {path: words for path in _files(predictions) if (words := _damage(path))}
    for model in sorted(folder.glob("sub-train-*")):
        if model.suffix != SUFFIX and (words := _damage_of_model(model)):
            found[model] = words
            # FreqAI uses predictions only together with what is known of their model.
            pair, _, stamp = model.name.removeprefix("sub-train-").rpartition("_")
            of_it = predictions / f"cb_{pair.lower()}_{stamp}{_PREDICTION}"
            if of_it.is_file():
                found.setdefault(of_it, f"{model.name} is damaged")
    # By the stamp of their folder, which one that is set aside has not.
    metadata = {
        (path.parent.name.rpartition("_")[2], path.name)
        for path in folder.glob("sub-train-*/cb_*_metadata.json")
    }
    for path in sorted(predictions.glob(f"cb_*{_PREDICTION}")):
        stem = path.name.removesuffix(_PREDICTION)
        if (stem.rpartition("_")[2], f"{stem}_metadata.json") not in metadata:
            found.setdefault(path, f"{stem}_metadata.json is missing")
    for path, words in found.items():
        aside = path.with_name(path.name + SUFFIX)
        if aside.is_dir():
            shutil.rmtree(aside)
        path.replace(aside)
        logger.warning(f"{path} is damaged and now called {aside.name}: {words}")
    _restore_history(folder)
    return list(found)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())


def _damage(path: Path) -> str:
    """Returns what is wrong with a file; empty where nothing is, or where that cannot be known."""
    if path.suffix not in _READ:
        return ""
    try:
        _READ[path.suffix](path)
    except ModuleNotFoundError:
        return ""  # an extra is missing
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            return ""  # the system cannot read it
        return f"{type(error).__name__}: {message_of(error)}".splitlines()[0]
    return ""


def _damage_of_model(folder: Path) -> str:
    files = _files(folder)
    for path in files:
        if words := _damage(path):
            return f"{path.name}: {words}"
    for path in files:
        start, model, _ = path.name.rpartition("_model.")
        for part in _PARTS if model else ():
            if not (folder / f"{start}_{part}").is_file():
                return f"{start}_{part} is missing"
    return ""


def _restore_history(folder: Path) -> None:
    """Puts the copy that FreqAI keeps of its predictions into their place."""
    copy, history = (folder / f"historic_predictions{end}" for end in (".backup.pkl", ".pkl"))
    if copy.is_file() and not history.exists():
        shutil.copy(copy, history)
