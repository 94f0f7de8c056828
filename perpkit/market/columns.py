"""Adds columns to candles all at once.

pandas takes as long to add one column as to add all of them, longer than to compute most. A running
bot does it for every pair at every candle.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def with_columns(frame: pd.DataFrame, columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Returns a copy of the frame with these columns, the same as `frame.assign(**columns)`.

    :param columns: numbers or booleans, one for every row

    >>> with_columns(pd.DataFrame({"a": [1]}), {"b": np.array([0.5])}).to_dict("list")
    {'a': [1], 'b': [0.5]}
    """
    if not columns.keys().isdisjoint(frame.columns.tolist()):
        return frame.assign(**columns)
    added = [
        pd.DataFrame(np.column_stack([columns[name] for name in names]), frame.index, _index(names))
        for names in (
            tuple(alike) for _, alike in groupby(columns, lambda name: columns[name].dtype)
        )
    ]
    return pd.concat([frame, *added], axis=1)


@lru_cache(maxsize=64)
def _index(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names)
