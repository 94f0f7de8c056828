"""Positioning alerts: accounts that crowd on one side, open interest that jumps.

They block nothing. A long/short ratio above 3 held on three days in ten of 2022-2023 in seven
pairs: it is news when it begins, and no reason to stay out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import nan

from perpkit.breakers.latch import OFF, Hysteresis, Latch
from perpkit.checks import check_range


@dataclass(frozen=True)
class PositioningLimits:
    """Parameters.

    :param long_short_high: accounts net long over net short from which longs are crowded
    :param long_short_low: the ratio at or below which shorts are
    :param open_interest_change: over 24 h, as a fraction, either way
    :param rearm_share: of a limit; back below it, the next crossing is told again
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    long_short_high: float = 3.0
    long_short_low: float = 0.33
    open_interest_change: float = 0.10
    rearm_share: float = 0.9

    def __post_init__(self) -> None:
        check_range("long_short_high", self.long_short_high, 1.01, 1000)
        check_range("long_short_low", self.long_short_low, 0.001, 0.99)
        check_range("open_interest_change", self.open_interest_change, 0.001, 10)
        check_range("rearm_share", self.rearm_share, 0.1, 1)


@dataclass(frozen=True)
class Positions:
    """What is known of one pair; NaN where nothing is.

    :param open_interest_change: over 24 h, as a fraction
    """

    known_at: datetime
    long_short_ratio: float = nan
    open_interest_change: float = nan


@dataclass(frozen=True)
class PositioningState:
    """What has been told of one pair."""

    known_at: datetime | None = None
    longs_crowded: Latch = OFF
    shorts_crowded: Latch = OFF
    interest_up: Latch = OFF
    interest_down: Latch = OFF


def alerts(
    limits: PositioningLimits, pair: str, state: PositioningState, seen: Positions
) -> tuple[PositioningState, tuple[str, ...]]:
    """What to tell of a pair: each limit once when it is crossed, not as long as it is.

    What is not newer than the last changes nothing and tells nothing.
    """
    if state.known_at is not None and seen.known_at <= state.known_at:
        return state, ()
    ratio, change = seen.long_short_ratio, seen.open_interest_change
    inverse = 1 / ratio if ratio > 0 else nan
    accounts = f"{pair}: long/short ratio {ratio:.2f}"
    jump = limits.open_interest_change
    interest = f"{pair}: open interest {change:+.1%} in 24 h (limit {jump:.0%})"
    watched = {
        "longs_crowded": (ratio, limits.long_short_high, f"{accounts}, longs are crowded"),
        "shorts_crowded": (inverse, 1 / limits.long_short_low, f"{accounts}, shorts are crowded"),
        "interest_up": (change, jump, interest),
        "interest_down": (-change, jump, interest),
    }
    latches, told = {}, []
    for name, (value, limit, text) in watched.items():
        before: Latch = getattr(state, name)
        latches[name] = Hysteresis(limit, limit * limits.rearm_share).step(before, value)
        if latches[name].on and not before.on:
            told.append(text)
    return replace(state, known_at=seen.known_at, **latches), tuple(told)
