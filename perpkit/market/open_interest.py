"""Open interest as a value in quote currency, and the pairs that have most of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import nan
from typing import NamedTuple

import numpy as np
import pandas as pd

from perpkit.checks import check_range
from perpkit.durations import HOUR
from perpkit.market.asof import nanoseconds
from perpkit.market.band import Band, Measure
from perpkit.market.positioning import PositioningRule, positioning_readings

COLUMNS = ("open_interest_value", "open_interest_change")


class Interest(NamedTuple):
    """:param value: of all open positions, quote currency
    :param change: of their amount, as a fraction; NaN without a reading from before"""

    value: float
    change: float = nan


@dataclass(frozen=True, kw_only=True)
class InterestBand(Band[Interest]):
    """The pairs with most open interest, within bounds.

    :param number_assets: how many, 1 to 500
    :param min_value: of the open interest, quote currency, 0 to 1e13; and maximum
    :param min_change: of its amount, as a fraction, -1 to 100: 0.1 is 10% more; and maximum
    :param change_hours: over which it changed, 1 to 336
    :param max_candidates: pairs that are asked for, those with most volume, 1 to 500
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    MEASURES = (
        Measure("value", 0, 1e13, "open interest", ",.0f"),
        Measure("change", -1, 100, "change of open interest", "+.1%"),
    )

    number_assets: int = 20
    min_value: float | None = None
    max_value: float | None = None
    min_change: float | None = None
    max_change: float | None = None
    change_hours: int = 24
    max_candidates: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("number_assets", self.number_assets, 1, 500, whole=True)
        check_range("change_hours", self.change_hours, 1, 336, whole=True)
        check_range("max_candidates", self.max_candidates, 1, 500, whole=True)

    def figures(self, known: Interest) -> tuple[float, ...]:
        return known.value, known.change

    def candidates(self, volumes: Mapping[str, float | None]) -> list[str]:
        """The pairs to ask for: each is a request.

        :param volumes: of every pair over a day, quote currency. Where it is unknown, a pair is a
            candidate only if all are
        """
        if len(volumes) <= self.max_candidates:
            return sorted(volumes)
        ranked = sorted((-volume, pair) for pair, volume in volumes.items() if volume)
        return [pair for _, pair in ranked[: self.max_candidates]]

    def top(self, known: Mapping[str, Interest | None]) -> list[str]:
        """The pairs, the greatest value first; equal values by name."""
        inside = [
            (-of_pair.value, pair)
            for pair, of_pair in known.items()
            if of_pair is not None and self.knows(of_pair) and self.objection(of_pair) is None
        ]
        return [pair for _, pair in sorted(inside)][: self.number_assets]


def interest_readings(
    stored: pd.DataFrame,
    period: str,
    every: timedelta,
    change: timedelta,
    marks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The readings of open interest that candles can see.

    A value that is not known is the amount at the mark price of its time.

    :param stored: `date` ascending, `open_interest` (base asset) and, where known,
        `open_interest_value`
    :param period: of the readings, `every` the candles' timeframe: see `positioning_readings`
    :param change: the span of `open_interest_change`
    :param marks: 1h candles of the mark price, `date` ascending and `close`
    :return: `known_at`, `stale_at` (UTC) and `COLUMNS`
    """
    rule = PositioningRule(change=change)
    readings = positioning_readings(stored, period, every, rule)
    seen = np.isin(
        nanoseconds(stored["date"]) + _lag(period, rule), nanoseconds(readings["known_at"])
    )
    rows = stored.reindex(columns=["date", "open_interest", "open_interest_value"])[seen]
    value = rows["open_interest_value"].to_numpy(dtype=float)
    if marks is not None and len(marks):
        closed = nanoseconds(marks["date"]) + pd.Timedelta(HOUR).value
        last = np.searchsorted(closed, nanoseconds(rows["date"]), side="right") - 1
        price = np.where(last >= 0, marks["close"].to_numpy(dtype=float)[last], np.nan)
        value = np.where(
            np.isnan(value), rows["open_interest"].to_numpy(dtype=float) * price, value
        )
    return readings[["known_at", "stale_at", "open_interest_change"]].assign(
        open_interest_value=value
    )


def _lag(period: str, rule: PositioningRule) -> int:
    return int(rule.lag_periods * pd.Timedelta(period).value)
