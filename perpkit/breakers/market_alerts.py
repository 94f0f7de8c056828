"""Market alerts: what a pair does that is news to its operator, and no reason to stay out.

They are found in the candles alone: whether a limit was crossed is a function of the candles up to
then, so that a bot that starts again knows what it would have told, and keeps no state for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.latch import Hysteresis
from perpkit.checks import check_range
from perpkit.market.asof import nanoseconds

Floats = NDArray[np.float64]
HOUR = timedelta(hours=1)


class Kind(StrEnum):
    SUDDEN = "sudden"
    PRICE = "price"
    FUNDING = "funding"
    LONG_SHORT = "long_short"
    OPEN_INTEREST = "open_interest"


@dataclass(frozen=True)
class AlertLimits:
    """Alerts are looked for at the close of each candle of the strategy.

    :param kinds: that are told, the most urgent first
    :param pairs: that are watched; none for all that are traded
    :param price_move: of the close, either way, as a fraction
    :param price_hours: over which it moves; not less than a candle
    :param sudden_move: the same within `sudden_hours`
    :param sudden_hours: over which it moves; not less than a candle
    :param funding_percentile: of the pair's own last 30 days, from which funding is extreme; the
        mirror of it for shorts
    :param funding_floor_8h: and what either side pays at least, as a fraction per 8 h
    :param long_short_high: accounts net long over net short from which longs are crowded
    :param long_short_low: the ratio at or below which shorts are
    :param open_interest_change: over 24 h, as a fraction, either way
    :param rearm_share: of a limit; back below it, the next crossing is told again
    :param quiet_hours: after an alert, for the same kind and pair; the summary tells what was held
        back
    :param max_per_hour: alerts of all kinds and pairs; the summary tells the others
    :param summary_hours: between two summaries; 0 for none
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    kinds: tuple[Kind, ...] = tuple(Kind)
    pairs: tuple[str, ...] = ()
    price_move: float = 0.05
    price_hours: float = 24.0
    sudden_move: float = 0.10
    sudden_hours: float = 1.0
    funding_percentile: float = 95.0
    funding_floor_8h: float = 0.0003
    long_short_high: float = 3.0
    long_short_low: float = 0.33
    open_interest_change: float = 0.10
    rearm_share: float = 0.8
    quiet_hours: float = 1.0
    max_per_hour: int = 10
    summary_hours: int = 1

    def __post_init__(self) -> None:
        if len(set(self.kinds)) != len(self.kinds) or not set(self.kinds) <= set(Kind):
            raise ValueError(
                f"kinds must be different ones of {', '.join(Kind)}, got {list(self.kinds)}"
            )
        check_range("price_move", self.price_move, 0.001, 10)
        check_range("price_hours", self.price_hours, 0.05, 168)
        check_range("sudden_move", self.sudden_move, 0.001, 10)
        check_range("sudden_hours", self.sudden_hours, 0.05, 168)
        check_range("funding_percentile", self.funding_percentile, 50, 100)
        check_range("funding_floor_8h", self.funding_floor_8h, 0.0001, 0.1)
        check_range("long_short_high", self.long_short_high, 1.01, 1000)
        check_range("long_short_low", self.long_short_low, 0.001, 0.99)
        check_range("open_interest_change", self.open_interest_change, 0.001, 10)
        check_range("rearm_share", self.rearm_share, 0.1, 1)
        check_range("quiet_hours", self.quiet_hours, 1, 168)
        check_range("max_per_hour", self.max_per_hour, 1, 30, whole=True)
        check_range("summary_hours", self.summary_hours, 0, 24, whole=True)

    def on(self, step: timedelta) -> AlertLimits:
        """With windows of one candle at least.

        :param step: the length of a candle
        """
        hours = step / HOUR
        return replace(
            self,
            price_hours=max(self.price_hours, hours),
            sudden_hours=max(self.sudden_hours, hours),
        )


class Alert(NamedTuple):
    """:param at: close of the candle it was found in
    :param told: whether it was, or else withheld"""

    at: datetime
    pair: str
    kind: Kind
    text: str
    told: bool = False


class Reading(NamedTuple):
    """A pair at the close of a candle; NaN where nothing is known.

    :param price_change: over the hours of `AlertLimits`, as a fraction; so is `sudden_change`
    :param funding_rank: 0 to 1 within 30 days; `funding_rate_annual` is a fraction, too
    :param open_interest_change: over 24 h, as a fraction
    """

    closed_at: datetime
    close: float
    price_change: float
    sudden_change: float
    funding_rate_8h: float
    funding_rate_annual: float
    funding_rank: float
    long_short_ratio: float
    open_interest_change: float


