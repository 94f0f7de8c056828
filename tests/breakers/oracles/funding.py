"""Funding of one pair, rate by rate."""

from __future__ import annotations

from math import isnan

from perpkit.breakers.breaker import Decision
from perpkit.breakers.funding import (
    BELOW_FLOOR,
    Cause,
    FundingLimits,
    SettledRate,
    decide,
)
from perpkit.breakers.latch import OFF, HysteresisState
from perpkit.market.funding import predicted_cost

FundingState = tuple[HysteresisState, ...]
OPEN: FundingState = (OFF,) * len(Cause)


def step(
    limits: FundingLimits, pair: str, state: FundingState, rate: SettledRate
) -> tuple[FundingState, tuple[Decision, ...]]:
    """Fold in one settled rate."""
    cost = predicted_cost(rate.rate_8h, rate.mean_8h, limits.holding_hours)
    scores = {
        Cause.LONG_EXTREME: _extreme(limits, rate.rate_8h, rate.percentile),
        Cause.LONG_COST: cost,
        Cause.SHORT_EXTREME: _extreme(limits, -rate.rate_8h, 100 - rate.percentile),
        Cause.SHORT_COST: -cost,
    }
    state = tuple(limits.hysteresis(c).step(state[c], scores[c]) for c in Cause)
    below = {cause: state[cause].below for cause in Cause if state[cause].on}
    return state, decide(limits, pair, rate, below, 0)


def _extreme(limits: FundingLimits, paid: float, percentile: float) -> float:
    too_little = paid < limits.floor_8h or paid <= 0
    return BELOW_FLOOR if too_little and not isnan(percentile) else percentile
