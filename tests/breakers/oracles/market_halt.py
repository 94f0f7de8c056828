"""The market halt, candle by candle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan

from perpkit.breakers.breaker import Decision
from perpkit.breakers.latch import OFF, HysteresisState
from perpkit.breakers.market_halt import HaltLimits, decide


@dataclass(frozen=True)
class HaltState:
    """:param gap: the last one beyond the limit, and the close of its candle"""

    volume_share: float = 0.0
    halted: HysteresisState = OFF
    gap: tuple[float, datetime] | None = None


def step(
    limits: HaltLimits, state: HaltState, closed_at: datetime, volume_share: float, gap: float
) -> tuple[HaltState, Decision]:
    """Fold in one closed candle; NaN is unknown."""
    if not isnan(volume_share):
        latch = limits.hysteresis.step(state.halted, -volume_share)
        state = replace(state, volume_share=volume_share, halted=latch)
    if abs(gap) >= limits.gap:
        state = replace(state, gap=(gap, closed_at))
    share = state.volume_share if state.halted.on else None
    return state, decide(limits, share, state.gap, closed_at)
