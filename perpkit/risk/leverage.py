"""Leverage: the highest that keeps liquidation well beyond the stop and that every cap allows.

The price must reach the stop long before the buffered liquidation price, so a stop distance d
requires a liquidation distance of k x d / (1 - buffer). For collateral S at leverage L the value is
S x L, and `liquidation_price` solved for L in each maintenance tier (rate m, amount c) gives

    L <= (1 + c / S) / (q + m (1 - q))    long,    q = k d / (1 - buffer), at most 1
    L <= (1 + c / S) / (q + m (1 + q))    short

A long needs no more than q = 1: its price cannot fall below 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.liquidation import MaintenanceTiers

# (24h range as a fraction of the price, leverage above it), widest first.
TIERS = ((0.10, 2.0), (0.05, 5.0), (0.0, 10.0))

# Where k x d is more than a long can fall, it is still safe: liquidation at 0, moved by the widest
# buffer, is 60% away, beyond the widest stop.
WIDEST_STOP = 0.5
WIDEST_BUFFER = 0.4


class Cap(StrEnum):
    """The caps that can decide a leverage."""

    MAXIMUM = "max_leverage"
    VOLATILITY = "volatility"
    BREAKERS = "breakers"
    BRACKET = "bracket"
    LIQUIDATION = "liquidation"
    INPUT = "input"  # stop or stake unknown: no leverage can be chosen


@dataclass(frozen=True)
class LeverageLimit(Parameters):
    """What holds leverage down."""

    max_leverage: Annotated[
        float,
        Range(1, 125, "x"),
        "The highest leverage of any trade; 2 to 3 is for anybody's first year",
    ] = 3.0
    stop_margin: Annotated[
        float,
        Range(1.1, 10, "stop distances"),
        "The least distance from the entry to the buffered liquidation price",
    ] = 2.0
    liquidation_buffer: Annotated[
        float,
        Range(0, WIDEST_BUFFER, "of the way"),
        "How far the liquidation price is moved towards the entry, for safety; Freqtrade's setting "
        "of that name is 0.05",
    ] = 0.05
    volatility_tiers: Annotated[
        tuple[tuple[float, float], ...],
        "The 24h range, as a fraction of the price, and the highest leverage above it; the widest "
        "range first",
    ] = TIERS

    def check_together(self) -> None:
        tiers = self.volatility_tiers
        falling = all(a[0] > b[0] and a[1] <= b[1] for a, b in pairwise(tiers))
        if not (tiers and falling and tiers[-1][0] == 0 and tiers[0][1] >= 1):
            raise ValueError(
                "volatility_tiers must fall in range, down to 0, and rise in leverage, from 1 or "
                f"more, got {tiers!r}"
            )

    def by_volatility(self, range_24h: float) -> tuple[float, str]:
        """Returns the leverage of the volatility tier, and the reason."""
        if not (math.isfinite(range_24h) and range_24h >= 0):
            return self.volatility_tiers[0][1], "24h range unknown"
        for floor, leverage in self.volatility_tiers[:-1]:
            if range_24h > floor:
                return leverage, f"24h range {range_24h:.1%} is above {floor:.1%}"
        return self.volatility_tiers[-1][1], f"24h range {range_24h:.1%}"


@dataclass(frozen=True)
class LeverageDecision:
    """The leverage of an entry, or its refusal.

    :param leverage: a whole number, at least 1; None where the entry is refused
    :param cap: the cap that decided
    :param reason: for the operator, with the figures
    """

    leverage: float | None
    cap: Cap
    reason: str

    @property
    def refused(self) -> bool:
        return self.leverage is None


def choose_leverage(
    limit: LeverageLimit,
    tiers: MaintenanceTiers,
    *,
    stake: float,
    stop_distance: float,
    is_short: bool,
    range_24h: float,
    breaker_cap: float = math.inf,
    margin: float | None = None,
) -> LeverageDecision:
    """Returns the largest leverage that every cap allows; refuses where even 1x is too much.

    Leverage is a whole number, because the exchange accepts no other: for 2.7 Freqtrade would set 2
    and record 2.7. A wider stop, a larger stake, more volatility or a lower cap never raises it.

    :param stake: the maximum collateral of the entry, in quote currency; less is always safer
    :param stop_distance: from entry to stop, as a fraction of the entry price, before leverage
    :param range_24h: see `volatility_leverage`
    :param breaker_cap: the maximum that the breakers allow; below 1, or NaN, refuses
    :param margin: margin that carries the position: the stake itself (default) if isolated,
        `carrying_margin` if cross

    >>> from perpkit.risk.liquidation import MaintenanceTier
    >>> tiers = MaintenanceTiers((MaintenanceTier(0, 0.004, 0, 125),))
    >>> found = choose_leverage(
    ...     LeverageLimit(), tiers, stake=100, stop_distance=0.2, is_short=False, range_24h=0.03
    ... )
    >>> found.leverage, found.cap
    (2.0, <Cap.LIQUIDATION: 'liquidation'>)
    """
    carrying = stake if margin is None else margin
    if not 0 < stop_distance <= WIDEST_STOP:
        return _refusal(
            Cap.INPUT,
            f"stop distance {stop_distance:.2%} is not above 0 and at most {WIDEST_STOP:.0%}",
        )
    if not 0 < stake < math.inf or math.isnan(carrying):
        return _refusal(Cap.INPUT, f"stake is {stake}, margin {carrying}")
    if math.isnan(breaker_cap):
        return _refusal(Cap.BREAKERS, "what the breakers allow is unknown")
    needed = limit.stop_margin * stop_distance
    by_volatility, volatility = limit.by_volatility(range_24h)
    caps = (
        (limit.max_leverage, Cap.MAXIMUM, "max_leverage"),
        (by_volatility, Cap.VOLATILITY, volatility),
        (breaker_cap, Cap.BREAKERS, "what the breakers allow"),
        (
            bracket_leverage(tiers, stake),
            Cap.BRACKET,
            f"the pair's bracket at a stake of {stake:,.0f}",
        ),
        (
            _liquidation_leverage(limit, tiers, stake, carrying, needed, is_short),
            Cap.LIQUIDATION,
            f"buffered liquidation at least {needed:.2%} of price away, {limit.stop_margin:g} x "
            f"the stop's {stop_distance:.2%}",
        ),
    )
    most, cap, why = min(caps, key=lambda c: c[0])
    if not most >= 1:
        return _refusal(cap, f"even 1x is more than {most:.3g}x ({why})")
    leverage = float(math.floor(most))
    return LeverageDecision(leverage, cap, f"leverage {leverage:g}x: {why} ({most:.4g}x)")


def bracket_leverage(tiers: MaintenanceTiers, stake: float) -> float:
    """Returns the largest leverage that the exchange allows for the notional, stake x leverage.

    It is below 1 where the stake alone exceeds the largest notional.
    """
    ceilings = [upper.floor for upper in tiers.rows[1:]] + [tiers.cap]
    return max(
        min(tier.max_leverage, ceiling / stake)
        for tier, ceiling in zip(tiers.rows, ceilings, strict=True)
    )


def volatility_leverage(limit: LeverageLimit, range_24h: float, pair_maximum: float) -> float:
    """Returns the leverage of the volatility tier, capped by the limit and the pair's maximum.

    :param range_24h: (highest high - lowest low) / close of the last 24 h, as a fraction; NaN or
        negative means unknown and gets the lowest tier
    :param pair_maximum: the leverage that the exchange allows for the pair at the intended stake
    :return: at least 1

    >>> volatility_leverage(LeverageLimit(max_leverage=20), range_24h=0.06, pair_maximum=50)
    5.0
    """
    return max(1.0, min(limit.by_volatility(range_24h)[0], limit.max_leverage, pair_maximum))


def _refusal(cap: Cap, why: str) -> LeverageDecision:
    return LeverageDecision(None, cap, f"leverage refused: {why}")


def _liquidation_leverage(
    limit: LeverageLimit,
    tiers: MaintenanceTiers,
    stake: float,
    carrying: float,
    needed: float,
    is_short: bool,
) -> float:
    """:param needed: minimum distance of the buffered liquidation price, a fraction of the entry"""
    distance = needed / (1 - limit.liquidation_buffer)
    if not is_short:
        distance = min(distance, 1.0)
    side = 1 if is_short else -1
    return min(
        (carrying + tier.amount) / stake / (distance + tier.rate * (1 + side * distance))
        for tier in tiers.rows
    )
