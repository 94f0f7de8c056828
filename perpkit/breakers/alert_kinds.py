"""The kinds of market alerts, one row each: the measurement, its limit and the text of the alert.

A new kind needs a name in `AlertKind`, its limits in `AlertLimits`, and a row in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perpkit.breakers.market_alerts import AlertKind, AlertLimits, MarketReading

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]  # columns of a pair's candles, named as in `MarketReading`


@dataclass(frozen=True)
class KindOfAlert:
    """How one kind is measured, and the text of its alerts.

    :param severities: returns the severity of each candle, upwards and downwards, as a share of the
        limit: at 1 the limit is reached
    :param text: returns the text of an alert, without the pair
    """

    severities: Callable[[AlertLimits, Columns], tuple[Floats, Floats]]
    text: Callable[[AlertLimits, MarketReading], str]


def _either_way(
    measure: str, limit: str
) -> Callable[[AlertLimits, Columns], tuple[Floats, Floats]]:
    """Returns the severities of a measure with the same limit in both directions.

    :param measure: a column, positive or negative
    :param limit: the field of `AlertLimits` that limits its absolute value
    """

    def severities(limits: AlertLimits, of: Columns) -> tuple[Floats, Floats]:
        severity = of[measure] / getattr(limits, limit)
        return severity, -severity

    return severities


def _funding(limits: AlertLimits, of: Columns) -> tuple[Floats, Floats]:
    rate = of["funding_rate_8h"] / limits.funding_floor_8h
    rank, extreme = of["funding_rank"], limits.funding_percentile / 100
    return np.minimum(rank / extreme, rate), np.minimum((1 - rank) / extreme, -rate)


def _long_short(limits: AlertLimits, of: Columns) -> tuple[Floats, Floats]:
    ratio = np.where(of["long_short_ratio"] > 0, of["long_short_ratio"], np.nan)
    return ratio / limits.long_short_high, limits.long_short_low / ratio


def _sudden_text(limits: AlertLimits, at: MarketReading) -> str:
    return (
        f"sudden move, {at.sudden_change:+.1%} in {limits.sudden_hours:g} h to {at.close:.8g} "
        f"(limit {100 * limits.sudden_move:g}%)"
    )


def _price_text(limits: AlertLimits, at: MarketReading) -> str:
    return (
        f"price {at.price_change:+.1%} in {limits.price_hours:g} h to {at.close:.8g} "
        f"(limit {100 * limits.price_move:g}%)"
    )


def _funding_text(_: AlertLimits, at: MarketReading) -> str:
    payers = "longs" if at.funding_rate_8h > 0 else "shorts"
    return (
        f"funding {at.funding_rate_8h:+.4%} per 8 h ({at.funding_rate_annual:+.0%} a year), "
        f"among the extremes of 30 days, {payers} pay"
    )


def _long_short_text(_: AlertLimits, at: MarketReading) -> str:
    crowd = "longs" if at.long_short_ratio > 1 else "shorts"
    return f"long/short ratio {at.long_short_ratio:.2f}, {crowd} are crowded"


def _open_interest_text(limits: AlertLimits, at: MarketReading) -> str:
    return (
        f"open interest {at.open_interest_change:+.1%} in 24 h "
        f"(limit {100 * limits.open_interest_change:g}%)"
    )


KINDS: Mapping[AlertKind, KindOfAlert] = {
    AlertKind.SUDDEN: KindOfAlert(_either_way("sudden_change", "sudden_move"), _sudden_text),
    AlertKind.PRICE: KindOfAlert(_either_way("price_change", "price_move"), _price_text),
    AlertKind.FUNDING: KindOfAlert(_funding, _funding_text),
    AlertKind.LONG_SHORT: KindOfAlert(_long_short, _long_short_text),
    AlertKind.OPEN_INTEREST: KindOfAlert(
        _either_way("open_interest_change", "open_interest_change"), _open_interest_text
    ),
}
