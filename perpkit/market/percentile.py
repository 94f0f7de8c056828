"""The rank of a value in its own recent past."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd


def rolling_rank(values: pd.Series, window: timedelta, least: int) -> pd.Series:
    """Returns the share of the window that lies below each value; equal values count half.

    That makes the rank symmetric: the rank of `-values` is one minus it. It matters because funding
    is exactly at its base rate most of the time.

    :param values: indexed by ascending time; each value has the same weight
    :param window: time span of the past, the value itself included
    :param least: number of values that the window must hold; NaN with fewer
    :return: between 0 and 1, exclusive

    >>> values = pd.Series([1.0, 3.0, 2.0, 2.0], pd.date_range("2026-01-01", periods=4, freq="h"))
    >>> rolling_rank(values, timedelta(hours=4), least=2).tolist()
    [nan, 0.75, 0.5, 0.5]
    """
    rolling = values.rolling(window, min_periods=least)
    return rolling.rank(method="average", pct=True) - 0.5 / rolling.count()
