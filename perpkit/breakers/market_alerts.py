"""Market alerts: events in a pair that the operator should know of, but that block no entries.

This module has the limits and the measured figures. `alert_kinds` measures each kind and writes its
text, `alert_crossings` finds the limits that were crossed, `alert_log` decides which alerts are
sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from perpkit.durations import HOUR
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


class AlertKind(StrEnum):
    SUDDEN = "sudden"
    PRICE = "price"
    FUNDING = "funding"
    LONG_SHORT = "long_short"
    OPEN_INTEREST = "open_interest"


@dataclass(frozen=True)
class AlertLimits(Parameters):
    """Alerts are looked for at the close of each candle of the strategy."""

    kinds: Annotated[
        tuple[AlertKind, ...], "The kinds that are reported, the most urgent first"
    ] = tuple(AlertKind)
    pairs: Annotated[
        tuple[str, ...], "The pairs that are watched; none stands for all that are traded"
    ] = ()
    price_move: Annotated[
        float, Range(0.001, 10, "of the close"), "The move, either way, within `price_hours`"
    ] = 0.05
    price_hours: Annotated[
        float, Range(0.05, 168, "h"), "The time of that move; not less than a candle"
    ] = 24.0
    sudden_move: Annotated[
        float, Range(0.001, 10, "of the close"), "The move, either way, within `sudden_hours`"
    ] = 0.10
    sudden_hours: Annotated[
        float, Range(0.05, 168, "h"), "The time of that move; not less than a candle"
    ] = 1.0
    funding_percentile: Annotated[
        float,
        Range(50, 100, "%"),
        "The percentile of the pair's own last 30 days from which funding is extreme; the mirror "
        "of it for shorts",
    ] = 95.0
    funding_floor_8h: Annotated[
        float, Range(0.0001, 0.1, "per 8 h"), "What either side must pay as well"
    ] = 0.0003
    long_short_high: Annotated[
        float,
        Range(1.01, 1000, "accounts"),
        "The accounts net long for each that is net short from which longs are crowded",
    ] = 3.0
    long_short_low: Annotated[
        float, Range(0.001, 0.99, "accounts"), "The ratio at or below which shorts are crowded"
    ] = 0.33
    open_interest_change: Annotated[
        float, Range(0.001, 10, "of the amount"), "The change over 24 h, either way"
    ] = 0.10
    rearm_share: Annotated[
        float,
        Range(0.1, 1, "of a limit"),
        "Once the figure is back below this, the next crossing is reported again",
    ] = 0.8
    quiet_hours: Annotated[
        float,
        Range(1, 168, "h"),
        "The time after an alert in which no other of the same kind and pair is sent; the summary "
        "has what was held back",
    ] = 1.0
    max_per_hour: Annotated[
        int,
        Range(1, 30, "alerts"),
        "The most alerts of all kinds and pairs; the summary has the others",
    ] = 10
    summary_hours: Annotated[
        int, Range(0, 24, "h"), "The time between two summaries; 0 is none"
    ] = 1

    def check_together(self) -> None:
        if len(set(self.kinds)) != len(self.kinds):
            raise ValueError(
                f"kinds must be different ones of {', '.join(AlertKind)}, got {list(self.kinds)}"
            )

    def on(self, step: timedelta) -> AlertLimits:
        """Returns the limits with windows of at least one candle.

        :param step: length of a candle

        >>> AlertLimits(sudden_hours=1).on(timedelta(hours=4)).sudden_hours
        4.0
        """
        hours = step / HOUR
        return replace(
            self,
            price_hours=max(self.price_hours, hours),
            sudden_hours=max(self.sudden_hours, hours),
        )


class Alert(NamedTuple):
    """One alert.

    :param at: close of the candle that crossed the limit
    :param sent: whether it was sent; if not, it was withheld
    """

    at: datetime
    pair: str
    kind: AlertKind
    text: str
    sent: bool = False


class MarketReading(NamedTuple):
    """The figures of a pair at the close of a candle; NaN where unknown.

    :param price_change: change over `AlertLimits.price_hours`, as a fraction
    :param sudden_change: change over `AlertLimits.sudden_hours`, as a fraction
    :param funding_rate_annual: as a fraction
    :param funding_rank: rank of the rate within 30 days, 0 to 1
    :param open_interest_change: change over 24 h, as a fraction
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
