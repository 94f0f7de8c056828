"""Venue health: no new risk at an exchange that answers late, wrongly or not at all.

A reading every half minute (`perpkit.bot.watching.venue_probe`) feeds five latches. Those on failed
or stale reads, on the clock and on the request weight block entries; those on slow answers and on a
clock that drifts only make positions smaller. All let go by themselves after good readings in a
row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import nan

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.latch import OFF, Hysteresis, Latch
from perpkit.checks import check_range

BLOCKING = ("reads", "clock", "weight")
WARNING = ("latency", "drift")

# Figures count as good again below this share of what trips them.
_RELEASE_SHARE = 0.8


@dataclass(frozen=True)
class HealthLimits:
    """Parameters. Times in seconds.

    :param interval_s: between two readings
    :param timeout_s: a reading without an answer for so long has failed
    :param confirm_reads: bad readings in a row that trip a latch; used weight needs no second
    :param good_reads: good readings in a row that release it
    :param slow_s: an answer that takes so long is slow
    :param candle_grace_s: how long after its close a candle may be missing
    :param stale_book_s: age at which an order book is stale
    :param drift_s: difference of the clocks, either way, from which positions get smaller
    :param ahead_s: our clock this far ahead blocks; Binance refuses signed requests from 1 s on
    :param behind_s: our clock this far behind blocks; ccxt's recvWindow is 10 s
    :param pressure: share of `weight_limit`, used within a minute, that blocks
    :param weight_limit: request weight a minute that the exchange allows an address
    :param warning_size_factor: share of the usual size while answers are slow or the clock drifts
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    interval_s: float = 30.0
    timeout_s: float = 5.0
    confirm_reads: int = 3
    good_reads: int = 4
    slow_s: float = 1.0
    candle_grace_s: float = 60.0
    stale_book_s: float = 10.0
    drift_s: float = 0.5
    ahead_s: float = 1.0
    behind_s: float = 5.0
    pressure: float = 0.8
    weight_limit: int = 2400
    warning_size_factor: float = 0.5

    def __post_init__(self) -> None:
        check_range("interval_s", self.interval_s, 1, 600)
        check_range("timeout_s", self.timeout_s, 0.1, self.interval_s)
        check_range("confirm_reads", self.confirm_reads, 1, 100, whole=True)
        check_range("good_reads", self.good_reads, 1, 100, whole=True)
        check_range("slow_s", self.slow_s, 0.05, self.timeout_s)
        check_range("candle_grace_s", self.candle_grace_s, 5, 3600)
        check_range("stale_book_s", self.stale_book_s, 1, 3600)
        check_range("ahead_s", self.ahead_s, 0.1, 60)
        check_range("behind_s", self.behind_s, 0.1, 60)
        check_range("drift_s", self.drift_s, 0.05, min(self.ahead_s, self.behind_s))
        check_range("pressure", self.pressure, 0.1, 1)
        check_range("weight_limit", self.weight_limit, 1, 1_000_000, whole=True)
        check_range("warning_size_factor", self.warning_size_factor, 0, 1)

    def rule(self, trouble: str, *, maintenance: bool = False) -> Hysteresis:
        """How a trouble trips and releases. An announced maintenance needs no confirmation."""
        confirm = 1 if maintenance or trouble == "weight" else self.confirm_reads
        if trouble == "reads":
            return Hysteresis(1, 1, confirm, self.good_reads)
        trips = {"weight": self.pressure, "latency": self.slow_s, "drift": self.drift_s}
        trip = trips.get(trouble, 1.0)  # the clock's sample is a share of its limit
        return Hysteresis(trip, _RELEASE_SHARE * trip, confirm, self.good_reads)


@dataclass(frozen=True)
class VenueReading:
    """What one look at the venue told. NaN is unknown, and unknown is neither good nor bad.

    :param failure: why it failed, "" when the exchange answered
    :param latency_s: of the slowest answer
    :param skew_s: our clock less the exchange's, as far as the time of travel cannot explain it
    :param book_age_s: since the order book last changed
    :param candle_delay_s: since a candle should have closed that most pairs have not; negative
        while none is overdue
    :param used_weight: the highest request weight of a minute since the last reading
    :param refused: for too many requests (429 or 418)
    :param maintenance: within a window that was announced
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
    """:param words: what was seen last that was bad"""

    latch: Latch = OFF
    words: str = ""


NONE = Trouble()


@dataclass(frozen=True)
class HealthState:
    """What the breaker remembers.

    :param at: of the newest reading
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
    """Fold in one reading; one that is not newer than the last changes nothing."""
    if state.at is None or reading.at > state.at:
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
    """Of each trouble the figure that its latch judges, and the words for it."""
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
