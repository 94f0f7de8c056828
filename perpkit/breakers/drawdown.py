"""Drawdown: restrict trading, then halt it, when equity marked to market falls.

Several limits apply at once, each with its own reference, duration and effect; losing streaks pause
entries as well. The defaults are explained in docs/evidence/drawdown.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from math import isnan
from typing import Annotated, Any, NamedTuple

from perpkit.breakers import loss_streak
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.loss_limits import (
    LEAST_LOSS,
    LossLimit,
    Mark,
    Reference,
    Sample,
    Track,
    decide,
    follow,
    reviewed,
    written_off,
)
from perpkit.breakers.loss_streak import ClosedTrade, StreakLimit, Streaks
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

_LOSS = Range(LEAST_LOSS, 1, "of equity", or_zero=True)


class Rule(NamedTuple):
    """A loss limit, and the hysteresis that trips it."""

    limit: LossLimit
    hysteresis: Hysteresis


@dataclass(frozen=True)
class DrawdownLimits(Parameters):
    """Losses are shares of equity, 0 to 1; 0 switches a limit off."""

    hour_loss: Annotated[
        float, _LOSS, "A loss from the highest of the last hour makes positions smaller"
    ] = 0.03
    day_loss: Annotated[
        float, _LOSS, "A loss from the highest of the last 24 hours makes positions smaller"
    ] = 0.05
    week_loss: Annotated[
        float, _LOSS, "A loss from the highest of the last 7 days blocks new entries"
    ] = 0.10
    week_block_hours: Annotated[
        float, Range(0.1, 8760, "h"), "The longest that one such loss blocks entries"
    ] = 24.0
    cool_down_hours: Annotated[
        float,
        Range(0, 8760, "h"),
        "Entries that such a loss blocks are looked at again after this time",
    ] = 6.0
    open_loss: Annotated[float, _LOSS, "A loss of all open positions together halts"] = 0.10
    high_water_loss: Annotated[float, _LOSS, "A loss from the high-water mark halts"] = 0.15
    daily_loss: Annotated[
        float, _LOSS, "A loss since the day began blocks new entries until the next day begins"
    ] = 0.0
    reset_hour: Annotated[int, Range(0, 23, "h UTC"), "The hour at which a day begins"] = 0
    size_factor: Annotated[
        float,
        Range(0, 1, "of the usual size"),
        "The size of positions while the loss of an hour or a day restricts",
    ] = 0.5
    recovered_share: Annotated[
        float, Range(0, 1, "of the limit"), "A loss below this counts as recovered"
    ] = 0.5
    streak_losses: Annotated[
        int,
        Range(0, 1000, "trades"),
        "So many losing trades in a row block new entries for `streak_hours`; 0 is off",
    ] = 0
    streak_hours: Annotated[
        float, Range(0.1, 8760, "h"), "How long they are blocked, counted from the last loss"
    ] = 12.0
    pair_streak_losses: Annotated[
        int, Range(0, 1000, "trades"), "The same for each pair, for `pair_streak_hours`; 0 is off"
    ] = 0
    pair_streak_hours: Annotated[
        float,
        Range(0.1, 8760, "h"),
        "How long new entries in the pair are blocked, counted from its last loss",
    ] = 24.0
    confirm: Annotated[int, Range(1, 1000, "samples"), "How many in a row trip a limit"] = 3
    clear_hours: Annotated[
        float | None,
        Range(0.1, 8760, "h"),
        "A halt ends by itself after this time; null leaves it to an operator",
    ] = None
    limits: Annotated[tuple[LossLimit, ...], "Further limits"] = ()

    def check_together(self) -> None:
        for kind in ("streak", "pair_streak"):
            if getattr(self, f"{kind}_losses") == 1:
                raise ValueError(f"{kind}_losses must be 0 or at least 2, got 1")

    def shipped(self) -> list[LossLimit]:
        """Returns the limits of the losses above that are not 0."""
        smaller: dict[str, Any] = {"trading": Trading.ACTIVE, "size_factor": self.size_factor}
        wait = {"cool_down_hours": self.cool_down_hours, "longest_hours": self.week_block_hours}
        halt: dict[str, Any] = {"trading": Trading.HALTED}
        kinds: list[tuple[float, dict[str, Any]]] = [
            (self.hour_loss, {"hours": 1, **smaller}),
            (self.day_loss, {"hours": 24, **smaller}),
            (self.week_loss, {"hours": 168, **wait}),
            (self.daily_loss, {"reference": Reference.DAY, "reset_hour": self.reset_hour}),
            (self.open_loss, {"reference": Reference.OPEN, **halt}),
            (self.high_water_loss, {"reference": Reference.HIGH_WATER, **halt}),
        ]
        share = self.recovered_share
        return [LossLimit(loss, recovered=loss * share, **kind) for loss, kind in kinds if loss]

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every active limit, with the rule that trips it."""
        limits = (*self.shipped(), *self.limits)
        return tuple(Rule(limit, limit.hysteresis(self.confirm)) for limit in limits)

    @cached_property
    def streaks(self) -> tuple[StreakLimit, StreakLimit]:
        """The streak limits of the account and of each pair."""
        return (
            StreakLimit(self.streak_losses, self.streak_hours),
            StreakLimit(self.pair_streak_losses, self.pair_streak_hours),
        )

    @property
    def memory(self) -> timedelta:
        """The time span from which the state can be rebuilt, except for the high-water mark."""
        spans = [(rule.limit.hours or 24) + (rule.limit.longest_hours or 0) for rule in self.rules]
        return timedelta(hours=max(spans, default=0))


