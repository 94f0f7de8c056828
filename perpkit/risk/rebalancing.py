"""Rebalancing: target weights, and the trades that bring a basket back to them.

A weight is the value of a position over equity marked to market, negative for a short; the rest is
cash. A pair may drift within the tolerance band; beyond it, it is brought back to the target
itself. Smaller deviations are not traded, so that fees are paid for drift that lasts and not for
noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Annotated, NamedTuple

from perpkit.checks import check_range
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

# Sums of weights such as 0.4 + 0.3 + 0.2 + 0.1 are not exact.
_ROUNDING = 1e-9


def _example() -> dict[str, float]:
    return {"BTC/USDT:USDT": 0.4, "ETH/USDT:USDT": 0.3, "BNB/USDT:USDT": 0.2}


@dataclass(frozen=True)
class TargetWeights(Parameters):
    """What a basket is to hold. Given, `weights` take the place of all the default ones."""

    weights: Annotated[
        Mapping[str, float], "Shares of equity by pair, below 0 for shorts; the rest is cash"
    ] = field(default_factory=_example)
    tolerance: Annotated[
        float,
        Range(0.001, 1, "of equity"),
        "How far a position may drift from its weight, either way",
    ] = 0.05
    min_trade: Annotated[
        float, Range(1, 1_000_000, "stake currency"), "The value of the smallest trade"
    ] = 100.0
    max_gross: Annotated[
        float,
        Range(0.01, 10, "x equity"),
        "The most that the weights may add up to, longs plus shorts, and no trade brings the "
        "basket above it",
    ] = 1.0
    cooldown_days: Annotated[
        float,
        Range(0, 365, "days"),
        "How long a pair stays out after it was stopped out, or closed by hand",
    ] = 7.0

    def check_together(self) -> None:
        if not self.weights:
            raise ValueError("weights must hold at least one pair, got none")
        for pair, weight in self.weights.items():
            check_range(f"weights of {pair}", weight, -self.max_gross, self.max_gross)
        gross = sum(map(abs, self.weights.values()))
        if gross > self.max_gross + _ROUNDING:
            raise ValueError(
                "weights, shorts counted as they are large, must add up to at most max_gross "
                f"({self.max_gross:g}), got {gross:g}"
            )

    def of(self, pair: str) -> float:
        """Returns the target weight of a pair; 0 for one that is not to be held."""
        return self.weights.get(pair, 0.0)

    @property
    def pairs(self) -> list[str]:
        """The pairs that are to be held."""
        return [pair for pair, weight in self.weights.items() if weight]


class Change(NamedTuple):
    """The trade that one pair needs.

    :param value: value to buy, in stake currency; below 0 to sell, 0 where it cannot be done
    :param deviation: weight held less target
    :param opens: the pair is not held yet
    :param adds: the trade increases exposure rather than reducing it
    :param reason: why the trade is not made, or not in full; for the operator
    """

    pair: str
    value: float
    deviation: float
    opens: bool
    adds: bool
    reason: str = ""


def rebalance(
    rule: TargetWeights,
    equity: float,
    held: Mapping[str, float],
    *,
    free: float = inf,
    least: Mapping[str, float] | None = None,
    factors: Mapping[str, float] | None = None,
) -> list[Change]:
    """Returns the trades that bring every pair beyond the tolerance back to its weight, the largest
    deviation first.

    A pair that is not held is bought even if its weight is within the tolerance, and a position
    that has no weight, or one of the other side, is closed however small it is. No trade crosses
    0: a position on the wrong side is closed first. The margin and gross exposure that a reduction
    frees count from the next decision on, once it has been filled; until then additions share what
    there is, the largest deviation first. Unknown equity or values (NaN) trade nothing.

    :param equity: marked to market, in stake currency
    :param held: value of each position at the market, below 0 for shorts
    :param free: exposure that the free margin can carry
    :param least: smallest order of a pair, where it is above `min_trade`; a reduction never leaves
        less than that either, unless it closes the position
    :param factors: part of a pair's target, 0 to 1, up to which new risk is allowed; reductions
        ignore it

    >>> rule = TargetWeights({"BTC/USDT:USDT": 0.5, "ETH/USDT:USDT": 0.3})
    >>> held = {"BTC/USDT:USDT": 6_000.0, "ETH/USDT:USDT": 3_200.0}  # ETH is within 5%
    >>> [(trade.pair, trade.value) for trade in rebalance(rule, 10_000.0, held)]
    [('BTC/USDT:USDT', -1000.0)]
    """
    if not equity > 0 or any(map(isnan, held.values())):
        return []
    least, factors = least or {}, factors or {}
    wanted = []
    for pair in {*rule.weights, *held}:
        value, weight = held.get(pair, 0.0), rule.of(pair)
        deviation = value / equity - weight
        # A position that is not to be held, or not on this side, is no drift.
        unwanted = value != 0 and value * weight <= 0
        if deviation and (not value or unwanted or abs(deviation) > rule.tolerance):
            wanted.append((pair, value, weight * equity, deviation))
    wanted.sort(key=lambda want: (-round(abs(want[-1]), 9), want[0]))

    room = min(free, rule.max_gross * equity - sum(map(abs, held.values())))
    changes = []
    for pair, value, target, deviation in wanted:
        smallest = max(rule.min_trade, least.get(pair, 0.0))
        adds = value * target >= 0 and abs(target) > abs(value)
        if adds:
            trade, reason = _addition(value, target, factors.get(pair, 1.0), room, smallest)
            room -= abs(trade)
        else:
            kept = target if value * target > 0 else 0.0
            # What is closed may be small; the exchange takes any amount that reduces a position.
            smallest = smallest if kept else 0.0
            trade, reason = _reduction(value, kept, smallest, least.get(pair, 0.0))
        changes.append(Change(pair, trade, deviation, not value, adds, reason))
    return changes


def _addition(
    value: float, target: float, factor: float, room: float, smallest: float
) -> tuple[float, str]:
    """Returns the value to trade, below 0 to sell, and why it is not what the target requires."""
    sign = 1.0 if target > 0 else -1.0
    allowed = abs(target) * factor - abs(value)
    reason = "" if factor == 1 else f"breakers and locks allow {factor:.0%} of the weight"
    if not allowed > 0:
        return 0.0, reason
    if room < allowed:
        allowed, reason = room, f"free margin or gross exposure leaves {max(room, 0.0):.2f}"
    if allowed < smallest:
        too_small = f"a trade of {max(allowed, 0.0):.2f} is below the smallest of {smallest:.2f}"
        return 0.0, f"{too_small} ({reason})" if reason else too_small
    return sign * allowed, reason


def _reduction(value: float, kept: float, smallest: float, least: float) -> tuple[float, str]:
    """Returns the same for a reduction, which leaves no rest that is too small to be sold."""
    trade = kept - value
    if abs(trade) < smallest:
        return 0.0, f"a trade of {abs(trade):.2f} is below the smallest of {smallest:.2f}"
    if 0 < abs(kept) < least:
        return 0.0, f"what is left, {abs(kept):.2f}, is below the smallest order of {least:.2f}"
    return trade, ""
