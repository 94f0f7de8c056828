"""Fractional Kelly: more risk while the strategy's own closed trades earn it, less while not.

Kelly (1956), "A New Interpretation of Information Rate"; Thorp (2006), "The Kelly Criterion in
Blackjack, Sports Betting and the Stock Market". The full fraction is right only for odds that are
known; with odds estimated from some tens of trades it overbets, hence the fraction and the cap.
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
    """What to multiply the risk per trade with. Under a millisecond: ask once a closed trade.

    :param r_multiples: profit after costs over the risk first taken, of closed trades, oldest
        first; those that are not finite do not count
    :param risk_per_trade: share of equity, above 0
    :return: from `floor` to `cap`; 1 with too few trades
    """
    values = np.asarray(r_multiples, dtype=np.float64)
    values = values[np.isfinite(values)][-rule.window :]
    if len(values) < rule.least_trades:
        return 1.0
    factor = rule.fraction * full_kelly(values) / risk_per_trade
    return float(min(max(factor, rule.floor), rule.cap))


def full_kelly(r_multiples: np.ndarray) -> float:
    """Share f of equity at risk that maximises the mean of log(1 + f R): p - q/b for two outcomes.

    :return: 0 without an edge, infinite without a loss to speak of
    """
    if not r_multiples.mean() > 0:
        return 0.0
    worst = -float(r_multiples.min())
    if worst < 1e-9:
        return float("inf")
    # The derivative, the mean of R / (1 + f R), falls all the way to ruin at f = 1 / worst.
    low, high = 0.0, 1.0 / worst
    for _ in range(50):
        middle = (low + high) / 2
        if (r_multiples / (1 + middle * r_multiples)).mean() > 0:
            low = middle
        else:
            high = middle
    return low
