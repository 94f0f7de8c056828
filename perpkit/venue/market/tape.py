"""The candles of a pair as they look at one time, shocks included."""

from __future__ import annotations

import numpy as np

from perpkit.venue.errors import invalid_interval
from perpkit.venue.market.candles import (
    SERVED_MS,
    Candles,
    PriceKind,
    bucket_start,
    closing_time,
    joined,
    part_of,
    resample,
)
from perpkit.venue.market.history import PairHistory
from perpkit.venue.market.shocks import Shocks, shocked


def series(pair: PairHistory, kind: PriceKind, interval: str) -> Candles:
    """All candles, past and future, without shocks.

    :raises VenueError: for an interval that is unknown or cannot be made
    """
    try:
        return pair.candles(kind, interval)
    except ValueError as error:
        raise invalid_interval() from error


def forming(
    pair: PairHistory, kind: PriceKind, interval: str, now: int, over: Shocks | None
) -> Candles:
    """The candle being formed, as one row; no row where the history has no candle at `now`."""
    ms = SERVED_MS[interval]
    opened = bucket_start(now, ms)
    for source in (pair.finest(kind, now), interval):
        stored, source_ms = series(pair, kind, source), SERVED_MS[source]
        first = int(stored.time.searchsorted(opened))
        current = int(stored.time.searchsorted(now, side="right")) - 1
        if current < first:
            continue
        if over is not None and over.times[0] < now:
            rows = stored[first : current + 1]
            return resample(shocked(rows, source_ms, over, now, _tick(pair, kind)), ms)
        began = int(stored.time[current])
        fraction = min(1.0, (now - began) / (closing_time(began, source_ms) - began))
        part = part_of(stored[current : current + 1], fraction)
        return resample(joined(stored[first:current], part), ms)
    return stored[:0]


def closed(
    pair: PairHistory, kind: PriceKind, interval: str, rows: Candles, over: Shocks | None
) -> Candles:
    """Closed candles with the shocks that moved them.

    :param rows: part of `series`
    """
    ms = SERVED_MS[interval]
    if over is None or not len(rows) or int(rows.time[-1]) + ms <= over.times[0]:
        return rows
    tick = _tick(pair, kind)
    before = int(rows.time.searchsorted(over.times[0] - ms, side="right"))
    after = max(before, int(rows.time.searchsorted(over.times[-1])))
    moved = _rebuilt(pair, kind, interval, rows[before:after], over)
    end = int(rows.time[-1]) + ms
    later = shocked(rows[after:], ms, over, end, tick)
    return joined(joined(rows[:before], moved), later)


def _rebuilt(
    pair: PairHistory, kind: PriceKind, interval: str, rows: Candles, over: Shocks
) -> Candles:
    """Rebuilds candles from the finest on record, whose paths best give the price at each time."""
    if not len(rows):
        return rows
    ms, tick = SERVED_MS[interval], _tick(pair, kind)
    start, end = int(rows.time[0]), closing_time(int(rows.time[-1]), ms)
    source = pair.finest(kind, start)
    fine = series(pair, kind, source)
    part = fine[int(fine.time.searchsorted(start)) : int(fine.time.searchsorted(end))]
    out = resample(shocked(part, SERVED_MS[source], over, end, tick), ms)
    if np.array_equal(out.time, rows.time):
        return out
    return shocked(rows, ms, over, end, tick)


def _tick(pair: PairHistory, kind: PriceKind) -> float | None:
    return pair.instrument.tick_size if kind is PriceKind.LAST else None
