"""Market alerts: what a pair does that is news to its operator, and no reason to stay out.

The limits, and what is measured. How each kind is measured and what it says: `alert_kinds`; which
limits were crossed: `alert_crossings`; which alerts are sent: `alert_log`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from perpkit.checks import check_range
from perpkit.durations import HOUR


class AlertKind(StrEnum):
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

    kinds: tuple[AlertKind, ...] = tuple(AlertKind)
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
        if len(set(self.kinds)) != len(self.kinds) or not set(self.kinds) <= set(AlertKind):
            raise ValueError(
                f"kinds must be different ones of {', '.join(AlertKind)}, got {list(self.kinds)}"
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
    :param sent: whether it was, or else withheld"""

    at: datetime
    pair: str
    kind: AlertKind
    text: str
    sent: bool = False


class MarketReading(NamedTuple):
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
