"""The market halt in a running bot: the rule of `market_halt.judge`, candle by candle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isnan, nan

import numpy as np

from perpkit.breakers.breaker import Decision
from perpkit.breakers.follow import KEPT, Followed, Steps
from perpkit.breakers.market_halt import (
    Floats,
    HaltLimits,
    HaltState,
    decide,
    figures,
    judge,
    usual,
)
from perpkit.market.candle_grid import CandleGrid, CandleRows
from perpkit.market.windows import last_known, later


@dataclass(frozen=True)
class HaltSteps(Steps[HaltState]):
    limits: HaltLimits

    @property
    def seconds(self) -> int:
        return self.limits.timeframe_minutes * 60

    @property
    def lookback(self) -> int:
        return self.limits.volume_candles

    def begin(self, grid: CandleGrid, candles: Floats) -> list[HaltState]:
        average, last_trade = map(last_known, usual(self.limits, candles))
        line = judge(self.limits, grid, *figures(candles, later(average, 1), later(last_trade, 1)))
        return [
            line.state(row, float(average[row]), float(last_trade[row]))
            for row in range(len(line))[-KEPT:]
        ]

    def fold(
        self, state: HaltState, grid: CandleGrid, candles: Floats, first: int
    ) -> list[HaltState]:
        average, last_trade = usual(self.limits, candles)
        states = []
        for row in range(first, len(candles)):
            before = np.array([state.average]), np.array([state.last_trade])
            [share], [gap] = figures(candles[row : row + 1], *before)
            state = self._step(state, grid.closed_at(row), float(share), float(gap))
            if not isnan(average[row]):
                state = state._replace(average=float(average[row]))
            if not isnan(last_trade[row]):
                state = state._replace(last_trade=float(last_trade[row]))
            states.append(state)
        return states

    def _step(self, state: HaltState, closed_at: datetime, share: float, gap: float) -> HaltState:
        return state._replace(
            share=share,
            known=state.known if isnan(share) else share,
            latch=self.limits.hysteresis.step(state.latch, -share),
            gap=(gap, closed_at) if abs(gap) >= self.limits.least_gap else state.gap,
        )

    def decide(self, state: HaltState, closed_at: datetime) -> Decision:
        share = state.known if state.latch.on else None
        return decide(self.limits, share, state.gap, closed_at)


@dataclass(frozen=True)
class FollowedHalt(Followed[HaltState]):
    """The decisions after the newest candles of a pair."""

    def volume_share_at(self, now: datetime) -> float:
        """Returns the volume share of the newest candle closed by `now`; NaN where unknown."""
        state = self.state_at(now)
        return nan if state is None else state.share


def follow(limits: HaltLimits, candles: CandleRows) -> FollowedHalt:
    """Returns the decisions after the newest of the candles, for a running bot to continue.

    :raises ValueError: if the candles are not of `timeframe_minutes`
    """
    return FollowedHalt.begun(HaltSteps(limits), candles)
