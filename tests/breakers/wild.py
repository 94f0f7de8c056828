"""Markets in which everything happens that a breaker looks for, by seed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from perpkit.breakers.funding import FundingLimits, FundingTimeline, timeline
from perpkit.market.funding import funding_arrays
from tests import factories


@cache
def crashing_candles(seed: int, rows: int = 300) -> pd.DataFrame:
    """Candles with crashes and rallies, some missing, some broken, some without volume."""
    rng = np.random.default_rng(seed)
    candles = factories.candles(rows, seed=seed, volatility=0.012)
    candles.loc[rng.choice(rows, 6, replace=False), "low"] *= 0.9
    candles.loc[rng.choice(rows, 6, replace=False), "high"] *= 1.1
    candles.loc[rng.choice(rows, 5, replace=False), "close"] = 0.0
    candles.loc[rng.choice(rows, 5, replace=False), "volume"] = 0.0
    return candles.drop(index=rng.choice(np.arange(1, rows - 1), rows // 20, replace=False))


@cache
def halting_candles(seed: int, rows: int = 300) -> pd.DataFrame:
    """Candles with outages of several lengths, gaps, some missing and some broken."""
    rng = np.random.default_rng(seed)
    candles = factories.candles(rows, seed=seed)
    for start in rng.choice(rows - 10, 4, replace=False):
        candles.loc[start : start + rng.integers(0, 5), "volume"] *= rng.choice([0, 0.003, 0.06])
    for start in rng.choice(rows, 3, replace=False):
        prices = ["open", "high", "low", "close"]
        candles.loc[start:, prices] *= rng.choice([0.85, 1.15])
    candles.loc[rng.choice(rows, 5, replace=False), "close"] = 0.0
    return candles.drop(index=rng.choice(np.arange(1, rows - 1), rows // 20, replace=False))


@cache
def swinging_candles(seed: int, rows: int = 400) -> pd.DataFrame:
    """Candles whose volatility swings, with some missing and some broken."""
    rng = np.random.default_rng(seed)
    frame = factories.candles(rows, seed=seed)
    swing = np.exp(np.cumsum(rng.normal(0, 0.2, rows)).clip(-2, 2))
    frame["high"] *= 1 + 0.01 * swing
    frame.loc[rng.choice(rows, 5, replace=False), "close"] = 0.0
    return frame.drop(index=rng.choice(np.arange(1, rows - 1), rows // 20, replace=False))


def wild_funding(seed: int, rows: int = 200) -> pd.DataFrame:
    """Rates that swing around zero, paid every 8, 4 or 1 hours, with some missing."""
    rng = np.random.default_rng(seed)
    rates = 0.001 * np.cumsum(rng.normal(0, 0.4, rows)).clip(-3, 3) + rng.normal(0, 2e-4, rows)
    hours = np.cumsum(np.repeat(rng.choice([8, 8, 4, 1], rows // 20), 20))
    frame = factories.funding(rates).assign(date=factories.START + pd.to_timedelta(hours, unit="h"))
    return frame.drop(index=rng.choice(np.arange(1, rows), 8, replace=False))


def line_of_rates(limits: FundingLimits, pair: str, funding: pd.DataFrame) -> FundingTimeline:
    """Returns the decisions that follow from funding candles."""
    return timeline(limits, pair, funding_arrays(funding, limits.rule))