class Readings:
    """A `Reading` for every candle of a pair.

    :param limits: made for `step`, the length of a candle, see `AlertLimits.on`
    :param candles: with `date` (open time, UTC, without gaps), `close`, and columns of
        `market.funding` and `market.positioning`; those that are absent are unknown
    """

    def __init__(self, limits: AlertLimits, candles: pd.DataFrame, step: timedelta) -> None:
        self._limits = limits
        self._closed_at = nanoseconds(candles["date"]) + pd.Timedelta(step).value
        unknown = np.full(len(candles), np.nan)
        self._columns: dict[str, Floats] = {
            name: candles[name].to_numpy(dtype=float) if name in candles else unknown
            for name in Reading._fields[1:]
        }
        for name, hours in (
            ("price_change", limits.price_hours),
            ("sudden_change", limits.sudden_hours),
        ):
            self._columns[name] = _change(self._columns["close"], round(hours * HOUR / step))

    def at(self, row: int) -> Reading:
        """:param row: as of a list, -1 for the newest"""
        closed_at = datetime.fromtimestamp(int(self._closed_at[row]) / 1e9, UTC)
        return Reading(closed_at, *(float(column[row]) for column in self._columns.values()))

    def crossings(self, pair: str, since: datetime) -> tuple[Alert, ...]:
        """The limits that were crossed after `since`, oldest first: each once, not as long as the
        pair is beyond."""
        first = int(np.searchsorted(self._closed_at / 1e9, since.timestamp(), side="right"))
        if first == len(self._closed_at):
            return ()
        limits = self._limits
        arm, severities, found = Hysteresis(1.0, limits.rearm_share), self._severities(), []
        for order, kind in enumerate(limits.kinds):
            for severity in severities[kind]:
                on, _ = arm.sweep(severity)
                began = on & ~np.append(False, on[:-1])
                found += [(first + row, order) for row in np.flatnonzero(began[first:]).tolist()]
        return tuple(
            _alert(limits, pair, limits.kinds[order], self.at(row)) for row, order in sorted(found)
        )

    def _severities(self) -> dict[Kind, tuple[Floats, Floats]]:
        """How far each kind is, as a share of its limit: upwards, and downwards."""
        limits, of = self._limits, self._columns
        price = of["price_change"] / limits.price_move
        sudden = of["sudden_change"] / limits.sudden_move
        interest = of["open_interest_change"] / limits.open_interest_change
        rate = of["funding_rate_8h"] / limits.funding_floor_8h
        rank, extreme = of["funding_rank"], limits.funding_percentile / 100
        ratio = np.where(of["long_short_ratio"] > 0, of["long_short_ratio"], np.nan)
        return {
            Kind.SUDDEN: (sudden, -sudden),
            Kind.PRICE: (price, -price),
            Kind.FUNDING: (
                np.minimum(rank / extreme, rate),
                np.minimum((1 - rank) / extreme, -rate),
            ),
            Kind.LONG_SHORT: (ratio / limits.long_short_high, limits.long_short_low / ratio),
            Kind.OPEN_INTEREST: (interest, -interest),
        }


def _change(values: Floats, rows: int) -> Floats:
    """Of each value against the one `rows` before, as a fraction; NaN where there is none."""
    change = np.full(len(values), np.nan)
    change[rows:] = values[rows:] / values[:-rows] - 1
    return change


def _alert(limits: AlertLimits, pair: str, kind: Kind, at: Reading) -> Alert:
    if kind is Kind.SUDDEN:
        text = (
            f"sudden move, {at.sudden_change:+.1%} in {limits.sudden_hours:g} h to {at.close:.8g} "
            f"(limit {100 * limits.sudden_move:g}%)"
        )
    elif kind is Kind.PRICE:
        text = (
            f"price {at.price_change:+.1%} in {limits.price_hours:g} h to {at.close:.8g} "
            f"(limit {100 * limits.price_move:g}%)"
        )
    elif kind is Kind.FUNDING:
        payers = "longs" if at.funding_rate_8h > 0 else "shorts"
        text = (
            f"funding {at.funding_rate_8h:+.4%} per 8 h ({at.funding_rate_annual:+.0%} a year), "
            f"among the extremes of 30 days, {payers} pay"
        )
    elif kind is Kind.LONG_SHORT:
        crowd = "longs" if at.long_short_ratio > 1 else "shorts"
        text = f"long/short ratio {at.long_short_ratio:.2f}, {crowd} are crowded"
    else:
        text = (
            f"open interest {at.open_interest_change:+.1%} in 24 h "
            f"(limit {100 * limits.open_interest_change:g}%)"
        )
    return Alert(at.closed_at, pair, kind, f"{pair}: {text}")
