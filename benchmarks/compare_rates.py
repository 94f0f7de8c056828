"""How often `perpkit compare` finds a difference: where there is none, and where there is one.

`python -m benchmarks.compare_rates [--seeds 200]`: daily returns of two runs in the same market,
with fat tails and calm and wild times, a correlation of 0.7, and 2% a day of spread. Minutes.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from perpkit.durations import DAYS_A_YEAR
from perpkit.research.comparing import Verdict, compared

TOGETHER, SPREAD = 0.7, 0.02


def runs(days: int, difference: float, seed: int) -> tuple[pd.Series, pd.Series]:
    """Daily returns of two runs; the first has an annual Sharpe ratio that is so much higher."""
    random = np.random.default_rng(seed)
    times = pd.date_range("2021-01-01", periods=days, tz="UTC")
    wild = np.exp(0.3 * np.cumsum(random.standard_normal(days)) / np.sqrt(30)).clip(0.3, 3)
    shared, own = random.standard_t(5, (2, days)), random.standard_t(5, (2, days))
    drawn = np.sqrt(TOGETHER) * shared[0] + np.sqrt(1 - TOGETHER) * own
    returns = drawn * wild
    returns *= SPREAD / returns.std(axis=1, keepdims=True)
    returns[0] += difference * SPREAD / np.sqrt(DAYS_A_YEAR)
    return pd.Series(returns[0], times), pd.Series(returns[1], times)


def rate(days: int, difference: float, seeds: int) -> float:
    found = (compared(*runs(days, difference, seed), seed=seed) for seed in range(seeds))
    return sum(each.verdict is not Verdict.OPEN for each in found) / seeds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print("| days | true difference of the Sharpe ratios | a difference is found |\n|---|---|---|")
    for days in (180, 365, 1_095):
        for difference in (0.0, 1.0, 2.0):
            print(f"| {days} | {difference:g} | {rate(days, difference, seeds):.1%} |", flush=True)
