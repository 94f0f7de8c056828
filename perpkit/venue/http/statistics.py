"""Positioning under /futures/data: account ratios, taker volumes, open interest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from perpkit.venue.http.numbers import fixed, money, quantity_text
from perpkit.venue.market.candles import INTERVALS_MS
from perpkit.venue.market.market import Market

Statistics = Callable[[Market, str, str, int, int | None, int], list[dict[str, Any]]]

# Circulating supply of the coin, which no market of the venue knows.
UNKNOWN_SUPPLY = 0.0

# Large accounts lean as all accounts do, by this fraction of the log ratio: counted by account, and
# by position.
TOP_ACCOUNTS, TOP_POSITIONS = 0.9, 0.4


def _ratio(damping: float) -> Statistics:
    """Long/short ratios whose logarithm is `damping` times that of all accounts."""

    def rows(
        market: Market, symbol: str, period: str, start: int, end: int | None, limit: int
    ) -> list[dict[str, Any]]:
        return [
            {
                "symbol": symbol,
                "longShortRatio": fixed(ratio, 4),
                "longAccount": fixed(ratio / (1 + ratio), 4),
                "shortAccount": fixed(1 / (1 + ratio), 4),
                "timestamp": time,
            }
            for time, value in _read(market, symbol, "long_short_ratio", period, start, end, limit)
            for ratio in (value**damping,)
        ]

    return rows


def _takers(
    market: Market, symbol: str, period: str, start: int, end: int | None, limit: int
) -> list[dict[str, Any]]:
    ms, instrument = INTERVALS_MS[period], market.instrument(symbol)
    readings = _read(market, symbol, "taker_ratio", period, start, end, limit)
    if not readings:
        return []
    first, last = readings[0][0] - ms, readings[-1][0] - 1
    candles = market.candles(symbol, period, start=first, end=last, limit=len(readings))
    volumes = dict(zip(candles.time.tolist(), candles.volume.tolist(), strict=True))
    rows = []
    for time, ratio in readings:
        volume = volumes.get(time - ms, 0.0)
        rows.append(
            {
                "buySellRatio": fixed(ratio, 4),
                "buyVol": quantity_text(instrument, volume * ratio / (1 + ratio)),
                "sellVol": quantity_text(instrument, volume / (1 + ratio)),
                "timestamp": time,
            }
        )
    return rows


def _interest(
    market: Market, symbol: str, period: str, start: int, end: int | None, limit: int
) -> list[dict[str, Any]]:
    readings = _read(market, symbol, "open_interest", period, start, end, limit)
    marks = market.mark_at(symbol, np.array([time for time, _ in readings], dtype=np.int64))
    return [
        {
            "symbol": symbol,
            "sumOpenInterest": money(amount),
            "sumOpenInterestValue": money(amount * mark),
            "CMCCirculatingSupply": money(UNKNOWN_SUPPLY),
            "timestamp": time,
        }
        for (time, amount), mark in zip(readings, marks.tolist(), strict=True)
    ]


def _read(
    market: Market, symbol: str, what: str, period: str, start: int, end: int | None, limit: int
) -> list[tuple[int, float]]:
    """The last `limit` known readings, as (time in ms, value)."""
    times, values = market.readings(symbol, what, period, start=start, end=end, limit=10_000)
    known = ~np.isnan(values)
    pairs = zip(times[known].tolist(), values[known].tolist(), strict=True)
    return list(pairs)[-limit:]


STATISTICS: dict[str, Statistics] = {
    "globalLongShortAccountRatio": _ratio(1.0),
    "topLongShortAccountRatio": _ratio(TOP_ACCOUNTS),
    "topLongShortPositionRatio": _ratio(TOP_POSITIONS),
    "takerlongshortRatio": _takers,
    "openInterestHist": _interest,
}
