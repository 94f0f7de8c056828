"""Leverage: less of it the more the price has moved in the last day."""

from __future__ import annotations

import math
from dataclasses import dataclass

# (24h range as a fraction of the price, leverage above it), widest first; from the original design.
TIERS = ((0.10, 2.0), (0.05, 5.0), (0.0, 10.0))


@dataclass(frozen=True)
class LeverageLimit:
    """:param max_leverage: cap on every tier, 1 to 125; 2 to 3 is for anybody's first year

    :raises ValueError: naming the parameter, its value and the allowed range
    """

    max_leverage: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.max_leverage <= 125:
            raise ValueError(f"max_leverage must lie between 1 and 125, got {self.max_leverage!r}")


def volatility_leverage(limit: LeverageLimit, range_24h: float, pair_maximum: float) -> float:
    """Leverage of the volatility tier, capped by the limit and by the pair's own maximum.

    :param range_24h: (highest high - lowest low) / close of the last 24 h, as a fraction; NaN or
        negative means unknown and gets the lowest tier
    :param pair_maximum: what the exchange allows for the pair at the intended stake
    :return: at least 1
    """
    tier = TIERS[0][1]
    if math.isfinite(range_24h) and range_24h >= 0:
        tier = next((leverage for floor, leverage in TIERS if range_24h > floor), TIERS[-1][1])
    return max(1.0, min(tier, limit.max_leverage, pair_maximum))
