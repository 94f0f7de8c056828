"""The trades of a contract: one a second, on the path of its candles.

A trade's id is the number of its second, counted from 1 at the contract's first candle. Its price
is that of the path at that second, and the quantities of a candle's trades add up to its volume.
Where a candle's share of a second is less than a step of quantity, there is a trade only every few
seconds, and ids are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perpkit.durations import DAY_MS
from perpkit.venue.market.candles import INTERVALS_MS, Floats, PriceKind, Times
from perpkit.venue.market.history import PairHistory
from perpkit.venue.market.price_path import prices_at
from perpkit.venue.market.shocks import Shocks

SPACING_MS = 1_000
# A search over seconds without trades goes on in parts of this size, and for two days at most: so
# far back the exchange keeps trades.
_CHUNK = 5_000
SEARCHED = 2 * DAY_MS // SPACING_MS


@dataclass(frozen=True)
class Trades:
    """Trades in columns of equal length, oldest first.

    :param id: strictly ascending; :param time: ms
    :param price: on the tick; :param quantity: base asset, positive, on the step
    :param sold: whether the seller was the taker, which means that the buyer was the maker
    """

    id: NDArray[np.int64]
    time: Times
    price: Floats
    quantity: Floats
    sold: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.id)

    def __getitem__(self, rows: slice) -> Trades:
        return Trades(
            self.id[rows], self.time[rows], self.price[rows], self.quantity[rows], self.sold[rows]
        )

    def columns(
        self,
    ) -> tuple[NDArray[np.int64], Times, Floats, Floats, NDArray[np.bool_]]:
        return self.id, self.time, self.price, self.quantity, self.sold


def first_id_at(pair: PairHistory, time: int) -> int:
    """The smallest id whose trade is at `time` (ms) or later."""
    return max(1, -(-(time - pair.start) // SPACING_MS) + 1)


def last_id_at(pair: PairHistory, time: int) -> int:
    """The largest id whose trade is at `time` (ms) or earlier; 0 where there is none."""
    return max(0, (time - pair.start) // SPACING_MS + 1)


def oldest(pair: PairHistory, over: Shocks | None, first: int, last: int, limit: int) -> Trades:
    """At most `limit` trades with ids in [first, last], the oldest of them.

    Ids beyond `first + SEARCHED` are left for another search.
    """
    found = [between(pair, over, first, first - 1)]
    last = min(last, first + SEARCHED)
    while first <= last and sum(map(len, found)) < limit:
        found.append(between(pair, over, first, min(last, first + _CHUNK - 1)))
        first += _CHUNK
    return _joined(found)[:limit]


def newest(pair: PairHistory, over: Shocks | None, first: int, last: int, limit: int) -> Trades:
    """At most `limit` trades with ids in [first, last], the newest of them."""
    found = [between(pair, over, last + 1, last)]
    first = max(first, last - SEARCHED)
    while first <= last and sum(map(len, found)) < limit:
        found.insert(0, between(pair, over, max(first, last - _CHUNK + 1), last))
        last -= _CHUNK
    joined = _joined(found)
    return joined[max(0, len(joined) - limit) :]


def between(pair: PairHistory, over: Shocks | None, first: int, last: int) -> Trades:
    """Every trade with an id in [first, last], future ones included.

    :param over: shocks of the last price
    """
    # One second more, because a trade's taker is read from the move since the trade before.
    ids = np.arange(first - 1, last + 1, dtype=np.int64)
    if not pair.end:  # listed after the end of the history, so that it has no candles
        nothing = np.array([])
        return Trades(ids[:0], ids[:0], nothing, nothing, nothing.astype(np.bool_))
    times = pair.start + (ids - 1) * SPACING_MS
    tick, step = pair.instrument.tick_size, pair.instrument.step_size
    prices = np.maximum(1.0, np.rint(prices_at(pair, PriceKind.LAST, times, over) / tick)) * tick
    falls, rises = prices[1:] < prices[:-1], prices[1:] > prices[:-1]
    steps = _steps(pair, times[1:])
    rows = steps > 0
    return Trades(
        ids[1:][rows],
        times[1:][rows],
        prices[1:][rows],
        steps[rows] * step,
        (falls | ~rises & (ids[1:] % 2 == 1))[rows],
    )


def _steps(pair: PairHistory, times: Times) -> Floats:
    """How many steps of quantity trade at each of these seconds, by the finest candle there."""
    out = np.zeros(len(times))
    step = pair.instrument.step_size
    stored = pair.stored[PriceKind.LAST]
    for interval in sorted(stored, key=lambda each: INTERVALS_MS[each], reverse=True):
        candles, ms = stored[interval], INTERVALS_MS[interval]
        if not len(candles):
            continue
        rows = np.maximum(candles.time.searchsorted(times, side="right") - 1, 0)
        into = times - candles.time[rows]
        inside = (into >= 0) & (into < ms)
        steps = np.rint(candles.volume[rows] / step)
        seconds = ms // SPACING_MS
        number = into // SPACING_MS
        # Rounded down as it adds up, so that the sum over the candle is exact.
        traded = np.floor(steps * (number + 1) / seconds) - np.floor(steps * number / seconds)
        out[inside] = traded[inside]
    return out


def _joined(parts: list[Trades]) -> Trades:
    return Trades(
        np.concatenate([part.id for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.quantity for part in parts]),
        np.concatenate([part.sold for part in parts]),
    )
