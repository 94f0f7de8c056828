"""The columns of several sources of signals in the candles of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.checks import shown
from perpkit.signals.combining import Rule, combined, whose
from perpkit.signals.source import Signals, Source


def flag(name: str, what: str) -> str:
    """Returns the column of a source's signal, such as `rsi_sma_exit_long`.

    Entries hold the confidence, exits 1; 0 where there is none.
    """
    return f"{name}_{what}"


def checked_columns(
    source: Source, candles: pd.DataFrame, step: timedelta
) -> dict[str, NDArray[Any]]:
    """Returns the columns that a source computes.

    :raises ValueError: naming the source, and the column that it lacks or may not compute
    """
    if missing := [name for name in source.needed if name not in candles]:
        raise ValueError(f"{source.name} needs the column {missing[0]}, which there is not")
    if taken := [name for name in source.computed if name in candles]:
        raise ValueError(f"{source.name} computes the column {taken[0]}, which there is already")
    found = dict(source.columns(candles, step))
    if different := sorted(found.keys() ^ {*source.computed}):
        raise ValueError(
            f"{source.name} must compute {', '.join(source.computed)}: {different[0]} is not both "
            "named and computed"
        )
    return {name: _whole(source, name, column, len(candles)) for name, column in found.items()}


def checked_signals(source: Source, frame: pd.DataFrame, rule: Any) -> Signals:
    """Returns the signals of a source, as arrays.

    :raises ValueError: naming the source, and the signal that is not one value a candle, or not of
        its kind
    """
    found: dict[str, Any] = {}
    for name, column in source.signals(frame, rule)._asdict().items():
        values = _whole(source, name, column, len(frame))
        of_kind = _numbers if name.endswith("confidence") else _flags
        found[name] = of_kind(source, name, values)
    return Signals(**found)


def combined_columns(
    found: Mapping[str, Signals], budgets: Mapping[str, float], rule: Rule
) -> dict[str, NDArray[Any]]:
    """Returns Freqtrade's entry columns, and the signals of each source.

    :param found: by source, those without a budget included: they enter nothing
    """
    columns: dict[str, NDArray[Any]] = {}
    for name, each in found.items():
        columns |= {
            flag(name, "enter_long"): np.where(each.enter_long, each.long_confidence, 0.0),
            flag(name, "enter_short"): np.where(each.enter_short, each.short_confidence, 0.0),
            flag(name, "exit_long"): each.exit_long.astype(int),
            flag(name, "exit_short"): each.exit_short.astype(int),
        }
    names = list(budgets)
    long, short = combined([found[n] for n in names], [budgets[n] for n in names], rule)
    tags = np.full(len(long.enters), None, dtype=object)
    for side in (long, short):
        for row in np.flatnonzero(side.enters):
            tags[row] = whose(names, side.claims[row], side.confidence[row])
    return columns | {
        "enter_long": long.enters.astype(int),
        "enter_short": short.enters.astype(int),
        "enter_tag": tags,
    }


def _whole(source: Source, name: str, column: Any, rows: int) -> NDArray[Any]:
    values = np.asarray(column)
    if values.shape != (rows,):
        raise ValueError(
            f"{source.name} must return one value a candle as {name}: {rows}, got {values.shape}"
        )
    return values


def _flags(source: Source, name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns flags; 0 and 1 are some, too."""
    try:
        others = values[~np.isin(values, (0, 1))].tolist() if values.dtype != bool else []
    except TypeError:  # as pandas' NA among flags
        others = [each for each in values.tolist() if each is pd.NA]
    if others:
        raise ValueError(
            f"{source.name} must return true or false in each candle as {name}, got "
            f"{shown(others[0])}"
        )
    return values.astype(bool)


def _numbers(source: Source, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source.name} must return numbers as {name}: {error}") from error
