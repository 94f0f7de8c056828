"""Rows of features with the rows before them, as models that read sequences take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def sequences(values: NDArray[Any], length: int) -> NDArray[Any]:
    """Returns one sequence for each row: the row, after the `length` - 1 rows before it.

    Where there are fewer before it, the first row stands in for them; such a row is a weaker basis.

    :param values: rows x features, the oldest row first
    :param length: rows of a sequence, at least 1
    :return: rows x length x features, a view that must not be written to

    >>> sequences(np.array([[1], [2], [3]]), 2)[:, :, 0].tolist()
    [[1, 1], [1, 2], [2, 3]]
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    if not len(values):
        return np.empty((0, length, values.shape[1]), dtype=values.dtype)
    before = np.repeat(values[:1], length - 1, axis=0)
    whole = np.concatenate((before, values))
    return np.lib.stride_tricks.sliding_window_view(whole, length, axis=0).transpose(0, 2, 1)
