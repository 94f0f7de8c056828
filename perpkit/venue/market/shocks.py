"""Price gaps and flash crashes, applied to the history as a factor on prices over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import Candles, Floats, PriceKind, Times, path_within
from perpkit.venue.market.instruments import decimals_of

MAX_FACTOR = 10_000.0  # bound on all price faults of a symbol together, up or down
_BOTTOM = 0.3  # fraction of a crash's duration after which the price turns


@dataclass(frozen=True)
class Shocks:
    """A factor on a price: linear between points, 1 before the first, constant after the last.

    :param times: ms, strictly ascending, at least one
    """

    times: Times
    factors: Floats

    def at(self, times: Times) -> Floats:
        out: Floats = np.interp(times, self.times, self.factors)
        return out

    def moves(self, since: Times, until: Times) -> NDArray[np.bool_]:
        """Whether the factor changes within each of the spans [since, until], ms."""
        # Of each stretch between points, and how many such come before it.
        moving = np.concatenate(([False], np.diff(self.factors) != 0, [False]))
        before = np.concatenate(([0], np.cumsum(moving)))
        first = self.times.searchsorted(since, side="right")
        last = self.times.searchsorted(until, side="left")
        out: NDArray[np.bool_] = before[last + 1] > before[first]
        return out


def shocks(faults: Sequence[Fault], kind: PriceKind) -> Shocks | None:
    """The price faults of a symbol combined, for one of its prices; None without faults."""
    paths = [_points(fault, kind) for fault in faults]
    if not paths:
        return None
    times = np.array(sorted({time for path in paths for time, _ in path}), dtype=np.int64)
    factors = np.ones(len(times))
    for path in paths:
        moments, values = zip(*path, strict=True)
        factors *= np.interp(times, moments, values)
    # Even a hundred gaps on top of each other must leave a price that can be computed with.
    return Shocks(times, np.clip(factors, 1 / MAX_FACTOR, MAX_FACTOR))


def _points(fault: Fault, kind: PriceKind) -> list[tuple[int, float]]:
    share = 1.0 if kind is PriceKind.LAST else fault.number("mark_share")
    change = share * fault.number("change")
    since, until = fault.since, fault.until
    if fault.kind is FaultKind.PRICE_GAP:
        gap = [(since - 1, 1.0), (since, 1 + change)]
        return gap if until is None else [*gap, (until - 1, 1 + change), (until, 1.0)]
    assert until is not None
    bottom = max(since + 1, since + round(_BOTTOM * (until - since)))
    after = 1 + change * (1 - fault.number("recovery"))
    return [(since, 1.0), (bottom, 1 + change), (max(until, bottom + 1), after)]


def shocked(candles: Candles, ms: int, over: Shocks, now: int, tick: float | None) -> Candles:
    """The candles as they look at `now` (ms), with the factor applied along their paths.

    Candles that have closed by `now` are whole; one that has not is cut to the part that has passed
    (see `candles.part_of`). None may open after `now`.

    :param candles: stored candles of length `ms`, of the finest interval on record
    :param tick: grid that prices are rounded to; None for no rounding
    """
    within = over.moves(candles.time, candles.time + ms - 1) | (candles.time + ms > now)
    factor = over.at(candles.time)
    prices = [column * factor for column in candles.columns()[1:5]]  # open, high, low, close
    volume = candles.volume.copy()
    for row in np.flatnonzero(within):
        candle = candles[row : row + 1]
        fraction = min(1.0, (now - int(candle.time[0])) / ms)
        for column, value in zip(prices, _along(candle, ms, over, fraction), strict=True):
            column[row] = value
        volume[row] *= fraction
    if tick is not None:
        decimals = decimals_of(tick)
        ticks = [np.maximum(1.0, np.rint(column / tick)) for column in prices]
        prices = [np.round(column * tick, decimals) for column in ticks]
    open_, high, low, close = prices
    return Candles(candles.time, open_, high, low, close, volume)


def _along(
    candle: Candles, ms: int, over: Shocks, fraction: float
) -> tuple[float, float, float, float]:
    """Open, high, low and close of one candle's path times the factor, up to `fraction` of time."""
    opened = int(candle.time[0])
    turns, path = path_within(candle)
    marks = np.concatenate((turns, (over.times - opened) / ms, [fraction]))
    at = np.unique(marks[(marks >= 0) & (marks <= fraction)])
    # The factor at the very end belongs to the next candle: a gap must not show in this one.
    moments = opened + np.minimum(at * ms, ms - 1)
    price = np.interp(at, turns, path)
    factor = np.interp(moments, over.times, over.factors)
    # Between two marks both are linear and their product is a parabola: its vertex may be extreme.
    dp, df = np.diff(price), np.diff(factor)
    bend = dp * df
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(bend == 0, 0.0, -(price[:-1] * df + factor[:-1] * dp) / (2 * bend))
    vertex = np.clip(vertex, 0.0, 1.0)
    inner = (price[:-1] + vertex * dp) * (factor[:-1] + vertex * df)
    seen = price * factor
    reached = np.concatenate((seen, inner))
    return float(seen[0]), float(reached.max()), float(reached.min()), float(seen[-1])
