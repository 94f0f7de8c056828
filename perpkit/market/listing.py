"""How long a contract has been listed, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from perpkit.checks import check_range
from perpkit.durations import DAY

# Binance gives perpetuals a delivery in the year 2100 until their end is announced.
_NEVER = timedelta(days=3650)


@dataclass(frozen=True, kw_only=True)
class ListingRule:
    """:param min_days_listed: since trading began, 0 to 3650; younger pairs are left out
    :param max_days_listed: 0 to 3650; older pairs are left out; 0 is no limit
    :param delisting_days: a pair that ends within so many days is left out, 0 to 365; 0 leaves
        out every pair whose end is announced
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    min_days_listed: float = 30
    max_days_listed: float = 0
    delisting_days: float = 0

    def __post_init__(self) -> None:
        check_range("min_days_listed", self.min_days_listed, 0, 3650)
        check_range("max_days_listed", self.max_days_listed, 0, 3650)
        check_range("delisting_days", self.delisting_days, 0, 365)
        if self.max_days_listed and self.min_days_listed > self.max_days_listed:
            raise ValueError(
                "min_days_listed must not exceed max_days_listed, "
                f"got {self.min_days_listed} and {self.max_days_listed}"
            )

    def age_objection(self, listed: datetime, now: datetime) -> str | None:
        """Why a pair that was listed then is too young or too old, or None."""
        days = (now - listed) / DAY
        if days < 0:
            return f"trading in it begins on {listed:%Y-%m-%d %H:%M} UTC"
        if days < self.min_days_listed:
            return f"it was listed {days:.1f} days ago, less than {self.min_days_listed:g}"
        if self.max_days_listed and days > self.max_days_listed:
            return f"it was listed {days:.1f} days ago, more than {self.max_days_listed:g}"
        return None

    def end_objection(self, ends: datetime | None, now: datetime) -> str | None:
        """Why a pair whose end is announced for then is left out, or None."""
        if ends is None or not is_an_end(ends, now):
            return None
        if self.delisting_days and ends - now > timedelta(days=self.delisting_days):
            return None
        return f"it will be delisted on {ends:%Y-%m-%d %H:%M} UTC"


def is_an_end(delivery: datetime, now: datetime) -> bool:
    """Whether a delivery date says that the contract ends."""
    return delivery - now <= _NEVER
