"""A market that does as it is told: one pair, 1m candles along straight lines between points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from perpkit.durations import HOUR_MS, MINUTE_MS
from perpkit.venue.market.candles import Candles, PriceKind
from perpkit.venue.market.history import Funding, History, PairHistory
from perpkit.venue.market.instruments import Instrument

BTC = Instrument("BTC", tick_size=0.1, step_size=0.001)
WARM_UP = timedelta(hours=10)


def scripted_market(
    start: datetime,
    points: Sequence[tuple[float, float]],
    *,
    turnover: float = 1e9,
    funding_rate: float = 0.0,
    instrument: Instrument = BTC,
    hardly_traded: tuple[float, float] = (0, 0),
    warm_up: timedelta = WARM_UP,
) -> History:
    """:param start: of the script
    :param points: (minutes after the start, price), ascending; the first price is that of all the
        time before it, and the last one stays for a day
    :param turnover: of a day, USDT; the book holds 0.3% of it within 1% of the price, each side
    :param hardly_traded: minutes after the start between which volume is 1% of the usual
    :param warm_up: how long before the start there is a market
    :param funding_rate: of every settlement, every 8 hours of the day
    """
    first = int((start - warm_up).timestamp() * 1000) // MINUTE_MS * MINUTE_MS
    begin = int(start.timestamp() * 1000)
    minutes, prices = zip(*points, strict=True)
    rows = (begin - first) // MINUTE_MS + int(minutes[-1]) + 24 * 60
    times = first + np.arange(rows + 1, dtype=np.int64) * MINUTE_MS
    path = np.interp((times - begin) / MINUTE_MS, minutes, prices)
    open_, close = path[:-1], path[1:]
    minute = (times[:-1] - begin) / MINUTE_MS
    thin = (minute >= hardly_traded[0]) & (minute < hardly_traded[1])
    candles = Candles(
        times[:-1],
        open_,
        np.maximum(open_, close),
        np.minimum(open_, close),
        close,
        turnover / (24 * 60) / open_ * np.where(thin, 0.01, 1.0),
    )
    settled = np.arange(first // (8 * HOUR_MS) + 1, times[-1] // (8 * HOUR_MS) + 1) * 8 * HOUR_MS
    funding = Funding(settled, np.full(len(settled), funding_rate))
    stored = {PriceKind.LAST: {"1m": candles}}
    return History({instrument.symbol: PairHistory(instrument, stored, funding)})


def symbol_of(pair: str) -> str:
    """The exchange's name of a pair, also of a line that begins with one: `BTCUSDT`."""
    return pair.split(":")[0].replace("/", "")
