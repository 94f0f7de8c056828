"""Funding at the moments at which it was settled, from stored rates and mark prices.

Exports and databases hold the sum of a trade's funding, not when it was paid. What is recomputed
here is used only if it agrees with that sum.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_of
from perpkit.research.trades import Trade
from perpkit.risk.equity import Settlement

# In live trading the exchange pays on its own mark price: the sums agree to some percent, or they
# are of other data.
TOLERANCE = 0.02
_ROUNDING = 1e-6


def funding_per_unit(rates: pd.DataFrame, marks: pd.DataFrame) -> pd.Series:
    """Returns what a long of one unit pays at each settlement, in stake currency.

    :param rates: Freqtrade's funding candles: `date`, and `funding_rate`, or `open` before 2026.9
    :param marks: candles of the mark price, with `date` and `open`
    :return: by time of settlement, UTC; only those with both a rate and a mark price
    """
    column = "funding_rate" if "funding_rate" in rates else "open"
    rate = pd.Series(rates[column].to_numpy(dtype=np.float64), dates_of(rates["date"]))
    mark = pd.Series(marks["open"].to_numpy(dtype=np.float64), dates_of(marks["date"]))
    rate, mark = (s[~s.index.duplicated(keep="last")].sort_index() for s in (rate, mark))
    return (rate * mark.reindex(rate.index)).dropna()


def settlements(trade: Trade, per_unit: pd.Series, until: float) -> tuple[Settlement, ...]:
    """Returns the funding of a trade at each settlement; empty if it is not what was booked.

    It is counted as Freqtrade books it, since profits and breakers have it so: from fill to fill,
    both included, so that a settlement at whose moment an order fills counts for the position
    before it and for the one after it.

    :param per_unit: of its pair, from `funding_per_unit`
    :param until: time until which an open trade is looked at, s since 1970 UTC
    """
    if not trade.fills or per_unit.empty:
        return ()
    times = nanoseconds(dates_of(per_unit.index)) / 1e9
    paid = per_unit.to_numpy(dtype=np.float64)
    ends = [fill.at for fill in trade.fills[1:]] + [until if trade.closed is None else trade.closed]
    found, held = [], 0.0
    for fill, end in zip(trade.fills, ends, strict=True):
        held += trade.signed(fill)
        begin, stop = np.searchsorted(times, fill.at), np.searchsorted(times, end, "right")
        rows = zip(times[begin:stop].tolist(), (-held * paid[begin:stop]).tolist(), strict=True)
        found += [Settlement(at, funding) for at, funding in rows if funding]
    total = sum(one.funding for one in found)
    turned_over = sum(abs(one.funding) for one in found)
    if abs(total - trade.funding) > TOLERANCE * turned_over + _ROUNDING:
        return ()
    return tuple(found)
