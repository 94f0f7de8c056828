"""Funding: no new positions on the side that pays, while it pays far more than usual.

Longs pay shorts while funding is positive, and shorts pay longs while it is negative. A side is
blocked when its funding is extreme within the pair's own recent past, or when holding a position is
predicted to cost more than a trade is expected to earn. See docs/evidence/funding_breaker.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from math import inf
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpkit.breakers.breaker import Decision, Side, Trading
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.timeline import Moments, Timeline
from perpkit.durations import HOUR_S
from perpkit.market.asof import ReadingArrays
from perpkit.market.funding import FundingRule, predicted_cost
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

BELOW_FLOOR = -1.0  # a score below every percentile, 0 included
# The columns of the readings that become fields of `SettledRate`, in that order.
FIGURES = ("funding_interval_hours", "funding_rate_8h", "funding_mean_8h")


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
        float, Range(0, 0.1, "per 8 h"), "What a side must pay for its funding to count as extreme"
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
        """The history of rates beyond which more hardly changes a decision: the window, and a week
        for a block that began earlier and is still active."""
        return timedelta(days=self.window_days + 7)

    def hysteresis(self, cause: Cause) -> Hysteresis:
        if cause.extreme:
            trip, release = self.extreme_percentile, self.extreme_release_percentile
        else:
            trip, release = self.expected_edge, self.expected_edge * self.cost_release_share
        return Hysteresis(trip, release, self.confirm_rates, self.calm_rates)


class SettledRate(NamedTuple):
    """One settled rate; NaN means that there is too little history.

    :param known_at: first time at which it may be used
    :param stale_at: last time at which it may be used
    :param percentile: percentile of the rate in its window, 0 to 100
    """

    known_at: datetime
    stale_at: datetime
    interval_hours: float
    rate_8h: float
    mean_8h: float
    percentile: float

    @property
    def interval(self) -> timedelta:
        return timedelta(hours=self.interval_hours)


@dataclass(frozen=True)
class SettledRates:
    """Settled rates in order of time, as columns: most of years of them are never looked at.

    :param known_at: seconds since 1970-01-01 00:00 UTC, as `stale_at`
    :param figures: by rate: the other fields of `SettledRate`
    """

    known_at: NDArray[np.float64]
    stale_at: NDArray[np.float64]
    figures: NDArray[np.float64]

    @classmethod
    def of(cls, rates: Sequence[SettledRate]) -> SettledRates:
        known_at = np.array([rate.known_at.timestamp() for rate in rates], dtype=np.float64)
        stale_at = np.array([rate.stale_at.timestamp() for rate in rates], dtype=np.float64)
        figures = np.array([rate[2:] for rate in rates], dtype=np.float64)
        return cls(known_at, stale_at, figures.reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.known_at)

    def __iter__(self) -> Iterator[SettledRate]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> SettledRate:
        known_at, stale_at = (
            datetime.fromtimestamp(at.item(number), UTC) for at in (self.known_at, self.stale_at)
        )
        return SettledRate(known_at, stale_at, *self.figures[number].tolist())


@dataclass(frozen=True)
class FundingTimeline(Timeline[tuple[Decision, ...]]):
    """The decisions on one pair. Once the newest rate is stale, both sides are blocked.

    :param number: by row of the grid: index of the newest rate
    :param stale: by row: whether that rate has become stale
    :param rates: the settled rates, in order of time
    :param held: by `Cause` and rate: whether the latch is on
    :param below: by `Cause` and rate: calm rates in a row that the latch has counted
    """

    limits: FundingLimits
    pair: str
    number: NDArray[np.int64]
    stale: NDArray[np.bool_]
    rates: SettledRates
    held: NDArray[np.bool_]
    below: NDArray[np.int64]
    # The newest decisions, by rate and settlements overdue since: between two settlements every
    # candle needs the same ones. Not a `functools.cache`, which hyperopt could not pickle.
    _newest: dict[tuple[int, int], tuple[Decision, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    NOTHING = ()

    def same_until(self, now: datetime) -> datetime:
        return max(self._known_from(max(self.row_at(now), -1) + 1), now)

    def decide(self, row: int, now: datetime) -> tuple[Decision, ...]:
        number = int(self.number[row])
        if self.stale[row]:
            rate = self.rates[number]
            reason = f"no funding rate known since {rate.known_at:%Y-%m-%d %H:%M} UTC"
            reason = f"{reason}: no new entries"
            return (Decision(Trading.REDUCING, 0.0, reason=reason, pair=self.pair),)
        # As timedeltas would: see `SettledRate.known_at` and `interval`.
        since = now.timestamp() - self.rates.known_at[number]
        late = int(since // (self.rates.figures[number, 0] * HOUR_S))
        found = self._newest.get((number, late))
        if found is None:
            found = self._decided(number, late)
            self._newest.clear()
            self._newest[number, late] = found
        return found

    def _decided(self, number: int, late: int) -> tuple[Decision, ...]:
        below = {
            cause: int(self.below[cause, number]) for cause in Cause if self.held[cause, number]
        }
        return decide(self.limits, self.pair, self.rates[number], below, late)


def timeline(limits: FundingLimits, pair: str, readings: ReadingArrays) -> FundingTimeline:
    """Returns the decisions on one pair.

    :param readings: what `funding_arrays` returns by the rule of these limits
    """
    values = readings.values
    figures = [*(values[column] for column in FIGURES), 100 * values["funding_rank"]]
    known_at, stale_at = readings.known_at / 1e9, readings.stale_at[:-1] / 1e9
    return judge(limits, pair, SettledRates(known_at, stale_at, np.column_stack(figures)[:-1]))


def judge(
    limits: FundingLimits, pair: str, rates: SettledRates | Sequence[SettledRate]
) -> FundingTimeline:
    """Returns the decisions that follow from the settled rates."""
    rates = rates if isinstance(rates, SettledRates) else SettledRates.of(rates)
    scores = _scores(limits, *rates.figures[:, 1:].T)
    swept = [limits.hysteresis(cause).sweep(scores[cause]) for cause in Cause]
    held, below = (np.array(of_each) for of_each in zip(*swept, strict=True))
    # A rate may still be used at `stale_at` itself, but not after it; then a row begins without.
    ended = np.nextafter(rates.stale_at, inf)
    unfollowed = ended <= np.append(rates.known_at[1:], inf)[: len(rates)]
    number = np.repeat(np.arange(len(rates)), 1 + unfollowed)
    stale = np.append(False, np.diff(number) == 0)[: len(number)]
    seconds = np.where(stale, ended[number], rates.known_at[number])
    return FundingTimeline(
        Moments(seconds.tolist()),
        np.logical_or(stale, held.max(axis=0)[number]).tobytes(),
        limits,
        pair,
        number,
        stale,
        rates,
        held,
        below,
    )


def _scores(
    limits: FundingLimits,
    rate_8h: NDArray[np.float64],
    mean_8h: NDArray[np.float64],
    percentile: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """Returns the score that each latch judges, in the order of `Cause`."""
    cost = predicted_cost(rate_8h, mean_8h, limits.holding_hours)
    scores = []
    for _, sign, _, _ in SIDES:
        paid = sign * rate_8h
        rank = percentile if sign > 0 else 100 - percentile
        below = ~np.isnan(rank) & ((paid < limits.floor_8h) | (paid <= 0))
        scores += [np.where(below, BELOW_FLOOR, rank), sign * cost]
    return scores


def decide(
    limits: FundingLimits, pair: str, rate: SettledRate, below: dict[Cause, int], late: int
) -> tuple[Decision, ...]:
    """Returns what the active latches block.

    :param below: calm rates in a row that each active latch has counted
    :param late: settlements overdue since the rate; they do not count as calm
    """
    cost = predicted_cost(rate.rate_8h, rate.mean_8h, limits.holding_hours)
    enough = limits.expected_edge * limits.cost_release_share
    decisions = []
    for side, sign, extreme, costly in SIDES:
        counts = [below[cause] for cause in (extreme, costly) if cause in below]
        if not counts:
            continue
        rank = rate.percentile if sign > 0 else 100 - rate.percentile
        figures = [f"{side}s pay {sign * rate.rate_8h:.3%} per 8 h"]
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
        release = rate.known_at + (late + limits.calm_rates - min(counts)) * rate.interval
        reason = f"{', '.join(figures)}: no new {side}s"
        decisions.append(Decision(Trading.REDUCING, 0.0, release, reason, pair, side))
    return tuple(decisions)
