"""The flash crash in a running bot: the rule of `flash_crash.judge`, candle by candle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from perpkit.breakers.breaker import Decision
from perpkit.breakers.flash_crash import (
    CALM,
    CRASHING,
    FALL,
    RISE,
    UNSETTLED,
    CrashState,
    DirectionState,
    FlashCrashLimits,
    Floats,
    Trip,
    decide,
    figures,
    judge,
)
from perpkit.breakers.follow import KEPT, Followed, Steps
from perpkit.market.candle_grid import CandleGrid, CandleRows


@dataclass(frozen=True)
class CrashSteps(Steps[CrashState]):
    limits: FlashCrashLimits

    @property
    def seconds(self) -> int:
        return self.limits.timeframe_minutes * 60

    @property
    def lookback(self) -> int:
        limits = self.limits
        return limits.candles_in(max(limits.windows[-1].minutes, limits.calm_minutes))

    def begin(self, grid: CandleGrid, candles: Floats) -> list[CrashState]:
        line = judge(self.limits, grid, *figures(self.limits, candles))
        return [line.state(row) for row in range(len(line))[-KEPT:]]

    def fold(
        self, state: CrashState, grid: CandleGrid, candles: Floats, first: int
    ) -> list[CrashState]:
        moves, span = figures(self.limits, candles)
        states = []
        for row in range(first, len(span)):
            if not np.isnan(span[row]):
                closed_at = grid.closed_at(row)
                fall, rise = (
                    self._step(way, state[way], closed_at, moves[way, row], float(span[row]))
                    for way in (FALL, RISE)
                )
                state = fall, rise
            states.append(state)
        return states

    def decide(self, state: CrashState, closed_at: datetime) -> Decision:
        return decide(self.limits, tripped(state), closed_at)

    def _step(
        self, way: int, was: DirectionState, closed_at: datetime, moves: Floats, span: float
    ) -> DirectionState:
        """:param moves: by window, in a direction"""
        limits, trip = self.limits, was.trip
        severity = moves / limits.trips
        worst = int(np.argmax(severity))
        if severity[worst] >= 1:
            trip = Trip(way, closed_at, float(moves[worst]), limits.windows[worst], 0)
            score = CRASHING
        else:
            cooling = trip is not None and closed_at - trip.closed_at < limits.cool_down
            score = UNSETTLED if cooling or span >= limits.calm_range else CALM
        latch = limits.hysteresis.step(was.latch, score)
        return DirectionState(latch, trip and trip._replace(calm=latch.below))


def tripped(state: CrashState) -> list[Trip]:
    """Returns the trips that block in a state."""
    return [one.trip for one in state if one.latch.on and one.trip is not None]


def follow(limits: FlashCrashLimits, candles: CandleRows) -> Followed[CrashState]:
    """Returns the decisions after the newest of the candles, for a running bot to continue.

    :raises ValueError: if the candles are not of `timeframe_minutes`
    """
    return Followed.begun(CrashSteps(limits), candles)
