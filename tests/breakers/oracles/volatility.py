"""The crypto-VIX, candle by candle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan

from perpkit.breakers.latch import OFF, HysteresisState
from perpkit.breakers.volatility import (
    BELOW_FLOOR,
    VolatilityDecision,
    VolatilityLevel,
    VolatilityLimits,
    decide,
)


@dataclass(frozen=True)
class VolatilityState:
    """Figures are those of the newest known candle."""

    figures: tuple[float, float] | None = None
    elevated: HysteresisState = OFF
    stressed: HysteresisState = OFF
    extreme: HysteresisState = OFF

    @property
    def level(self) -> VolatilityLevel:
        return VolatilityLevel(self.elevated.on + self.stressed.on + self.extreme.on)


def step(
    limits: VolatilityLimits,
    state: VolatilityState,
    closed_at: datetime,
    vol: float,
    percentile: float,
) -> tuple[VolatilityState, VolatilityDecision]:
    """Fold in one closed candle; NaN means that it, or enough history, is missing."""
    if not isnan(percentile):
        score = BELOW_FLOOR if vol < limits.floor_annual else percentile
        state = replace(
            state,
            figures=(vol, percentile),
            elevated=limits.hysteresis(VolatilityLevel.ELEVATED).step(state.elevated, score),
            stressed=limits.hysteresis(VolatilityLevel.STRESSED).step(state.stressed, score),
            extreme=limits.hysteresis(VolatilityLevel.EXTREME).step(state.extreme, score),
        )
    holding = state.stressed if state.level >= VolatilityLevel.STRESSED else state.elevated
    return state, decide(limits, state.level, state.figures, holding.below, closed_at)
