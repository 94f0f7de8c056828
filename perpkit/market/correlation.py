"""How alike pairs move: correlation of hourly returns, in two forms.

`pooled_correlation` estimates all pairs together at one moment, for a bot that trades.
`rolling_correlation` is a column of one pair alone, its correlation to a benchmark, from which
`BenchmarkCorrelation` infers the correlation of two pairs: a backtest may use it without one pair's
column reading another pair's candles. Both answer `between(pair, pair)`, NaN when they do not know.

Measured on BTC, ETH, XRP, LTC, ADA, 1h, 2020-2023, 100 hours against the next 100: the mean
correlation was 0.73; mean squared errors 0.0220 (sample), 0.0214 (constant-correlation target, used
here), 0.0304 (identity target as in scikit-learn, which reads 0.64). A bias towards zero would pass
for diversification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WINDOW_HOURS = 100
KNOWN_SHARE = 0.75  # of a window's hours, below which a correlation is unknown

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PooledCorrelation:
    """:param values: by pair and pair, -1 to 1; NaN where unknown"""

    values: Mapping[str, Mapping[str, float]]

    def between(self, first: str, second: str) -> float:
        if first == second:
            return 1.0
        return self.values.get(first, {}).get(second, float("nan"))


@dataclass(frozen=True)
class BenchmarkCorrelation:
    """One factor, the benchmark, and a common correlation of what it leaves unexplained.

    rho_ij = rho_i rho_j + residual sqrt((1 - rho_i^2)(1 - rho_j^2)), positive semi-definite for a
    residual from 0 to 1. The product alone is too low by 0.15 for altcoins against BTC, which move
    together beyond it; the mean residual there was 0.38 (0.09 to 0.76), and with it the next 100
    hours are forecast as well as by the sample (errors 0.020 and 0.024, the product 0.050).

    :param to_benchmark: correlation of each pair to the benchmark, the benchmark itself at 1
    """

    to_benchmark: Mapping[str, float]
    residual: float = 0.4

    def between(self, first: str, second: str) -> float:
        if first == second:
            return 1.0
        a = self.to_benchmark.get(first, float("nan"))
        b = self.to_benchmark.get(second, float("nan"))
        return a * b + self.residual * sqrt(max(0.0, 1 - a * a) * max(0.0, 1 - b * b))


def pooled_correlation(returns: pd.DataFrame, window: int = WINDOW_HOURS) -> PooledCorrelation:
    """Correlation of all pairs over the last `window` rows, shrunk.

    :param returns: hourly log returns, a column a pair, NaN where missing
    :return: unknown for a pair that lacks more than a quarter of the rows or does not move, and
        for all of them if they share fewer rows than that
    """
    recent = returns.tail(window).to_numpy(dtype=np.float64)
    known = np.isfinite(recent)
    least = KNOWN_SHARE * window
    usable = known.sum(axis=0) >= least
    usable &= np.ptp(np.where(known, recent, 0.0), axis=0) > 0 if len(recent) else False
    shared = recent[np.ix_(known[:, usable].all(axis=1), usable)]
    matrix = np.full((len(usable), len(usable)), np.nan)
    if usable.any() and len(shared) >= least and (np.ptp(shared, axis=0) > 0).all():
        matrix[np.ix_(usable, usable)] = shrunk_correlation(shared)[0]
    names = [str(name) for name in returns.columns]
    rows = (dict(zip(names, row, strict=True)) for row in matrix.tolist())
    return PooledCorrelation(dict(zip(names, rows, strict=True)))


def shrunk_correlation(returns: Floats) -> tuple[Floats, float]:
    """Sample correlation pulled towards the same correlation for every pair.

    Ledoit and Wolf (2004), "Honey, I Shrunk the Sample Covariance Matrix", appendix A, on returns
    of unit variance, so that the wildest pair does not settle the weight of the others.

    :param returns: rows of observations, columns that all vary, no NaN
    :return: the matrix, unit diagonal, positive semi-definite; and the weight of the target, 0 to 1
    """
    rows, columns = returns.shape
    x = returns - returns.mean(axis=0)
    x /= x.std(axis=0)
    sample = x.T @ x / rows
    if columns < 3:  # the target is the sample
        return np.clip(sample, -1.0, 1.0), 0.0
    mean = (sample.sum() - columns) / (columns * (columns - 1))
    target = np.full_like(sample, mean)
    np.fill_diagonal(target, 1.0)

    squares = x**2
    noise = squares.T @ squares / rows - sample**2  # pi_ij, asymptotic variance of each entry
    shared = (x**3).T @ x / rows - sample  # theta_ii,ij, its covariance with the variances
    off_diagonal = shared.sum() - np.trace(shared)
    misfit = ((sample - target) ** 2).sum()
    excess = noise.sum() - np.trace(noise) - mean * off_diagonal
    weight = float(np.clip(excess / (rows * misfit), 0.0, 1.0)) if misfit > 0 else 0.0
    matrix = weight * target + (1 - weight) * sample
    np.fill_diagonal(matrix, 1.0)
    return np.clip(matrix, -1.0, 1.0), weight


def rolling_correlation(returns: Floats, benchmark: Floats, window: int = WINDOW_HOURS) -> Floats:
    """Correlation over the `window` rows that end at each row, that row included.

    Not shrunk: a single correlation has no others to be pulled towards.

    :param returns: hourly log returns of a pair; known when the row's hour has closed
    :param benchmark: the same of the benchmark, row for row, as it was known then
    :return: -1 to 1; NaN where more than a quarter of the window is missing or nothing moves
    """
    known = np.isfinite(returns) & np.isfinite(benchmark)
    x, y = np.where(known, returns, 0.0), np.where(known, benchmark, 0.0)

    def total(values: Floats) -> Floats:
        return np.convolve(values, np.ones(window))[: len(values)]

    n = total(known.astype(np.float64)) if len(known) else np.empty(0)
    if not len(n):
        return n
    sum_x, sum_y, square_x, square_y = total(x), total(y), total(x * x), total(y * y)
    with np.errstate(invalid="ignore", divide="ignore"):
        vary_x, vary_y = square_x - sum_x**2 / n, square_y - sum_y**2 / n
        moves = (vary_x > 1e-9 * square_x) & (vary_y > 1e-9 * square_y)  # above rounding dust
        value = (total(x * y) - sum_x * sum_y / n) / np.sqrt(vary_x * vary_y)
    return np.where(moves & (n >= KNOWN_SHARE * window), np.clip(value, -1.0, 1.0), np.nan)
