"""The flash crash within a candle: what the running price shows before the candle has closed.

A running bot looks at the price every loop and judges the running candle as though it closed now.
A price counts that several looks in a row have shown, so that one bad print blocks nothing. The
closed candle is judged besides, by `perpkit.breakers.flash_crash`, so a bot is never later than it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from perpkit.breakers import flash_crash
from perpkit.breakers.breaker import Decision
from perpkit.breakers.flash_crash import (
    FALL,
    RISE,
    CrashState,
    FlashCrashLimits,
    Trip,
    figures,
    release_of,
)
from perpkit.breakers.flash_crash_steps import tripped
from perpkit.breakers.follow import Followed
from perpkit.market.candle_grid import CandleRows


class Stretch(NamedTuple):
    """The confirmed prices of a candle that was running.

    :param opened: its open time in nanoseconds since 1970 UTC
    :param high: the highest price that all of some looks in a row reached
    :param low: the lowest price that none of some looks in a row exceeded
    """

    opened: int
    high: float
    low: float


@dataclass(frozen=True)
class Running:
    """What the looks at the price of a pair have shown.

    :param prices: of the last looks, the oldest first
    :param stretches: of the running candle and, while it may be missing, the one before it
    :param trips: the fall and the rise that block, None where there is none
    """

    prices: tuple[float, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    trips: tuple[Trip | None, Trip | None] = (None, None)


UNSEEN = Running()


def look(
    limits: FlashCrashLimits,
    before: Running,
    closed: CandleRows,
    price: float | None,
    now: datetime,
) -> Running:
    """Returns what is known after another look. A trip ends with enough calm closed candles.

    :param closed: the closed candles; the newest may still be missing
    :param price: of a trade that no earlier look has shown; None if there was none
    """
    if before.trips != (None, None):
        fall, rise = (trip and _still(limits, trip, closed) for trip in before.trips)
        before = replace(before, trips=(fall, rise))
    if price is None or limits.looks == 0 or not 0 < price < np.inf:
        return before
    prices = (*before.prices, price)[-limits.looks :]
    if len(prices) < limits.looks:
        return replace(before, prices=prices)
    floor, ceiling = min(prices), max(prices)
    length = limits.timeframe_minutes * 60 * 10**9
    opened = _opened(closed, length, now)
    same = [one for one in before.stretches if one.opened == opened]
    running = Stretch(
        opened,
        max([floor, *(one.high for one in same)]),
        min([ceiling, *(one.low for one in same)]),
    )
    older = [one for one in before.stretches if one.opened == opened - length]
    moves = _moves(limits, closed, [*older, running], floor, ceiling)
    trips = tuple(
        _tripped(limits, way, moves[way], now) or before.trips[way] for way in (FALL, RISE)
    )
    return Running(prices, (*older, running), (trips[FALL], trips[RISE]))


def decide(
    limits: FlashCrashLimits, running: Running, closed: Followed[CrashState], now: datetime
) -> Decision:
    """Returns what is blocked by the closed candles and the running price together.

    Where both block because of the same direction, the one that blocks longer counts.
    """
    if running.trips == (None, None):
        return closed.at(now)
    state = closed.state_at(now)
    closed_at = now if state is None else closed.grid.closed_at(closed.grid.row_at(now))
    of_running = (trip for trip in running.trips if trip is not None)
    trips: dict[int, Trip] = {}
    for trip in (*(tripped(state) if state else ()), *of_running):
        known = trips.get(trip.direction)
        if known is None or release_of(limits, trip, closed_at) > release_of(
            limits, known, closed_at
        ):
            trips[trip.direction] = trip
    return flash_crash.decide(limits, [trips[way] for way in sorted(trips)], closed_at)


def _opened(closed: CandleRows, length: int, now: datetime) -> int:
    """Returns the open time of the running candle, on the grid of the closed ones."""
    at = int(now.timestamp() * 1e9)
    first = int(closed.times[0]) if len(closed) else 0
    return at - (at - first) % length


def _moves(
    limits: FlashCrashLimits,
    closed: CandleRows,
    stretches: list[Stretch],
    floor: float,
    ceiling: float,
) -> tuple[list[float], list[float]]:
    """Returns the falls and the rises by window, as `flash_crash.figures` would for the running
    candle if its close were the price that is confirmed."""
    opened = stretches[-1].opened
    length = limits.timeframe_minutes * 60 * 10**9
    lasting = limits.candles_in(limits.windows[-1].minutes) * length
    first, end = np.searchsorted(closed.times, [opened - lasting, opened])
    times, rows = closed.times[first:end], closed.figures[first:end]
    traded = rows[:, 4] > 0
    times, rows = times[traded], rows[traded]
    opens = [float(rows[-1, 3])] if len(rows) else []
    unknown = [one for one in stretches if not len(times) or one.opened > times[-1]]
    falls, rises = [], []
    for window in limits.windows:
        begun = opened - (limits.candles_in(window.minutes) - 1) * length
        within = rows[times >= begun]
        seen = [one for one in unknown if one.opened >= begun]
        high = max([*within[:, 1], *opens, *(one.high for one in seen)])
        low = min([*within[:, 2], *opens, *(one.low for one in seen)])
        falls.append(1 - ceiling / high)
        rises.append(floor / low - 1)
    return falls, rises


def _tripped(limits: FlashCrashLimits, way: int, moves: list[float], now: datetime) -> Trip | None:
    severity = np.array(moves) / limits.trips
    worst = int(np.argmax(severity))
    if severity[worst] < 1:
        return None
    return Trip(way, now, float(moves[worst]), limits.windows[worst], 0)


def _still(limits: FlashCrashLimits, trip: Trip, closed: CandleRows) -> Trip | None:
    """Returns the trip with the calm candles since its cool-down; None once they are enough."""
    length = limits.timeframe_minutes * 60 * 10**9
    since = int(trip.closed_at.timestamp() * 1e9)
    before = limits.candles_in(limits.calm_minutes) * length
    rows = closed.since(int(np.searchsorted(closed.times, since - length - before)))
    if not len(rows):
        return trip
    grid, values = rows.laid_out(length // 10**9)
    _, spans = figures(limits, values)
    calm = 0
    for row, span in enumerate(spans):
        if np.isnan(span) or grid.closed_at(row) <= trip.closed_at:
            continue
        cooled = grid.closed_at(row) >= trip.closed_at + limits.cool_down
        calm = calm + 1 if cooled and span < limits.calm_range else 0
        if calm >= limits.calm_candles:
            return None
    return trip._replace(calm=calm)
