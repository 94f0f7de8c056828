"""Figures over the last `count` rows, for whole histories and for their ends alike.

Windows are put together from windows of 1, 2, 4, 8, ... rows. That takes a few passes over the
array, however long they are, and a figure depends on the rows of its window alone: computed over
the end of a history it is the same to the last bit. Sums that are carried along, as in pandas, are
not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def highest(values: Floats, count: int) -> Floats:
    """Returns the highest known value of the last `count` rows; NaN where none is known.

    >>> highest(np.array([3.0, 1.0, np.nan, 2.0]), 2).tolist()
    [3.0, 3.0, 1.0, 2.0]
    """
    return _over(values, count, np.fmax, np.nan)


def lowest(values: Floats, count: int) -> Floats:
    """Returns the lowest known value of the last `count` rows; NaN where none is known."""
    return _over(values, count, np.fmin, np.nan)


def mean(values: Floats, count: int) -> Floats:
    """Returns the mean of the known values of the last `count` rows; NaN where none is known."""
    known = ~np.isnan(values)
    total = _over(np.where(known, values, 0.0), count, np.add, 0.0)
    number = _over(known.astype(np.float64), count, np.add, 0.0)
    return np.divide(total, number, out=np.full(len(values), np.nan), where=number > 0)


def last_known(values: Floats) -> Floats:
    """Returns the newest known value at each row; NaN before the first."""
    row = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(row >= 0, values[row], np.nan) if len(values) else values


def later(values: Floats, rows: int, fill: float = np.nan) -> Floats:
    """Returns the values `rows` rows later."""
    rows = min(rows, len(values))
    return np.concatenate((np.full(rows, fill), values[: len(values) - rows]))


def _over(
    values: Floats, count: int, combine: Callable[[Floats, Floats], Floats], nothing: float
) -> Floats:
    """:param nothing: what changes no value that it is combined with"""
    found, done, width = np.full(len(values), nothing), 0, 1
    of_width = values
    while done < count:
        if count & width:
            found = combine(found, later(of_width, done, nothing))
            done += width
        if done < count:
            of_width = combine(of_width, later(of_width, width, nothing))
            width *= 2
    return found