class Observation(NamedTuple):
    """The account at one moment; a tuple, because one is made at every candle.

    :param capital: the capital to which profits are added
    :param profit: realised and unrealised since the account began; NaN while a price is missing
    :param open_profit: the unrealised part of it
    :param closed: trades closed since the previous observation, in order
    :param cleared_at: when an operator last cleared a halt; earlier losses no longer count
    :param missing: the unknown input, for the reason
    """

    now: datetime
    capital: float
    profit: float
    open_profit: float = 0.0
    closed: tuple[ClosedTrade, ...] = ()
    cleared_at: datetime | None = None
    missing: str = ""


@dataclass(frozen=True)
class Halt:
    since: datetime
    reason: str


@dataclass(frozen=True)
class DrawdownState:
    """The state of the breaker.

    :param restarted: when a halt was last cleared; the state contains nothing from before
    :param equity: newest known equity
    :param high_water: highest profit so far, and its time
    :param tracks: one for each of `DrawdownLimits.rules`, in that order
    :param missing: why equity is unknown now
    """

    now: datetime | None = None
    restarted: datetime | None = None
    equity: float = 0.0
    high_water: Sample | None = None
    tracks: tuple[Track, ...] = ()
    streaks: Streaks = field(default_factory=dict)
    halted: Halt | None = None
    missing: str = ""


def step(
    limits: DrawdownLimits, state: DrawdownState, seen: Observation
) -> tuple[DrawdownState, tuple[Decision, ...]]:
    """Applies one observation; one that is not newer than the last changes nothing."""
    if state.now is None or seen.now > state.now:
        restart = _restart(limits, state, seen)
        if restart != state.restarted:
            state = DrawdownState(restarted=restart)
        state = _fold(limits, state, seen)
    return state, _decisions(limits, state)


def rebuild(
    limits: DrawdownLimits, state: DrawdownState, past: Iterable[Observation]
) -> DrawdownState:
    """Returns the state after past observations, of a time in which equity was not watched.

    None of them halts: a loss that has been recovered since is no reason to close anything now.
    """
    for seen in past:
        before = state.halted
        state, _ = step(limits, state, seen)
        if before is None:
            state = replace(state, halted=None)
    return state


def _restart(limits: DrawdownLimits, state: DrawdownState, seen: Observation) -> datetime | None:
    before = state.restarted
    if seen.cleared_at is not None and (before is None or seen.cleared_at > before):
        return seen.cleared_at
    if state.halted is not None and limits.clear_hours is not None:
        end = state.halted.since + timedelta(hours=limits.clear_hours)
        if seen.now >= end:
            return end
    return before


def _fold(limits: DrawdownLimits, state: DrawdownState, seen: Observation) -> DrawdownState:
    now, stamp = seen.now, seen.now.timestamp()
    tracks = state.tracks or (Track(),) * len(limits.rules)
    streaks = loss_streak.observe(state.streaks, seen.closed) if seen.closed else state.streaks
    if isnan(seen.profit) or isnan(seen.capital):
        tracks = tuple(
            [
                reviewed(limit, written_off(limit, track, now, stamp), now)
                for (limit, _), track in zip(limits.rules, tracks, strict=True)
            ]
        )
        missing = seen.missing or "a price is missing"
        return replace(state, now=now, tracks=tracks, streaks=streaks, missing=missing)
    high = state.high_water
    if high is None or seen.profit > high[1]:
        high = stamp, seen.profit
    mark = Mark(now, stamp, seen.capital, seen.profit, seen.open_profit, high[1])
    tracks = tuple(
        [follow(*rule, track, mark) for rule, track in zip(limits.rules, tracks, strict=True)]
    )
    equity = seen.capital + seen.profit
    state = DrawdownState(now, state.restarted, equity, high, tracks, streaks, state.halted)
    if state.halted is None:
        halts = _tripped(limits, state, halts=True)
        if halts:
            reasons = "; ".join(decision.reason for decision in halts)
            return replace(state, halted=Halt(now, reasons))
    return state


def _tripped(limits: DrawdownLimits, state: DrawdownState, *, halts: bool) -> list[Decision]:
    if not [track for track in state.tracks if track.tripped]:
        return []  # by far the most frequent case
    return [
        decide(limit, rule, track, state.equity)
        for (limit, rule), track in zip(limits.rules, state.tracks, strict=True)
        if track.tripped is not None and limit.halts is halts
    ]


def _decisions(limits: DrawdownLimits, state: DrawdownState) -> tuple[Decision, ...]:
    if state.now is None:
        return ()
    if state.halted is not None:
        hours = limits.clear_hours
        release = None if hours is None else state.halted.since + timedelta(hours=hours)
        return (Decision(Trading.HALTED, 0.0, release, state.halted.reason),)
    decisions = _tripped(limits, state, halts=False)
    if state.missing:
        decisions.append(equity_unknown(state.missing))
    if state.streaks:
        decisions += loss_streak.decide(*limits.streaks, state.streaks, state.now)
    return tuple(decisions)


def equity_unknown(missing: str) -> Decision:
    """Returns what is restricted while an input of the equity is unknown."""
    return Decision(Trading.REDUCING, 0.0, reason=f"equity unknown ({missing}): no new entries")
