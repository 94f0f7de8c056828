"""The flash crash, candle by candle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan

from perpkit.breakers.breaker import Decision
from perpkit.breakers.flash_crash import (
    CALM,
    CRASHING,
    FALL,
    RISE,
    UNSETTLED,
    FlashCrashLimits,
    Trip,
    decide,
)
from perpkit.breakers.latch import OFF, HysteresisState


@dataclass(frozen=True)
class DirectionState:
    latch: HysteresisState = OFF
    trip: Trip | None = None


FlashCrashState = tuple[DirectionState, DirectionState]
STILL: FlashCrashState = (DirectionState(), DirectionState())


def step(
    limits: FlashCrashLimits,
    state: FlashCrashState,
    closed_at: datetime,
    moves: Sequence[Sequence[float]],
    span: float,
) -> tuple[FlashCrashState, Decision]:
    """Fold in one closed candle; NaN means that it is missing.

    :param moves: the largest fall, and the largest rise, that ended in it, in each window
    :param span: high over low of the calm window, less one
    """
    fall, rise = (
        state[way] if isnan(span) else _fold(limits, way, state[way], closed_at, moves[way], span)
        for way in (FALL, RISE)
    )
    held = [
        one.trip._replace(calm=one.latch.below)
        for one in (fall, rise)
        if one.latch.on and one.trip is not None
    ]
    return (fall, rise), decide(limits, held, closed_at)


def _fold(
    limits: FlashCrashLimits,
    way: int,
    was: DirectionState,
    closed_at: datetime,
    moves: Sequence[float],
    span: float,
) -> DirectionState:
    severities = [move / window.move for move, window in zip(moves, limits.windows, strict=True)]
    worst = severities.index(max(severities))
    if severities[worst] >= 1:
        latch = limits.hysteresis.step(was.latch, CRASHING)
        return DirectionState(latch, Trip(way, closed_at, moves[worst], limits.windows[worst], 0))
    cooling = was.trip is not None and closed_at - was.trip.closed_at < limits.cool_down
    score = UNSETTLED if cooling or span >= limits.calm_range else CALM
    return replace(was, latch=limits.hysteresis.step(was.latch, score))
