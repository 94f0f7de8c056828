"""Venue health: no new risk at an exchange that responds late, wrongly or not at all.

A reading every half minute (`perpkit.bot.watching.venue_probe`) feeds five latches. Those for
failed or stale reads, for the clock and for the request weight block entries; those for slow
responses and for a drifting clock only make positions smaller. All of them release by themselves
after enough good readings in a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import nan
from typing import Annotated

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.latch import OFF, Hysteresis, HysteresisState
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

BLOCKING = ("reads", "clock", "weight")
WARNING = ("latency", "drift")

# Figures count as good again below this share of the value that trips them.
_RELEASE_SHARE = 0.8


@dataclass(frozen=True)
class HealthLimits(Parameters):
    """Times are in seconds."""

    interval_s: Annotated[float, Range(1, 600, "s"), "The time between two readings"] = 30.0
    timeout_s: Annotated[
        float,
        Range(0.1, "interval_s", "s"),
        "A reading without an answer for this long has failed",
    ] = 5.0
    confirm_reads: Annotated[
        int,
        Range(1, 100, "readings"),
        "How many bad ones in a row trip a latch; used weight needs no second",
    ] = 3
    good_reads: Annotated[
        int, Range(1, 100, "readings"), "How many good ones in a row release it"
    ] = 4
    slow_s: Annotated[
        float, Range(0.05, "timeout_s", "s"), "An answer that takes this long is slow"
    ] = 1.0
    candle_grace_s: Annotated[
        float, Range(5, 3600, "s"), "How long after its close a candle may be missing"
    ] = 60.0
    stale_book_s: Annotated[
        float, Range(1, 3600, "s"), "The age at which an order book is stale"
    ] = 10.0
    drift_s: Annotated[
        float,
        Range(0.05, "blocking_skew_s", "s"),
        "The difference of the clocks, either way, from which positions get smaller",
    ] = 0.5
    ahead_s: Annotated[
        float,
        Range(0.1, 60, "s"),
        "Our clock blocks when it is this far ahead; Binance refuses signed requests from 1 s on",
    ] = 1.0
    behind_s: Annotated[
        float,
        Range(0.1, 60, "s"),
        "Our clock blocks when it is this far behind; ccxt's recvWindow is 10 s",
    ] = 5.0
    pressure: Annotated[
        float,
        Range(0.1, 1, "of `weight_limit`"),
        "The request weight, used within a minute, that blocks",
    ] = 0.8
    weight_limit: Annotated[
        int,
        Range(1, 1_000_000, "a minute"),
        "The request weight that the exchange allows an address",
    ] = 2400
    warning_size_factor: Annotated[
        float,
        Range(0, 1, "of the usual size"),
        "The size of positions while answers are slow or the clock drifts",
    ] = 0.5

    @property
    def blocking_skew_s(self) -> float:
        """The smallest difference of the clocks that blocks entries."""
        return min(self.ahead_s, self.behind_s)

    def rule(self, trouble: str, *, maintenance: bool = False) -> Hysteresis:
        """Returns how a trouble trips and releases. Announced maintenance needs no confirmation."""
        confirm = 1 if maintenance or trouble == "weight" else self.confirm_reads
        if trouble == "reads":
            return Hysteresis(1, 1, confirm, self.good_reads)
        trips = {"weight": self.pressure, "latency": self.slow_s, "drift": self.drift_s}
        trip = trips.get(trouble, 1.0)  # the clock's sample is a share of its limit
        return Hysteresis(trip, _RELEASE_SHARE * trip, confirm, self.good_reads)


@dataclass(frozen=True)
class VenueReading:
    """The result of one probe of the venue. NaN is unknown, which is neither good nor bad.

    :param failure: why the probe failed; "" if the exchange responded
    :param latency_s: time of the slowest response
    :param skew_s: our clock less the exchange's, beyond what the travel time can explain
    :param book_age_s: time since the order book last changed
    :param candle_delay_s: time since the close of a candle that most pairs still lack; negative
        while none is overdue
    :param used_weight: the highest request weight of a minute since the last reading
    :param refused: whether the exchange refused requests as too many (429 or 418)
    :param maintenance: whether an announced maintenance is going on
    """

    at: datetime
    failure: str = ""
    latency_s: float = nan
    skew_s: float = nan
    book_age_s: float = nan
    candle_delay_s: float = nan
    used_weight: float = nan
    refused: bool = False
    maintenance: bool = False


@dataclass(frozen=True)
class Trouble:
    """The latch of one trouble.

    :param words: the text of the last bad reading
    """

    latch: HysteresisState = OFF
    words: str = ""


NONE = Trouble()


@dataclass(frozen=True)
class HealthState:
    """The state of the breaker.

    :param at: time of the newest reading
    """

    at: datetime | None = None
    reads: Trouble = NONE
    clock: Trouble = NONE
    weight: Trouble = NONE
    latency: Trouble = NONE
    drift: Trouble = NONE

    def on(self, names: tuple[str, ...]) -> list[Trouble]:
        troubles: list[Trouble] = [getattr(self, name) for name in names]
        return [trouble for trouble in troubles if trouble.latch.on]


def step(
    limits: HealthLimits, state: HealthState, reading: VenueReading
) -> tuple[HealthState, Decision]:
    """Applies one reading; that of the same time again changes nothing.

    One of an earlier time counts: our clock was set back, and may be what is wrong.

    >>> reading = VenueReading(datetime(2026, 1, 1), refused=True)
    >>> step(HealthLimits(), HealthState(), reading)[1].trading
    <Trading.REDUCING: 'reducing'>
    """
    if reading.at != state.at:
        folded = {
            name: _fold(limits, name, getattr(state, name), reading, *sample)
            for name, sample in _samples(limits, reading).items()
        }
        state = replace(state, at=reading.at, **folded)
    assert state.at is not None
    return state, _decide(limits, state, state.at)


def _fold(
    limits: HealthLimits,
    name: str,
    trouble: Trouble,
    reading: VenueReading,
    value: float,
    words: str,
) -> Trouble:
    rule = limits.rule(name, maintenance=reading.maintenance)
    latch = rule.step(trouble.latch, value)
    return Trouble(latch, words if value >= rule.trip else trouble.words)


def _samples(limits: HealthLimits, reading: VenueReading) -> dict[str, tuple[float, str]]:
    """Returns, for each trouble, the figure that its latch judges, and the text for it."""
    fault, skew = _fault(limits, reading), reading.skew_s
    side = "ahead of" if skew > 0 else "behind"
    clock = f"our clock is {abs(skew):.1f} s {side} the exchange's"
    share = 1.0 if reading.refused else reading.used_weight / limits.weight_limit
    if reading.refused:
        asked = "the exchange refuses us for too many requests"
    else:
        asked = f"{share:.0%} of {limits.weight_limit} request weight used within a minute"
    row = "" if reading.maintenance else f"{limits.confirm_reads} bad reads in a row, the last: "
    return {
        "reads": (float(bool(fault)), row + fault),
        "clock": (skew / limits.ahead_s if skew > 0 else -skew / limits.behind_s, clock),
        "weight": (share, asked),
        "latency": (reading.latency_s, f"answers take {reading.latency_s:.1f} s"),
        "drift": (abs(skew), clock),
    }


def _fault(limits: HealthLimits, reading: VenueReading) -> str:
    if reading.maintenance:
        return "the exchange is in maintenance"
    if reading.failure:
        return reading.failure
    if reading.candle_delay_s > limits.candle_grace_s:
        return f"candles are {reading.candle_delay_s:.0f} s overdue"
    if reading.book_age_s > limits.stale_book_s:
        return f"the order book is {reading.book_age_s:.0f} s old"
    return ""


def _decide(limits: HealthLimits, state: HealthState, at: datetime) -> Decision:
    blocking = state.on(BLOCKING)
    holding = blocking or state.on(WARNING)
    if not holding:
        return UNRESTRICTED
    left = max(limits.good_reads - trouble.latch.below for trouble in holding)
    effect = "no new entries" if blocking else f"{limits.warning_size_factor:.0%} of the usual size"
    words = "; ".join(trouble.words for trouble in holding)
    return Decision(
        Trading.REDUCING if blocking else Trading.ACTIVE,
        size_factor=0.0 if blocking else limits.warning_size_factor,
        release=at + left * timedelta(seconds=limits.interval_s),
        reason=f"{words}: {effect} until {limits.good_reads} good reads in a row",
    )
