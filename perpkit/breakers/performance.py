"""Performance monitor: a bot's results beside the band that its backtest predicts.

The band is of the block bootstrap, as `perpkit golive` has signed it (see `perpkit.golive.band`).
Returns are measured from a start on; so many looks in a row outside of the band, below or above,
mean that the bot does something else than what was tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

import numpy as np

from perpkit.durations import DAY
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class PerformanceLimits(Parameters):
    """When results are looked at, and what blocks entries."""

    every_hours: Annotated[float, Range(0.5, 168, "h"), "From one look to the next"] = 6.0
    looks: Annotated[
        int, Range(1, 100, "looks"), "So many in a row outside of the band block entries"
    ] = 3


class Horizon(NamedTuple):
    """Where the return is expected after so many days, as fractions."""

    days: float
    low: float
    high: float


@dataclass(frozen=True)
class PerformanceState:
    """
    :param since: when the results began that are looked at
    :param equity: at that time, in stake currency, above 0
    :param profit: that the account had made by then, in stake currency
    :param looked: the newest look
    :param outside: looks in a row outside of the band
    """

    since: datetime
    equity: float
    profit: float
    looked: datetime
    outside: int = 0


class Look(NamedTuple):
    """What a look has found.

    :param made: the return since the start, as a fraction
    """

    days: float
    made: float
    low: float
    high: float

    @property
    def is_inside(self) -> bool:
        return self.low <= self.made <= self.high

    def __str__(self) -> str:
        return (
            f"{self.made:+.1%} in {self.days:.1f} days, where the backtest predicts "
            f"{self.low:+.1%} to {self.high:+.1%}"
        )


def begin(now: datetime, equity: float, profit: float) -> PerformanceState:
    """Returns the state of results that are looked at from now on.

    :param equity: in stake currency, above 0
    :param profit: made so far, in stake currency
    """
    return PerformanceState(now, equity, profit, now)


def is_due(limits: PerformanceLimits, state: PerformanceState, now: datetime) -> bool:
    return now - state.looked >= timedelta(hours=limits.every_hours)


def is_over(state: PerformanceState, band: Sequence[Horizon], now: datetime) -> bool:
    """Whether the results have become longer than anything that is predicted."""
    return (now - state.since) / DAY > band[-1].days


def look(
    state: PerformanceState, band: Sequence[Horizon], now: datetime, profit: float
) -> tuple[PerformanceState, Look | None]:
    """Returns the state after a look, and what it has found: None before the band begins.

    Between two horizons the band is on a straight line.

    :param band: by ascending days, at least one
    :param profit: made so far, in stake currency
    """
    days = (now - state.since) / DAY
    if not band[0].days <= days <= band[-1].days:
        return replace(state, looked=now), None
    known = np.array(band).T
    low, high = (float(np.interp(days, known[0], ends)) for ends in known[1:])
    found = Look(days, (profit - state.profit) / state.equity, low, high)
    outside = 0 if found.is_inside else state.outside + 1
    return replace(state, looked=now, outside=outside), found
