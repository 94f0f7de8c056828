"""The decisions of a running bot, candle by candle: a new candle costs one step, not its history.

A backtest computes all decisions at once, see `perpkit.breakers.timeline`. A running bot needs the
newest alone, at every candle of every pair. It continues from the state after the candle before,
also where the exchange revises its last candles; the decisions are those of the timeline over every
candle since it began.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Self, TypeVar

import numpy as np

from perpkit.breakers.breaker import UNRESTRICTED, Decision
from perpkit.market.candle_grid import CandleGrid, CandleRows
from perpkit.market.windows import Floats

# The states that are kept; where an older candle is revised, all are judged again from the first.
KEPT = 16

S = TypeVar("S")


class Steps(ABC, Generic[S]):
    """A breaker's rule, candle by candle. Candles are rows of `candle_grid.COLUMNS`, NaN where one
    is missing."""

    @property
    @abstractmethod
    def seconds(self) -> int:
        """The length of a candle."""

    @property
    @abstractmethod
    def lookback(self) -> int:
        """How many candles before a candle its figures depend on."""

    @abstractmethod
    def begin(self, grid: CandleGrid, candles: Floats) -> Sequence[S]:
        """Returns the states after each of the last `KEPT` candles, given all that there are."""

    @abstractmethod
    def fold(self, state: S, grid: CandleGrid, candles: Floats, first: int) -> Sequence[S]:
        """Returns the states after the candles from `first` on.

        :param state: the state before that candle
        :param candles: from `lookback` candles before it, or from the very first
        """

    @abstractmethod
    def decide(self, state: S, closed_at: datetime) -> Decision:
        """Returns what is restricted in a state.

        :param closed_at: the last close on the grid, even if that candle is missing
        """


@dataclass(frozen=True)
class Followed(Generic[S]):
    """The decisions after the newest candles of a pair.

    :param candles: all that are held, to find out what is new or revised
    :param grid: the closes of the rows of `states`
    :param states: after each of the last candles, missing ones included; empty without candles
    """

    steps: Steps[S]
    candles: CandleRows
    grid: CandleGrid
    states: tuple[S, ...]

    @classmethod
    def begun(cls, steps: Steps[S], candles: CandleRows) -> Self:
        """Judges all candles.

        :raises ValueError: if they are not of the length that the rule expects
        """
        grid, values = candles.gapless(steps.seconds)
        states = tuple(steps.begin(grid, values)) if len(values) else ()
        return cls(steps, candles, _moved(grid, len(values) - len(states)), states)

    def on(self, candles: CandleRows) -> Self:
        """Returns the decisions after these candles, which continue the ones before; only what is
        new or revised is judged.

        :param candles: may begin later: a state lives on when its candles are dropped. Where they
            begin earlier, or continue nothing that is held, all are judged
        :raises ValueError: if they are not of the length that the rule expects
        """
        new = candles.first_new(self.candles)
        if not new:
            return self.begun(self.steps, candles)
        seconds, length = self.steps.seconds, self.steps.seconds * 10**9
        newest = int(candles.times[new - 1])
        before = (newest // 10**9 + seconds - self.grid.first_close) // seconds
        beside = (candles.times[new:] - newest) % length
        if not 0 <= before < len(self.states) or beside.any():
            return self.begun(self.steps, candles)
        start = int(np.searchsorted(candles.times, newest - (self.steps.lookback - 1) * length))
        grid, values = candles.since(min(start, new - 1)).laid_out(seconds)
        first = grid.row_at(self.grid.closed_at(before)) + 1
        added = self.steps.fold(self.states[before], grid, values, first)
        states = (*self.states[: before + 1], *added)
        dropped = max(0, len(states) - KEPT)
        return type(self)(self.steps, candles, _moved(self.grid, dropped), states[dropped:])

    @property
    def last_close(self) -> datetime | None:
        """The close of the newest candle; the caller decides whether it is too old."""
        return self.grid.closed_at(len(self.states) - 1) if self.states else None

    def state_at(self, now: datetime) -> S | None:
        """Returns the state after the newest candle that had closed at `now` (with its zone)."""
        row = min(self.grid.row_at(now), len(self.states) - 1)
        return self.states[row] if row >= 0 else None

    def at(self, now: datetime) -> Decision:
        """Returns the decision at `now` (with its zone), which is not before the candles kept."""
        state = self.state_at(now)
        if state is None:
            return UNRESTRICTED
        return self.steps.decide(state, self.grid.closed_at(self.grid.row_at(now)))

    def restrictions(self, now: datetime) -> tuple[Decision, ...]:
        decision = self.at(now)
        return (decision,) if decision.restricts else ()

    def quiet_until(self, now: datetime) -> datetime:
        """Returns `now`, since the next candle of a running bot is unknown."""
        return now


def _moved(grid: CandleGrid, rows: int) -> CandleGrid:
    return CandleGrid(grid.first_close + rows * grid.seconds, grid.seconds)
