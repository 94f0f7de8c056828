"""What luck could have made of the same trades and the same days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.research.overfitting.bootstrap import samples
from perpkit.research.trades import Trade

Floats = NDArray[np.float64]
SHUFFLES = 2_000
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Luck:
    """Fractions; the three figures are the 5%, 50% and 95% quantiles.

    :param loss: the share of samples that lost money
    """

    growth: tuple[float, float, float]
    max_drawdown: tuple[float, float, float]
    loss: float


def by_order(trades: Sequence[Trade], starting_balance: float, *, seed: int) -> Luck:
    """Returns what other orders of the same closed trades would have made.

    Each trade makes the same share of the balance before it, so that the end is the same and the
    way there is not. Only what is realised counts.

    :param trades: in the order of closing
    """
    made = np.array([trade.profit for trade in trades], dtype=np.float64)
    before = starting_balance + np.append(0.0, np.cumsum(made)[:-1])
    # After ruin there is no share to make; a loss is at most everything.
    usable = before > 0
    shares = np.where(usable, np.maximum(made / np.where(usable, before, 1.0), -1.0), 0.0)
    draw = np.random.default_rng(seed)
    found = np.array([_growth_and_drawdown(draw.permutation(shares)) for _ in range(SHUFFLES)])
    return _luck(found)


def by_days(returns: pd.Series, *, seed: int) -> Luck:
    """Returns what blocks of the same days, drawn with replacement, would have made.

    :param returns: daily, marked to market
    :raises ModuleNotFoundError: without the extra `research`
    """
    values = np.maximum(returns.to_numpy(dtype=np.float64), -1.0)
    return _luck(samples(values, _growth_and_drawdown, seed=seed))


def _growth_and_drawdown(returns: Floats) -> Floats:
    # Rounding must not let an even end look like a loss.
    curve = np.append(1.0, np.cumprod(1 + returns))
    peak = np.maximum.accumulate(curve)
    return np.array([round(float(curve[-1]) - 1, 12), float((1 - curve / peak).max())])


def _luck(found: Floats) -> Luck:
    growth, drawdown = (np.quantile(found[:, n], QUANTILES).tolist() for n in (0, 1))
    return Luck(tuple(growth), tuple(drawdown), float((found[:, 0] < 0).mean()))
