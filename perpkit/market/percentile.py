"""Where a value stands in its own recent past."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd


def rolling_rank(values: pd.Series, window: timedelta, least: int) -> pd.Series:
    """Share of the window that lies below the value, equal values counting half.

    Counting equals half makes the rank symmetric: the rank of `-values` is one minus it. It matters
    because funding rests at exactly its base rate most of the time.

    :param values: indexed by ascending time; each value carries the same weight
    :param window: how far back, the value itself included
    :param least: values the window must hold; NaN with fewer
    :return: between 0 and 1, exclusive
    """
    rolling = values.rolling(window, min_periods=least)
    return rolling.rank(method="average", pct=True) - 0.5 / rolling.count()
