"""Fractional Kelly: more risk while the strategy's own closed trades earn it, less while not.

Kelly (1956), "A New Interpretation of Information Rate"; Thorp (2006), "The Kelly Criterion in
Blackjack, Sports Betting and the Stock Market". The full fraction is right only for odds that are
known; with odds estimated from some tens of trades it overbets, hence the fraction and the cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perpkit.checks import check_range


@dataclass(frozen=True)
class KellyRule:
    """:param fraction: of the full Kelly risk that is taken
    :param window: newest closed trades that count
    :param least_trades: with fewer the factor is 1
    :param floor: least factor; above 0, since a strategy that risks nothing could never show that
        its edge is back
    :param cap: largest factor
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    fraction: float = 0.25
    window: int = 100
    least_trades: int = 50
    floor: float = 0.25
    cap: float = 1.5

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0.01, 1)
        check_range("window", self.window, 10, 10_000, whole=True)
        check_range("least_trades", self.least_trades, 10, self.window, whole=True)
        check_range("floor", self.floor, 0.01, 1)
        check_range("cap", self.cap, 1, 5)


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
