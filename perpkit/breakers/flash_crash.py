"""Flash crash: brake after a fall or rise too large for the time it took.

Judged on closed candles, pair by pair and, from the pairs, for the whole market. What is watched is
an absolute size: a relative brake is the crypto-VIX. Figures behind the defaults:
docs/flash_crash.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import ceil, isnan
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.breaker import ALL_PAIRS, UNRESTRICTED, Decision, Side, Trading
from perpkit.breakers.latch import OFF, Hysteresis, Latch
from perpkit.breakers.quiet import quiet_until
from perpkit.market.candle_grid import CandleGrid, on_grid
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import NotEmpty, Range

Floats = NDArray[np.float64]
OHLC = ("open", "high", "low", "close")

# A candle as the latch sees it: it trips, holds, or counts as calm.
CRASHING, UNSETTLED, CALM = 1.0, 0.5, 0.0


class Blocks(StrEnum):
    """Which entries a move blocks."""

    BOTH = "both"
    AGAINST = "against"  # those that bet on its return: longs after a fall, shorts after a rise


class Window(NamedTuple):
    """A fall or a rise within `minutes` that trips."""

    minutes: Annotated[int, Range(1, 10_080, "min"), "The time of the move"]
    move: Annotated[float, Range(0.001, 10, "of the price"), "A share of where the move began"]


@dataclass(frozen=True)
class FlashCrashLimits(Parameters):
    """A time that is no multiple of the candle is rounded up to whole candles."""

    windows: Annotated[
        tuple[Window, ...],
        NotEmpty(),
        "Pairs of minutes and move, the longer window with the larger move",
    ] = (Window(60, 0.10), Window(240, 0.15))
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
    timeframe_minutes: Annotated[int, Range(1, 10_080, "min"), "The length of a candle"] = 60
    pair: Annotated[str, "The pair that decisions are about"] = ALL_PAIRS

    @property
    def first_move(self) -> float:
        """Of the shortest window."""
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
    def hysteresis(self) -> Hysteresis:
        return Hysteresis(CRASHING, UNSETTLED, calm=self.calm_candles)

    @property
    def history_minutes(self) -> int:
        """What the decision depends on: a trip, and a week in which the market did not calm."""
        return self.windows[-1].minutes + self.cool_down_minutes + 7 * 24 * 60

    def candles_in(self, minutes: int) -> int:
        return ceil(minutes / self.timeframe_minutes)


@dataclass(frozen=True)
class Observation:
    """One closed candle. NaN means that the candle is missing.

    :param falls: largest fall that ended in it, for each window; `rises` likewise
    :param range: high over low of the calm window, less one
    """

    closed_at: datetime
    falls: tuple[float, ...]
    rises: tuple[float, ...]
    range: float


@dataclass(frozen=True)
class Direction:
    """Falls, or rises: what is remembered of them.

    :param tripped_at: close of the last candle that tripped
    :param move: the move of then, within `minutes`, with `limit` as its limit
    """

    latch: Latch = OFF
    tripped_at: datetime | None = None
    move: float = 0.0
    minutes: int = 0
    limit: float = 0.0


STILL = Direction()


@dataclass(frozen=True)
class FlashCrashState:
    closed_at: datetime | None = None
    fall: Direction = STILL
    rise: Direction = STILL


def step(
    limits: FlashCrashLimits, state: FlashCrashState, observation: Observation
) -> tuple[FlashCrashState, Decision]:
    """Fold in one closed candle; one that is not newer than the last changes nothing."""
    if state.closed_at is None or observation.closed_at > state.closed_at:
        state = FlashCrashState(
            observation.closed_at,
            _fold(limits, state.fall, observation, observation.falls),
            _fold(limits, state.rise, observation, observation.rises),
        )
    assert state.closed_at is not None
    return state, _decide(limits, state.fall, state.rise, state.closed_at)


def _fold(
    limits: FlashCrashLimits, was: Direction, seen: Observation, moves: tuple[float, ...]
) -> Direction:
    if isnan(seen.range):
        return was
    severities = _severities(limits, moves)
    worst = int(np.argmax(severities))
    if severities[worst] >= 1:
        latch = limits.hysteresis.step(was.latch, CRASHING)
        return Direction(latch, seen.closed_at, moves[worst], *limits.windows[worst])
    cooling = was.tripped_at is not None and seen.closed_at - was.tripped_at < limits.cool_down
    score = UNSETTLED if cooling or seen.range >= limits.calm_range else CALM
    return replace(was, latch=limits.hysteresis.step(was.latch, score))


def _severities(limits: FlashCrashLimits, moves: tuple[float, ...]) -> list[float]:
    """Of the move in each window, in multiples of its limit."""
    return [move / window.move for move, window in zip(moves, limits.windows, strict=True)]


@dataclass(frozen=True)
class FlashCrashTimeline:
    """Every decision over a frame of candles, a row each. Of the arrays by direction, the first is
    about falls, the second about rises.

    :param moves: by direction, candle and window, NaN where the candle is missing
    :param range: of the calm window, NaN likewise
    :param on: by direction and candle: whether the latch holds; `below` is its count
    :param tripped: by direction and candle: row of the last trip, -1 before the first
    """

    limits: FlashCrashLimits
    grid: CandleGrid
    moves: Floats
    range: Floats
    on: NDArray[np.bool_]
    below: NDArray[np.int64]
    tripped: NDArray[np.int64]
    # As bytes, for one is looked up three times as fast.
    blocked: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocked", self.on.any(axis=0).tobytes())

    @property
    def last_close(self) -> datetime | None:
        """When the newest candle closed; how old it may be is for the caller to judge."""
        return self.grid.closed_at(len(self.blocked) - 1) if self.blocked else None

    def at(self, now: datetime) -> Decision:
        """The decision at `now` (aware), from candles closed at or before it.

        Past the newest candle the last state holds, and its release moves on with the clock:
        candles that nobody saw do not count as calm.
        """
        slot = self.grid.row_at(now)
        row = min(slot, len(self.blocked) - 1)
        if row < 0 or not self.blocked[row]:
            return UNRESTRICTED
        fall, rise = (self._direction(direction, row) for direction in (0, 1))
        return _decide(self.limits, fall, rise, self.grid.closed_at(slot))

    def quiet_until(self, now: datetime) -> datetime:
        """From `now` (aware) up to then it restricts nothing."""
        return quiet_until(self.blocked, self.grid, now)

    def _direction(self, direction: int, row: int) -> Direction:
        if not self.on[direction, row]:
            return STILL
        tripped = int(self.tripped[direction, row])
        moves = tuple(float(move) for move in self.moves[direction, tripped])
        latch = Latch(on=True, below=int(self.below[direction, row]))
        worst = int(np.argmax(_severities(self.limits, moves)))
        window = self.limits.windows[worst]
        return Direction(latch, self.grid.closed_at(tripped), moves[worst], *window)


def timeline(limits: FlashCrashLimits, candles: pd.DataFrame) -> FlashCrashTimeline:
    """Evaluate a frame of candles at once; equal to `step` candle by candle.

    A candle without volume is a missing one: nobody traded, or somebody filled a gap.

    :param candles: Freqtrade's columns `date` (open time, UTC), OHLC and `volume`
    :raises ValueError: if the candles are not of `timeframe_minutes`
    """
    grid, frame = on_grid(candles, limits.timeframe_minutes)
    # As arrays: a running bot does this for every pair at every candle.
    traded = (frame["volume"] > 0).to_numpy()
    open_, high, low, close = (np.where(traded, frame[name], np.nan) for name in OHLC)
    counts = [limits.candles_in(window.minutes) for window in limits.windows]
    falls = np.column_stack([_largest_fall(open_, high, low, close, n) for n in counts])
    upside_down = 1 / open_, 1 / low, 1 / high, 1 / close
    drops = np.column_stack([_largest_fall(*upside_down, n) for n in counts])
    moves = np.array([falls, drops / (1 - drops)])
    calm = limits.candles_in(limits.calm_minutes)
    lowest = pd.Series(low).rolling(calm, min_periods=1).min().to_numpy()
    span = np.where(np.isnan(close), np.nan, _highest(high, calm) / lowest - 1)

    rows = np.arange(len(frame))
    trips = (moves / [window.move for window in limits.windows] >= 1).any(axis=2)
    tripped = np.maximum.accumulate(np.where(trips, rows, -1), axis=1)
    cool_down = limits.candles_in(limits.cool_down_minutes)
    cooling = (tripped >= 0) & (rows - tripped < cool_down)
    score = np.where(cooling | (span >= limits.calm_range), UNSETTLED, CALM)
    score = np.where(np.isnan(span), np.nan, np.where(trips, CRASHING, score))
    swept = [limits.hysteresis.sweep(of_direction) for of_direction in score]
    on, below = (np.array(part) for part in zip(*swept, strict=True))
    return FlashCrashTimeline(limits, grid, moves, span, on, below, tripped)


def _largest_fall(open_: Floats, high: Floats, low: Floats, close: Floats, count: int) -> Floats:
    """The largest fall within `count` candles that is known to have ended in each, as a fraction.

    Within a candle the order of high and low is unknown, but its open came first and its close
    last: so a fall from an earlier high or the open to the low counts, and one from the high to the
    close. What fell from its own high to its own low in between is missed: the figure errs low.
    """
    start = open_
    if count > 1:
        earlier = np.append(np.nan, _highest(high, count - 1))[:-1]  # one candle later
        start = np.where(earlier > start, earlier, start)
    to_low, to_close = 1 - low / start, 1 - close / high
    return np.where(to_low > to_close, to_low, to_close)


def _highest(prices: Floats, count: int) -> Floats:
    """Of the last `count` that are known."""
    return pd.Series(prices).rolling(count, min_periods=1).max().to_numpy()


def _decide(
    limits: FlashCrashLimits, fall: Direction, rise: Direction, closed_at: datetime
) -> Decision:
    held = [(word, d) for word, d in (("fell", fall), ("rose", rise)) if d.latch.on]
    if not held:
        return UNRESTRICTED
    releases = [_release(limits, direction, closed_at) for _, direction in held]
    side: Side = "*"
    effect = "no new entries"
    if limits.blocks is Blocks.AGAINST and len(held) == 1:
        side = "long" if fall.latch.on else "short"
        effect = f"no new {side}s"
    moves = " and ".join(
        f"{word} {direction.move:.1%} within {direction.minutes} min by "
        f"{direction.tripped_at:%Y-%m-%d %H:%M} UTC (limit {direction.limit:.1%})"
        for word, direction in held
    )
    return Decision(
        Trading.REDUCING,
        size_factor=0.0,
        # Both directions block one side each: the first that ends changes what is blocked.
        release=min(releases) if limits.blocks is Blocks.AGAINST else max(releases),
        reason=f"{limits.pair} {moves}: {effect} until {limits.calm_minutes} min stay within "
        f"{limits.calm_range:.1%}",
        pair=limits.pair,
        side=side,
    )


def _release(limits: FlashCrashLimits, direction: Direction, closed_at: datetime) -> datetime:
    assert direction.tripped_at is not None
    first_calm = max(closed_at + limits.candle, direction.tripped_at + limits.cool_down)
    return first_calm + limits.candle * (limits.calm_candles - direction.latch.below - 1)


def market_wide(
    limits: FlashCrashLimits, market: Decision, pairs: Sequence[Decision]
) -> Iterator[Decision]:
    """What blocks every pair: the leading market, or many of the traded ones at once.

    :param market: decision of the pair that leads the market
    :param pairs: decisions of the traded pairs, the quiet ones too
    """
    if market.entries_blocked:
        yield replace(market, pair=ALL_PAIRS, reason=f"market-wide, {market.reason}")
    least = max(limits.market_min_pairs, ceil(limits.market_share * len(pairs)))
    sides: tuple[Side, ...] = ("*",) if limits.blocks is Blocks.BOTH else ("long", "short")
    for side in sides:
        held = [d for d in pairs if d.entries_blocked and d.concerns(d.pair, side)]
        if len(held) < least:
            continue
        # It ends when one pair fewer than needed is left.
        releases = sorted(d.release for d in held if d.release is not None)
        yield Decision(
            Trading.REDUCING,
            size_factor=0.0,
            release=releases[len(held) - least],
            reason=f"market-wide, {len(held)} of {len(pairs)} pairs moved beyond their limits "
            f"(limit {least}): no new {'entries' if side == '*' else side + 's'}",
            side=side,
        )
