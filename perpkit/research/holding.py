"""Buying and holding, as what a run is measured against."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from perpkit.research.marked import closes_at


def holding(
    times: pd.DatetimeIndex, candles: Iterable[pd.DataFrame], step: pd.Timedelta
) -> pd.Series:
    """Returns what money in equal parts in some pairs becomes, from 1 on, by `times`.

    It has no leverage, fees or funding. A pair whose candles begin later is bought then.

    :param candles: of each pair, with `date` (open time) and `close`
    :param step: timeframe of the candles
    :raises ValueError: if no pair has a candle
    """
    shares = []
    for frame in candles:
        closes = pd.Series(closes_at(times, frame, step)).ffill()
        if closes.notna().any():
            shares.append((closes / closes.dropna().iloc[0]).fillna(1.0))
    if not shares:
        raise ValueError("candles must be there of one pair at least")
    growth = sum(shares[1:], shares[0]) / len(shares)
    return pd.Series(growth.to_numpy(), times, name="equity")
