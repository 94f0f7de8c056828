"""Flash crash: block entries after a fall or rise that is too large for the time it took.

It is judged on closed candles, pair by pair; `perpkit.breakers.running_crash` judges the running
one in a bot, and `perpkit.breakers.market_wide` derives a block of all pairs. The size of a move is
absolute; the crypto-VIX is the breaker that is relative to the past. The defaults are explained in
docs/flash_crash.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.breaker import (
    ALL_PAIRS,
    UNRESTRICTED,
    WITHIN_ROUNDING,
    Decision,
    Side,
    Trading,
)
from perpkit.breakers.latch import OFF, Hysteresis, HysteresisState
from perpkit.breakers.timeline import CandleTimeline
from perpkit.market.candle_grid import CandleGrid, CandleRows
from perpkit.market.windows import highest, later, lowest
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import NotEmpty, Range

Floats = NDArray[np.float64]

# The scores of a candle: it trips the latch, holds it, or counts as calm.
CRASHING, UNSETTLED, CALM = 1.0, 0.5, 0.0
# The two directions, the verbs for them, and the side that bets on a reversal.
FALL, RISE = 0, 1
VERBS = ("fell", "rose")
AGAINST: tuple[Side, Side] = ("long", "short")


class Blocks(StrEnum):
    """Which entries a move blocks."""

    BOTH = "both"
    AGAINST = "against"  # those that bet on a reversal: longs after a fall, shorts after a rise


class MoveWindow(NamedTuple):
    """A fall or a rise within `minutes` that trips."""

    minutes: Annotated[int, Range(1, 10_080, "min"), "The time of the move"]
    move: Annotated[float, Range(0.001, 10, "of the price"), "A share of where the move began"]


@dataclass(frozen=True)
class FlashCrashLimits(Parameters):
    """A time that is no multiple of the candle is rounded up to whole candles."""

    windows: Annotated[
        tuple[MoveWindow, ...],
        NotEmpty(),
        "Pairs of minutes and move, the longer window with the larger move",
    ] = (MoveWindow(60, 0.10), MoveWindow(240, 0.15))
    cool_down_minutes: Annotated[
        int, Range(0, 10_080, "min"), "The time after the last trip; calm counts from its end"
    ] = 120
    calm_minutes: Annotated[
        int,
        Range(1, 10_080, "min"),
        "The time whose range, high over low, shows whether it is calm",
    ] = 60
    calm_range: Annotated[
        float,
        Range(0.0001, "first_move", "of the price"),
        "Below this range a candle counts as calm",
    ] = 0.04
    calm_candles: Annotated[int, Range(1, 1_000, "candles"), "How many in a row must be calm"] = 1
    blocks: Annotated[
        Blocks, "Whether both sides are blocked, or only entries against the move"
    ] = Blocks.BOTH
    market_share: Annotated[
        float,
        Range(0, 1, "of the traded pairs"),
        "When this many are blocked, all are",
    ] = 0.5
    market_min_pairs: Annotated[
        int, Range(1, 1_000, "pairs"), "At least this many must be blocked to block all"
    ] = 2
    looks: Annotated[
        int,
        Range(0, 100, "looks"),
        "In a running bot, how many looks in a row must show a running price; 0 for none",
    ] = 3
    timeframe_minutes: Annotated[int, Range(1, 10_080, "min"), "The length of a candle"] = 60
    pair: Annotated[str, "The pair that decisions are about"] = ALL_PAIRS

    @property
    def first_move(self) -> float:
        """The move of the shortest window."""
        return self.windows[0].move

    def check_together(self) -> None:
        for shorter, longer in pairwise(self.windows):
            if not (shorter.minutes < longer.minutes and shorter.move < longer.move):
                raise ValueError(
                    "windows must be pairs of minutes and move, each longer and larger than the "
                    f"one before, got {[list(window) for window in self.windows]}"
                )

    @property
    def candle(self) -> timedelta:
        return timedelta(minutes=self.timeframe_minutes)

    @property
    def cool_down(self) -> timedelta:
        return self.candle * self.candles_in(self.cool_down_minutes)

    @property
    def trips(self) -> Floats:
        """The move from which each window trips."""
        return np.array([window.move * WITHIN_ROUNDING for window in self.windows])

    @property
    def hysteresis(self) -> Hysteresis:
        return Hysteresis(CRASHING, UNSETTLED, calm=self.calm_candles)

    @property
    def history(self) -> timedelta:
        """The past that a decision depends on: a trip, and a week in which it did not calm down."""
        minutes = self.windows[-1].minutes + self.cool_down_minutes
        return timedelta(days=7, minutes=minutes)

    def candles_in(self, minutes: int) -> int:
        return ceil(minutes / self.timeframe_minutes)


class Trip(NamedTuple):
    """The last trip of a direction that still blocks.

    :param direction: `FALL` or `RISE`
    :param closed_at: close of the candle that tripped, or when a running price did
    :param move: the fall or rise that tripped, within `window`
    :param calm: calm candles in a row since then
    """

    direction: int
    closed_at: datetime
    move: float
    window: MoveWindow
    calm: int


class DirectionState(NamedTuple):
    """The state of a direction after a candle.

    :param trip: the last one, whether or not it still blocks; its `calm` is that of the latch
    """

    latch: HysteresisState = OFF
    trip: Trip | None = None


# The state after a candle, of falls and of rises.
CrashState = tuple[DirectionState, DirectionState]


@dataclass(frozen=True)
class FlashCrashTimeline(CandleTimeline[Decision]):
    """The decisions over a frame of candles. Arrays by direction have falls first, then rises.

    :param moves: by direction, candle and window: the move; NaN where the candle is missing
    :param span: by candle: high over low of the calm window, less one
    :param on: by direction and candle: whether the latch is on
    :param below: by direction and candle: calm candles in a row that the latch has counted
    :param tripped: by direction and candle: row of the last trip, -1 before the first
    """

    limits: FlashCrashLimits
    moves: Floats
    span: Floats
    on: NDArray[np.bool_]
    below: NDArray[np.int64]
    tripped: NDArray[np.int64]

    NOTHING = UNRESTRICTED

    def decide(self, row: int, now: datetime) -> Decision:
        trips = [self._trip(way, row) for way in (FALL, RISE) if self.on[way, row]]
        return decide(self.limits, [trip for trip in trips if trip], self.closed_by(now))

    def state(self, row: int) -> CrashState:
        """Returns the state after a candle, for a running bot to continue."""
        fall, rise = (
            DirectionState(
                HysteresisState(bool(self.on[way, row]), below=int(self.below[way, row])),
                self._trip(way, row),
            )
            for way in (FALL, RISE)
        )
        return fall, rise

    def _trip(self, direction: int, row: int) -> Trip | None:
        tripped = int(self.tripped[direction, row])
        if tripped < 0:
            return None
        moves = self.moves[direction, tripped]
        worst = int(np.argmax(moves / self.limits.trips))
        return Trip(
            direction,
            self.grid.closed_at(tripped),
            float(moves[worst]),
            self.limits.windows[worst],
            int(self.below[direction, row]),
        )


def timeline(limits: FlashCrashLimits, candles: pd.DataFrame) -> FlashCrashTimeline:
    """Returns the decisions over a frame of candles.

    A candle without volume counts as missing: there were no trades, or a gap was filled.

    :param candles: Freqtrade's columns `date` (open time, UTC), OHLC and `volume`
    :raises ValueError: if the candles are not of `timeframe_minutes`
    """
    grid, values = CandleRows.of(candles).gapless(limits.timeframe_minutes * 60)
    return judge(limits, grid, *figures(limits, values))


def figures(limits: FlashCrashLimits, candles: Floats) -> tuple[Floats, Floats]:
    """Returns the moves and the span of each candle, as for `judge`.

    :param candles: rows of `candle_grid.COLUMNS`
    """
    open_, high, low, close = np.where(candles[:, 4] > 0, candles.T[:4], np.nan)
    counts = [limits.candles_in(window.minutes) for window in limits.windows]
    falls = np.column_stack([_largest_fall(open_, high, low, close, n) for n in counts])
    upside_down = 1 / open_, 1 / low, 1 / high, 1 / close
    drops = np.column_stack([_largest_fall(*upside_down, n) for n in counts])
    calm = limits.candles_in(limits.calm_minutes)
    span = np.where(np.isnan(close), np.nan, highest(high, calm) / lowest(low, calm) - 1)
    return np.array([falls, drops / (1 - drops)]), span


def judge(
    limits: FlashCrashLimits, grid: CandleGrid, moves: Floats, span: Floats
) -> FlashCrashTimeline:
    """Returns the decisions that follow from the figures of the candles.

    :param moves: by direction, candle and window: the largest fall and the largest rise that ended
        in each candle; NaN where it is missing
    :param span: by candle: high over low of the calm window, less one; NaN where it is missing
    """
    rows = np.arange(len(span))
    trips = (moves / limits.trips >= 1).any(axis=2)
    tripped = np.maximum.accumulate(np.where(trips, rows, -1), axis=1)
    cool_down = limits.candles_in(limits.cool_down_minutes)
    cooling = (tripped >= 0) & (rows - tripped < cool_down)
    score = np.where(cooling | (span >= limits.calm_range), UNSETTLED, CALM)
    score = np.where(np.isnan(span), np.nan, np.where(trips, CRASHING, score))
    swept = [limits.hysteresis.sweep(of_direction) for of_direction in score]
    on, below = (np.array(part) for part in zip(*swept, strict=True))
    return FlashCrashTimeline(
        grid, on.any(axis=0).tobytes(), limits, moves, span, on, below, tripped
    )


def _largest_fall(open_: Floats, high: Floats, low: Floats, close: Floats, count: int) -> Floats:
    """Returns the largest fall within `count` candles that certainly ended in each, as a fraction.

    The order of high and low within a candle is unknown, but the open comes first and the close
    last: so a fall from an earlier high or the open to the low counts, and one from the high to the
    close. A fall from a candle's own high to its own low is missed: the figure errs low.
    """
    start = open_
    if count > 1:
        earlier = later(highest(high, count - 1), 1)
        start = np.where(earlier > start, earlier, start)
    to_low, to_close = 1 - low / start, 1 - close / high
    return np.where(to_low > to_close, to_low, to_close)


def decide(limits: FlashCrashLimits, trips: Sequence[Trip], closed_at: datetime) -> Decision:
    """Returns what is blocked by the directions that have tripped and not calmed down.

    :param closed_at: close of the newest candle
    """
    if not trips:
        return UNRESTRICTED
    releases = [release_of(limits, trip, closed_at) for trip in trips]
    side: Side = "*"
    effect = "no new entries"
    if limits.blocks is Blocks.AGAINST and len(trips) == 1:
        side = AGAINST[trips[0].direction]
        effect = f"no new {side}s"
    moves = " and ".join(
        f"{VERBS[trip.direction]} {trip.move:.1%} within {trip.window.minutes} min by "
        f"{trip.closed_at:%Y-%m-%d %H:%M} UTC (limit {trip.window.move:.1%})"
        for trip in trips
    )
    return Decision(
        Trading.REDUCING,
        size_factor=0.0,
        # Both directions block one side each, so the first release already changes the decision.
        release=min(releases) if limits.blocks is Blocks.AGAINST else max(releases),
        reason=f"{limits.pair} {moves}: {effect} until {limits.calm_minutes} min stay within "
        f"{limits.calm_range:.1%}",
        pair=limits.pair,
        side=side,
    )


def release_of(limits: FlashCrashLimits, trip: Trip, closed_at: datetime) -> datetime:
    """Returns the earliest time at which a trip can stop blocking: the close of a candle.

    :param closed_at: close of the newest candle
    """
    cooling = ceil((trip.closed_at + limits.cool_down - closed_at) / limits.candle)
    return closed_at + limits.candle * (max(1, cooling) + limits.calm_candles - trip.calm - 1)
