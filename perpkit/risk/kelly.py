"""Fractional Kelly: more risk while the strategy's closed trades justify it, less while they don't.

Kelly (1956), "A New Interpretation of Information Rate"; Thorp (2006), "The Kelly Criterion in
Blackjack, Sports Betting and the Stock Market". The full fraction is right only for odds that are
known; with odds estimated from a few dozen trades it overbets, hence the fraction and the cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class KellyRule(Parameters):
    """How the risk follows the strategy's own closed trades."""

    fraction: Annotated[
        float, Range(0.01, 1, "of full Kelly"), "How much of the full Kelly risk is taken"
    ] = 0.25
    window: Annotated[
        int, Range(10, 10_000, "trades"), "How many of the newest closed trades count"
    ] = 100
    least_trades: Annotated[
        int, Range(10, "window", "trades"), "With fewer closed trades the factor is 1"
    ] = 50
    floor: Annotated[
        float,
        Range(0.01, 1, "x risk"),
        "The smallest factor; above 0, since a strategy that risks nothing could never show that "
        "its edge is back",
    ] = 0.25
    cap: Annotated[float, Range(1, 5, "x risk"), "The largest factor"] = 1.5


def kelly_factor(rule: KellyRule, r_multiples: Sequence[float], risk_per_trade: float) -> float:
    """Returns the factor by which to multiply the risk per trade.

    It changes only when a trade closes, so call it then; a call takes under a millisecond.

    :param r_multiples: profit after costs over the initial risk, of closed trades, oldest first;
        values that are not finite are ignored
    :param risk_per_trade: share of equity, above 0
    :return: from `floor` to `cap`; 1 with too few trades

    >>> kelly_factor(KellyRule(), [1.5, -1.0] * 30, risk_per_trade=0.01)
    1.5
    """
    values = np.asarray(r_multiples, dtype=np.float64)
    values = values[np.isfinite(values)][-rule.window :]
    if len(values) < rule.least_trades:
        return 1.0
    factor = rule.fraction * full_kelly(values) / risk_per_trade
    return float(min(max(factor, rule.floor), rule.cap))


def full_kelly(r_multiples: np.ndarray) -> float:
    """Returns the share f of equity at risk that maximises the mean of log(1 + f R).

    With two outcomes it is p - q/b.

    :return: 0 without an edge, infinite without a loss worth mentioning

    >>> round(full_kelly(np.array([2.0, -1.0])), 6)  # p = q = 1/2, b = 2
    0.25
    """
    if not r_multiples.mean() > 0:
        return 0.0
    worst = -float(r_multiples.min())
    if worst < 1e-9:
        return float("inf")
    # Bisection: the derivative, the mean of R / (1 + f R), falls up to ruin at f = 1 / worst.
    low, high = 0.0, 1.0 / worst
    for _ in range(50):
        middle = (low + high) / 2
        if (r_multiples / (1 + middle * r_multiples)).mean() > 0:
            low = middle
        else:
            high = middle
    return low
