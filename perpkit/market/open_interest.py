"""Open interest as a value in quote currency, and the pairs with the most of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import nan
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd

from perpkit.durations import HOUR
from perpkit.market.asof import among, nanoseconds
from perpkit.market.band import Band, Measure
from perpkit.market.positioning import PositioningRule, positioning_readings
from perpkit.parameters.kinds import Range

COLUMNS = ("open_interest_value", "open_interest_change")


class Interest(NamedTuple):
    """The open interest of one pair.

    :param value: value of all open positions, quote currency
    :param change: change of their amount, as a fraction; NaN without an earlier reading
    """

    value: float
    change: float = nan


_Value = Annotated[
    float | None, Range(0, 1e13, "quote currency"), "The value of all open positions"
]
_Change = Annotated[
    float | None,
    Range(-1, 100, "of the amount"),
    "The change of the amount that is open; 0.1 is 10% more",
]


@dataclass(frozen=True, kw_only=True)
class InterestBand(Band[Interest]):
    """The choice of the pairs with the most open interest, within bounds."""

    MEASURES = (
        Measure("value", "open interest", ",.0f"),
        Measure("change", "change of open interest", "+.1%"),
    )

    number_assets: Annotated[int, Range(1, 500, "pairs"), "How many pairs are kept"] = 20
    min_value: _Value = None
    max_value: _Value = None
    min_change: _Change = None
    max_change: _Change = None
    change_hours: Annotated[int, Range(1, 336, "h"), "The time over which it changed"] = 24
    max_candidates: Annotated[
        int,
        Range(1, 500, "pairs"),
        "How many pairs are asked for, those with most volume in 24 hours; one request each",
    ] = 100

    def figures(self, known: Interest) -> tuple[float, ...]:
        return known.value, known.change

    def candidates(self, volumes: Mapping[str, float | None]) -> list[str]:
        """Returns the pairs to query, one request each: those with the highest volume.

        :param volumes: volume of every pair over a day, in quote currency. A pair whose volume is
            unknown is a candidate only if all pairs are
        """
        if len(volumes) <= self.max_candidates:
            return sorted(volumes)
        ranked = sorted((-volume, pair) for pair, volume in volumes.items() if volume)
        return [pair for _, pair in ranked[: self.max_candidates]]

    def top(self, known: Mapping[str, Interest | None]) -> list[str]:
        """Returns the pairs that pass, the greatest value first; pairs with equal values by name.

        >>> known = {"BTC": Interest(9e9), "ETH": Interest(4e9), "XRP": Interest(6e8)}
        >>> InterestBand(number_assets=2, max_value=5e9).top(known)
        ['ETH', 'XRP']
        """
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
    """Returns the readings of open interest that candles can use.

    A value that is unknown is computed from the amount and the mark price at its time.

    :param stored: with `date`, ascending, `open_interest` (base asset) and, where known,
        `open_interest_value`
    :param period: period of the readings, see `positioning_readings`
    :param every: timeframe of the candles
    :param change: time span of `open_interest_change`
    :param marks: 1h candles of the mark price, with `date`, ascending, and `close`
    :return: `known_at`, `stale_at` (UTC) and `COLUMNS`
    """
    rule = PositioningRule(change=change)
    readings = positioning_readings(stored, period, every, rule)
    seen = among(
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
