"""The premium index as candles: how far the last price is above the index, as a fraction.

The exchange computes it every five seconds from the order book; the venue knows it at the ends of
the finest candles, whose last price and index funding is computed from.
"""

from __future__ import annotations

import numpy as np

from perpkit.venue.market.candles import SERVED_MS, Candles, PriceKind, closing_time, resample
from perpkit.venue.market.market import Market


def premium_candles(
    market: Market, symbol: str, interval: str, start: int | None, end: int | None, limit: int
) -> Candles:
    """The candles of the premium index; times as for `Market.candles`.

    :raises VenueError: for an unknown symbol or interval
    """
    wanted = market.candles(symbol, interval, PriceKind.INDEX, start=start, end=end, limit=limit)
    if not len(wanted):
        return wanted
    ms = SERVED_MS[interval]
    opened, closed = int(wanted.time[0]), closing_time(int(wanted.time[-1]), ms)
    finest = market.finest(symbol, PriceKind.LAST, PriceKind.INDEX)
    last, index = (
        market.candles(symbol, finest, kind, start=opened, end=closed - 1, limit=closed - opened)
        for kind in (PriceKind.LAST, PriceKind.INDEX)
    )
    time, of_last, of_index = np.intersect1d(
        last.time, index.time, assume_unique=True, return_indices=True
    )
    # Rounded as it is shown; 0 is added because -0.0 would be shown with its sign.
    first, ended = (
        np.round(getattr(last, at)[of_last] / getattr(index, at)[of_index] - 1, 8) + 0.0
        for at in ("open", "close")
    )
    steps = Candles(
        time, first, np.maximum(first, ended), np.minimum(first, ended), ended, np.zeros(len(time))
    )
    return resample(steps, ms)
