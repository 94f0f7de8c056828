"""The path of a price over time: the same prices as from `tape.forming`, for many times at once.

Between two turning points a price only rises or only falls, so the prices at the turning points
alone show between which two of them a given price is crossed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from perpkit.venue.market.candles import (
    INTERVALS_MS,
    TURNING_POINTS,
    Candles,
    Floats,
    PriceKind,
    Times,
    bucket_start,
)
from perpkit.venue.market.history import PairHistory
from perpkit.venue.market.shocks import Shocks


@dataclass(frozen=True)
class PricePath:
    """The last and the mark price of a pair over a stretch of time.

    :param times: ms, strictly ascending; the first and last are the ends of the stretch
    :param last, mark: traded price and mark price at each of `times`
    """

    times: Times
    last: Floats
    mark: Floats


def price_path(
    pair: PairHistory,
    shocks: tuple[Shocks | None, Shocks | None],
    since: int,
    until: int,
    more: Iterable[int] = (),
) -> PricePath:
    """The path from `since` to `until` (ms), with every time at which either price may turn.

    :param shocks: shocks of the last and of the mark price
    :param more: further times to include, within the stretch
    """
    kinds = (PriceKind.LAST, PriceKind.MARK)
    turns = [
        _turns(pair, kind, over, since, until) for kind, over in zip(kinds, shocks, strict=True)
    ]
    # `unique`, because a path that ends where it begins has one point.
    ends = np.array([since, until, *more], dtype=np.int64)
    times = np.unique(np.concatenate([ends, *turns]))
    last, mark = (
        prices_at(pair, kind, times, over) for kind, over in zip(kinds, shocks, strict=True)
    )
    return PricePath(times, last, mark)


def _turns(
    pair: PairHistory, kind: PriceKind, over: Shocks | None, since: int, until: int
) -> Times:
    """Times in (since, until) at which this price may turn."""
    times = np.array([], dtype=np.int64)
    for first, last, ms in _stretches(pair, kind, since, until):
        opens = np.arange(bucket_start(first, ms), last, ms, dtype=np.int64)
        # The next candle need not open where this one closes: its last moment is a turn, too.
        offsets = [*(round(ms * part) for part in TURNING_POINTS), ms - 1]
        times = np.concatenate((times, (opens[:, None] + np.array(offsets)).ravel()))
    if over is not None:
        times = np.unique(np.concatenate((times, over.times)))
        times = np.unique(np.concatenate((times, _vertices(pair, kind, times, over))))
    return times[(since < times) & (times < until)]


def _stretches(
    pair: PairHistory, kind: PriceKind, since: int, until: int
) -> list[tuple[int, int, int]]:
    """The parts of the span with the same finest interval: (first, last, candle length), all ms."""
    spans = [
        (int(candles.time[0]), int(candles.time[-1]) + INTERVALS_MS[interval])
        for interval, candles in _on_record(pair, kind).items()
    ]
    edges = sorted({since, until, *(edge for span in spans for edge in span)})
    edges = [edge for edge in edges if since <= edge <= until]
    return [
        (first, last, INTERVALS_MS[pair.finest(kind, first)]) for first, last in pairwise(edges)
    ]


def _on_record(pair: PairHistory, kind: PriceKind) -> Mapping[str, Candles]:
    """The stored candles by interval, without the intervals that have none."""
    stored = pair.stored[pair.kind_on_record(kind)]
    return {interval: candles for interval, candles in stored.items() if len(candles)}


def _vertices(pair: PairHistory, kind: PriceKind, times: Times, over: Shocks) -> Times:
    """The times at which price times factor turns while both move: vertices of parabolas."""
    within = times[(times >= over.times[0]) & (times <= over.times[-1])]
    if len(within) < 2:
        return within
    price, factor = _undisturbed(pair, kind, within), over.at(within)
    rise, change = np.diff(price), np.diff(factor)
    bend = 2 * rise * change
    with np.errstate(divide="ignore", invalid="ignore"):
        at = -(price[:-1] * change + factor[:-1] * rise) / bend
    inner = (bend != 0) & (at > 0) & (at < 1)
    vertex = within[:-1][inner] + at[inner] * np.diff(within)[inner]
    # The whole milliseconds on both sides: rounded to one of them, the path would not turn there.
    return np.unique(np.concatenate((np.floor(vertex), np.ceil(vertex)))).astype(np.int64)


def prices_at(pair: PairHistory, kind: PriceKind, times: Times, over: Shocks | None) -> Floats:
    """The price at each of `times` (ms), in an array of the same shape.

    :param pair: one with candles
    """
    prices = _undisturbed(pair, kind, times)
    return prices if over is None else prices * over.at(times)


def _undisturbed(pair: PairHistory, kind: PriceKind, times: Times) -> Floats:
    stored = _on_record(pair, kind)
    finest_last = sorted(stored, key=lambda interval: INTERVALS_MS[interval], reverse=True)
    # In gaps of the record, the close of the finest candle before.
    out = _along(stored[finest_last[-1]], INTERVALS_MS[finest_last[-1]], times)
    for interval in finest_last:
        candles, ms = stored[interval], INTERVALS_MS[interval]
        covered = (candles.time[0] <= times) & (times < candles.time[-1] + ms)
        out[covered] = _along(candles, ms, times[covered])
    return out


def _along(candles: Candles, ms: int, times: Times) -> Floats:
    """Prices on `candles.path_within` of the candle that contains or precedes each time."""
    rows = np.maximum(candles.time.searchsorted(times, side="right") - 1, 0)
    open_, high, low, close = (column[rows] for column in candles.columns()[1:5])
    rises = close >= open_
    turns = (open_, np.where(rises, low, high), np.where(rises, high, low), close)
    at = np.clip((times - candles.time[rows]) / ms, 0.0, 1.0)
    parts = (*TURNING_POINTS, 1.0)
    out = turns[-1].copy()
    for start, end, here, there in zip(parts, parts[1:], turns, turns[1:], strict=False):
        inside = (start <= at) & (at < end)
        share = (at - start) / (end - start)
        out = np.where(inside, here + share * (there - here), out)
    return out
