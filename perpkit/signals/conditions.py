"""The conditions of an entry one by one, to say which of them a candle did not meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# One value for each candle.
Column = pd.Series | NDArray[Any]


@dataclass(frozen=True)
class Condition:
    """One condition of an entry.

    :param words: what is needed, with its threshold
    :param met: whether a candle meets it, one row each
    :param value: the figure that the threshold is compared with, None if there is none
    """

    words: str
    met: Column
    value: Column | None = None


# By side, long or short: all of its conditions must be met.
Conditions = Mapping[str, Sequence[Condition]]


def all_met(conditions: Sequence[Condition]) -> NDArray[np.bool_]:
    """Returns which candles meet all conditions of a side; there must be one at least."""
    return reduce(and_, (np.asarray(each.met) for each in conditions))


def entries_of(conditions: Conditions, frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Returns which candles of the frame meet all conditions of (long, short)."""
    long, short = (pd.Series(all_met(conditions[side]), frame.index) for side in ("long", "short"))
    return long, short


def unmet(conditions: Conditions, row: int) -> str:
    """Returns which conditions the candle in a row does not meet, with its figures.

    >>> low = pd.Series([41.2])
    >>> unmet({"long": [Condition("RSI below 35", low < 35, low)]}, 0)
    'a long needs RSI below 35 (it is 41.2)'
    """
    found = []
    for side, needed in conditions.items():
        missing = [_shown(each, row) for each in needed if not np.asarray(each.met)[row]]
        if missing:
            found.append(f"a {side} needs {' and '.join(missing)}")
    return "; ".join(found)


def _shown(condition: Condition, row: int) -> str:
    if condition.value is None:
        return condition.words
    value = float(np.asarray(condition.value)[row])
    return f"{condition.words} (it is {f'{value:.4g}' if value == value else 'unknown'})"
