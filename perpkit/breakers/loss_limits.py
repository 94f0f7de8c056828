"""One loss limit: how far equity may fall below a reference, and how long that restricts trading.

A deposit or a withdrawal is neither a gain nor a loss: a reference is stored as profit, and becomes
equity by adding the present capital. Times in samples are seconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Annotated, NamedTuple

from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.latch import OFF, Hysteresis, HysteresisState
from perpkit.checks import check_range
from perpkit.durations import DAY_S, HOUR_S
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

# A window keeps about this many samples: a week keeps one per hour.
RESOLUTION = 168
LEAST_LOSS = 0.0001

Sample = tuple[float, float]  # (time, profit)


class Reference(StrEnum):
    """What equity is compared with."""

    TRAILING = "trailing"  # its highest of the last `hours`
    START = "start"  # where it was `hours` ago
    DAY = "day"  # where it was at the last `reset_hour`
    HIGH_WATER = "high_water"  # its highest ever, or since an operator cleared a halt
    OPEN = "open"  # equity without the open positions


WINDOWS = (Reference.TRAILING, Reference.START)


@dataclass(frozen=True)
class LossLimit(Parameters):
    """Shares are of the equity at the reference, 0 to 1."""

    loss: Annotated[
        float,
        Range(LEAST_LOSS, 1, "of equity"),
        "Equity that is so far below the reference trips the limit",
    ]
    reference: Annotated[Reference, "What a loss is measured from, see `Reference`"] = (
        Reference.TRAILING
    )
    hours: Annotated[
        float | None,
        Range(0.1, 8760, "h"),
        "The length of the window, for a trailing or start reference",
    ] = None
    trading: Annotated[
        Trading, "The state that the limit asks for; `active` means smaller positions only"
    ] = Trading.REDUCING
    size_factor: Annotated[
        float,
        Range(0, 1, "of the usual size"),
        "The size of positions while the limit asks for `active`",
    ] = 0.5
    recovered: Annotated[
        float | None,
        Range(0, "loss", "of equity"),
        "A loss below this counts as recovered; null stands for half of `loss`",
    ] = None
    cool_down_hours: Annotated[
        float,
        Range(0, 8760, "h"),
        "A restriction lasts this long, then ends if the loss has recovered, or else begins again",
    ] = 0.0
    longest_hours: Annotated[
        float | None,
        Range(0.1, 8760, "h"),
        "After this time the window begins again: its loss is written off",
    ] = None
    reset_hour: Annotated[
        int,
        Range(0, 23, "h UTC"),
        "The hour at which a day begins, for a day reference: what it restricts lasts until then",
    ] = 0

    def check_together(self) -> None:
        if self.reference in WINDOWS:
            check_range("hours", self.hours, 0.1, 8760)
            return
        for name in ("hours", "longest_hours"):
            if (value := getattr(self, name)) is not None:
                raise ValueError(
                    f"{name} must be absent for reference {self.reference}, got {value:g}"
                )

    @property
    def halts(self) -> bool:
        return self.trading is Trading.HALTED

    @property
    def span(self) -> str:
        """The time span that the limit looks back, as text."""
        if self.reference is Reference.DAY:
            return f"{self.reset_hour:02}:00 UTC"
        hours = self.hours or 0.0
        return f"{hours / 24:g} days" if hours >= 48 and hours % 24 == 0 else f"{hours:g} h"

    @property
    def effect(self) -> str:
        return {
            Trading.ACTIVE: f"{self.size_factor:.0%} of the usual size",
            Trading.REDUCING: "no new entries",
            Trading.HALTED: "everything is closed",
        }[self.trading]

    def __str__(self) -> str:
        where = {
            Reference.TRAILING: "below the highest of {}",
            Reference.START: "in {}",
            Reference.DAY: "since {}",
            Reference.HIGH_WATER: "below the high-water mark",
            Reference.OPEN: "in open positions",
        }[self.reference].format(self.span)
        return f"{self.loss:.2%} {where}: {self.effect}"

    def hysteresis(self, confirm: int) -> Hysteresis:
        """:param confirm: number of samples in a row that trip the limit"""
        # A halt does not end by itself, so a loss that trips it must still exist now.
        low = self.loss if self.halts else self.recovered
        return Hysteresis(self.loss, self.loss / 2 if low is None else low, confirm)

    def day_of(self, stamp: float) -> float:
        """Returns the beginning of the day that contains `stamp`; both in seconds since 1970 UTC.

        >>> LossLimit(0.05, Reference.DAY, reset_hour=8).day_of(7 * 3600.0)  # 16 hours before 1970
        -57600.0
        """
        reset = self.reset_hour * HOUR_S
        return (stamp - reset) // DAY_S * DAY_S + reset


class Track(NamedTuple):
    """The state of one limit, made at every candle: a tuple, which is three times as fast to make.

    :param samples: the samples that its reference may still need
    :param fall: newest loss, as a share of the equity at the reference, while it matters
    :param tripped: since when the limit restricts
    :param release: earliest end of the restriction; None where only a recovery decides
    """

    samples: tuple[Sample, ...] = ()
    fall: float = 0.0
    latch: HysteresisState = OFF
    tripped: datetime | None = None
    release: datetime | None = None


class Mark(NamedTuple):
    """The account at one moment, with all figures known.

    :param stamp: `now` in seconds since 1970 UTC
    :param high_water: highest profit so far
    """

    now: datetime
    stamp: float
    capital: float
    profit: float
    open_profit: float
    high_water: float


def follow(limit: LossLimit, rule: Hysteresis, track: Track, mark: Mark) -> Track:
    """Returns the state of a limit after one more mark."""
    if track.tripped is not None or limit.reference is Reference.DAY:
        track = written_off(limit, track, mark.now, mark.stamp)
    samples, base = track.samples, mark.capital
    if limit.reference is Reference.OPEN:
        lost = -mark.open_profit
        base += mark.profit - mark.open_profit
    else:
        peak = mark.high_water
        if limit.hours is not None:
            push = trailing if limit.reference is Reference.TRAILING else rolling
            samples = push(samples, (mark.stamp, mark.profit), limit.hours * HOUR_S)
            peak = samples[0][1]
        elif limit.reference is Reference.DAY:
            samples = samples or ((mark.stamp, mark.profit),)
            peak = samples[0][1]
        lost = peak - mark.profit
        base += peak
    fall = lost / base if base > 0 else inf if lost > 0 else 0.0
    if fall < limit.loss and track.tripped is None and not track.latch.on:
        # The same result as the last line, but faster: by far the most frequent case.
        return track if samples is track.samples and not track.latch.above else Track(samples)
    latch = rule.step(track.latch, fall)
    return reviewed(limit, Track(samples, fall, latch, track.tripped, track.release), mark.now)


def written_off(limit: LossLimit, track: Track, now: datetime, stamp: float) -> Track:
    """Returns the state, or an empty one if the day or `longest_hours` is over."""
    if limit.reference is Reference.DAY:
        over = bool(track.samples) and limit.day_of(track.samples[0][0]) != limit.day_of(stamp)
    elif limit.longest_hours is not None and track.tripped is not None:
        over = now >= track.tripped + timedelta(hours=limit.longest_hours)
    else:
        over = False
    return Track() if over else track


def reviewed(limit: LossLimit, track: Track, now: datetime) -> Track:
    """Begins, keeps or ends the restriction."""
    if track.tripped is None:
        if not track.latch.on:
            return track
        return track._replace(tripped=now, release=_release(limit, now, now))
    if track.release is not None and now < track.release:
        return track
    if not track.latch.on:
        return track._replace(tripped=None, release=None)
    return track._replace(release=_release(limit, track.tripped, now))


def _release(limit: LossLimit, tripped: datetime, now: datetime) -> datetime | None:
    if limit.reference is Reference.DAY:
        return datetime.fromtimestamp(limit.day_of(now.timestamp()) + DAY_S, UTC)
    if not limit.cool_down_hours:
        return None
    release = now + timedelta(hours=limit.cool_down_hours)
    if limit.longest_hours is None:
        return release
    return min(release, tripped + timedelta(hours=limit.longest_hours))


def trailing(samples: tuple[Sample, ...], newest: Sample, length: float) -> tuple[Sample, ...]:
    """Returns the samples that can be the highest of the last `length` seconds, the highest first.

    Samples closer to each other than the resolution become one, with the higher profit and the
    later time: the peak may be up to one resolution older than the window, but never lower.

    >>> trailing(((0.0, 5.0), (600.0, 2.0)), (1200.0, 3.0), length=3600.0)  # the 2 is superseded
    ((0.0, 5.0), (1200.0, 3.0))
    """
    stamp, profit = newest
    kept = len(samples)
    while kept and samples[kept - 1][1] <= profit:
        kept -= 1
    width = length / RESOLUTION
    if kept and samples[kept - 1][0] // width == stamp // width:
        kept -= 1
        newest = stamp, samples[kept][1]
    first = 0
    while first < kept and samples[first][0] < stamp - length:
        first += 1
    return (*samples[first:kept], newest)


def rolling(samples: tuple[Sample, ...], newest: Sample, length: float) -> tuple[Sample, ...]:
    """Returns the samples of the last `length` seconds, oldest first, one per resolution step."""
    stamp = newest[0]
    first = 0
    while first < len(samples) and samples[first][0] < stamp - length:
        first += 1
    kept = samples[first:]
    width = length / RESOLUTION
    if kept and kept[-1][0] // width == stamp // width:
        return kept
    return (*kept, newest)


def decide(limit: LossLimit, rule: Hysteresis, track: Track, equity: float) -> Decision:
    """Returns the decision of a limit that has tripped."""
    below = "what it is without the open positions"
    if limit.reference is not Reference.OPEN:
        below = {
            Reference.TRAILING: "its highest of the last {}",
            Reference.START: "where it was {} ago",
            Reference.DAY: "where it was at {}",
            Reference.HIGH_WATER: "its high-water mark",
        }[limit.reference].format(limit.span)
    ends = not limit.halts and limit.reference is not Reference.DAY
    until = f", until below {rule.release:.2%}" if ends else ""
    return Decision(
        limit.trading,
        limit.size_factor if limit.trading is Trading.ACTIVE else 0.0,
        track.release,
        f"equity {equity:.2f}, {track.fall:.2%} below {below} (limit {limit.loss:.2%}{until}): "
        f"{limit.effect}",
    )
