"""Funding: no new positions on the side that pays, while it pays far more than usual.

Longs pay shorts while funding is positive, and the other way round. A side is blocked when its
funding is extreme within the pair's own recent past, or when holding a position is predicted to
cost more than a trade is expected to earn. Figures behind the defaults: docs/funding_breaker.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from math import inf
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.breaker import Decision, Side, Trading
from perpkit.breakers.latch import OFF, Hysteresis, Latch
from perpkit.breakers.quiet import FOREVER
from perpkit.market.asof import nanoseconds
from perpkit.market.funding import FundingRule, funding_readings, predicted_cost
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

BELOW_FLOOR = -1.0  # a score below every percentile, 0 included
NOTHING: tuple[Decision, ...] = ()
# Columns of the readings that the latches look at.
SCORED = ("funding_rate_8h", "funding_mean_8h", "percentile")


class Cause(IntEnum):
    """Why a side is blocked; each cause has a latch of its own."""

    LONG_EXTREME = 0
    LONG_COST = 1
    SHORT_EXTREME = 2
    SHORT_COST = 3

    @property
    def extreme(self) -> bool:
        return self in (Cause.LONG_EXTREME, Cause.SHORT_EXTREME)


SIDES: tuple[tuple[Side, int, Cause, Cause], ...] = (
    ("long", 1, Cause.LONG_EXTREME, Cause.LONG_COST),
    ("short", -1, Cause.SHORT_EXTREME, Cause.SHORT_COST),
)


@dataclass(frozen=True)
class FundingLimits(Parameters):
    """Percentiles are of what the side pays, in the trailing window, 0 to 100."""

    extreme_percentile: Annotated[
        float, Range(50, 100, "%"), "At or above this percentile funding is extreme"
    ] = 98.0
    extreme_release_percentile: Annotated[
        float, Range(50, 100, "%"), "Below this percentile it is no longer extreme"
    ] = 95.0
    floor_8h: Annotated[
        float,
        Range(0, 0.1, "per 8 h"),
        "What a side must pay for its funding to count as extreme",
    ] = 0.0005
    window_days: Annotated[int, Range(7, 365, "days"), "The past that a rate is compared with"] = 30
    holding_hours: Annotated[
        float, Range(1, 24 * 90, "h"), "How long a position is planned to be held"
    ] = 48.0
    expected_edge: Annotated[
        float,
        Range(0.0001, 1, "of the position"),
        "What a trade is expected to earn before funding, as a share of the position, not of the "
        "leveraged stake; 1 turns the comparison off",
    ] = 0.005
    cost_release_share: Annotated[
        float, Range(0, 1, "of the edge"), "A predicted cost below this releases"
    ] = 0.8
    confirm_rates: Annotated[int, Range(1, 24, "settlements"), "How many in a row trip"] = 1
    calm_rates: Annotated[int, Range(1, 24, "settlements"), "How many in a row release"] = 1

    def check_together(self) -> None:
        if self.extreme_release_percentile > self.extreme_percentile:
            raise ValueError(
                "extreme_release_percentile must be at most extreme_percentile "
                f"({self.extreme_percentile:g}), got {self.extreme_release_percentile:g}"
            )

    @property
    def rule(self) -> FundingRule:
        return FundingRule(window=timedelta(days=self.window_days))

    @property
    def history(self) -> timedelta:
        """Settled rates after which more history hardly changes a decision: the window, and a week
        for what was extreme earlier and still holds."""
        return timedelta(days=self.window_days + 7)

    def hysteresis(self, cause: Cause) -> Hysteresis:
        if cause.extreme:
            trip, release = self.extreme_percentile, self.extreme_release_percentile
        else:
            trip, release = self.expected_edge, self.expected_edge * self.cost_release_share
        return Hysteresis(trip, release, self.confirm_rates, self.calm_rates)


@dataclass(frozen=True)
class Reading:
    """One settled rate, as of when it may be used. NaN means that there is too little history.

    :param percentile: of the rate in its window, 0 to 100
    """

    known_at: datetime
    interval_hours: float
    rate_8h: float
    mean_8h: float
    percentile: float


@dataclass(frozen=True)
class FundingState:
    """What the breaker remembers of one pair.

    :param latches: in the order of `Cause`
    """

    reading: Reading | None = None
    latches: tuple[Latch, Latch, Latch, Latch] = (OFF, OFF, OFF, OFF)


def step(
    limits: FundingLimits, pair: str, state: FundingState, reading: Reading
) -> tuple[FundingState, tuple[Decision, ...]]:
    """Fold in one settled rate; one that is not newer than the last changes nothing."""
    if state.reading is None or reading.known_at > state.reading.known_at:
        figures = (reading.rate_8h, reading.mean_8h, reading.percentile)
        scores = _scores(limits, *(np.array([figure]) for figure in figures))
        latches = [
            limits.hysteresis(cause).step(latch, float(scores[cause][0]))
            for cause, latch in zip(Cause, state.latches, strict=True)
        ]
        state = FundingState(reading, (latches[0], latches[1], latches[2], latches[3]))
    assert state.reading is not None
    below = {cause: state.latches[cause].below for cause in Cause if state.latches[cause].on}
    return state, _decide(limits, pair, state.reading, below, 0)


class FundingTimeline:
    """Every decision on one pair; equal to `step` rate by rate, looked up in a microsecond.

    :param funding: Freqtrade's funding candles, as `funding_readings` takes them; may be empty
    """

    def __init__(self, limits: FundingLimits, pair: str, funding: pd.DataFrame) -> None:
        readings = funding_readings(funding, limits.rule)
        self.limits = limits
        self.pair = pair
        self.readings = readings.assign(percentile=100 * readings["funding_rank"])
        columns = ("funding_interval_hours", *SCORED)
        self._figures = [self.readings[column].tolist() for column in columns]
        self._interval = (3600 * readings["funding_interval_hours"]).tolist()
        known_at = nanoseconds(readings["known_at"]) / 1e9
        stale_at = nanoseconds(readings["stale_at"]) / 1e9
        self._known_at, self._stale_at = known_at.tolist(), stale_at.tolist()
        scores = _scores(limits, *(self.readings[c].to_numpy(dtype=np.float64) for c in SCORED))
        swept = [limits.hysteresis(cause).sweep(scores[cause]) for cause in Cause]
        self.held = np.array([on for on, _ in swept])
        self._below = [below for _, below in swept]
        blocked = self.held.sum(axis=0) > 0
        self._blocked: list[bool] = blocked.tolist()
        stale = np.append(known_at[1:], inf) > stale_at if len(known_at) else blocked
        begins = np.concatenate([known_at[blocked], stale_at[stale]])
        self._begins: list[float] = np.sort(begins).tolist()
        self._decided = lru_cache(8)(self._decide)

    def __len__(self) -> int:
        return len(self._blocked)

    def at(self, now: datetime) -> tuple[Decision, ...]:
        """The decisions at `now` (aware), from rates known by then; none where nothing is blocked.

        Before the first rate nothing is blocked. Once the newest is stale both sides are.
        """
        instant = now.timestamp()
        row = bisect_right(self._known_at, instant) - 1
        if row < 0:
            return NOTHING
        if instant > self._stale_at[row]:
            last = datetime.fromtimestamp(self._known_at[row], UTC)
            reason = f"no funding rate known since {last:%Y-%m-%d %H:%M} UTC: no new entries"
            return (Decision(Trading.REDUCING, 0.0, reason=reason, pair=self.pair),)
        if not self._blocked[row]:
            return NOTHING
        return self._decided(row, int((instant - self._known_at[row]) // self._interval[row]))

    def quiet_until(self, now: datetime) -> datetime:
        """From `now` (aware) up to then it restricts nothing."""
        if self.at(now):
            return now
        following = bisect_left(self._begins, now.timestamp())
        if following == len(self._begins):
            return FOREVER
        return datetime.fromtimestamp(self._begins[following], UTC)

    def reading(self, row: int) -> Reading:
        """The rate in a row of `readings`."""
        known_at = datetime.fromtimestamp(self._known_at[row], UTC)
        return Reading(known_at, *(figures[row] for figures in self._figures))

    def _decide(self, row: int, late: int) -> tuple[Decision, ...]:
        below = {cause: int(self._below[cause][row]) for cause in Cause if self.held[cause, row]}
        return _decide(self.limits, self.pair, self.reading(row), below, late)


def _scores(
    limits: FundingLimits,
    rate_8h: NDArray[np.float64],
    mean_8h: NDArray[np.float64],
    percentile: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """What each latch looks at, in the order of `Cause`."""
    cost = predicted_cost(rate_8h, mean_8h, limits.holding_hours)
    scores = []
    for _, sign, _, _ in SIDES:
        paid = sign * rate_8h
        rank = percentile if sign > 0 else 100 - percentile
        below = ~np.isnan(rank) & ((paid < limits.floor_8h) | (paid <= 0))
        scores += [np.where(below, BELOW_FLOOR, rank), sign * cost]
    return scores


def _decide(
    limits: FundingLimits, pair: str, reading: Reading, below: dict[Cause, int], late: int
) -> tuple[Decision, ...]:
    """:param below: calm rates counted by each latch that is on
    :param late: settlements that should have been known since the reading: they were not calm"""
    interval = timedelta(hours=reading.interval_hours)
    cost = predicted_cost(reading.rate_8h, reading.mean_8h, limits.holding_hours)
    enough = limits.expected_edge * limits.cost_release_share
    decisions = []
    for side, sign, extreme, costly in SIDES:
        counts = [below[cause] for cause in (extreme, costly) if cause in below]
        if not counts:
            continue
        rank = reading.percentile if sign > 0 else 100 - reading.percentile
        figures = [f"{side}s pay {sign * reading.rate_8h:.3%} per 8 h"]
        if extreme in below:
            figures.append(
                f"percentile {rank:.1f} of {limits.window_days} days (extreme from "
                f"{limits.extreme_percentile:g} until below {limits.extreme_release_percentile:g})"
            )
        if costly in below:
            figures.append(
                f"predicted {sign * cost:.2%} over {limits.holding_hours:g} h (too much from "
                f"{limits.expected_edge:.2%} until below {enough:.2%})"
            )
        release = reading.known_at + (late + limits.calm_rates - min(counts)) * interval
        reason = f"{', '.join(figures)}: no new {side}s"
        decisions.append(Decision(Trading.REDUCING, 0.0, release, reason, pair, side))
    return tuple(decisions)
