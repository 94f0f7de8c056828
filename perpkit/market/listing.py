"""The filter of pairs by the time since their listing and the time to their delisting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from perpkit.durations import DAY
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

# Binance gives perpetuals a delivery date in the year 2100 until their end is announced.
_NEVER = timedelta(days=3650)


@dataclass(frozen=True, kw_only=True)
class ListingRule(Parameters):
    """How long a pair must have been listed, and how long it must last."""

    min_days_listed: Annotated[
        float, Range(0, 3650, "days"), "Pairs listed more recently are left out"
    ] = 30
    max_days_listed: Annotated[
        float, Range(0, 3650, "days"), "Pairs listed longer ago are left out; 0 is no limit"
    ] = 0
    delisting_days: Annotated[
        float,
        Range(0, 365, "days"),
        "Pairs that end within this time are left out; 0 leaves out every pair whose end is "
        "announced",
    ] = 0

    def check_together(self) -> None:
        if self.max_days_listed and self.min_days_listed > self.max_days_listed:
            raise ValueError(
                "min_days_listed must not exceed max_days_listed, "
                f"got {self.min_days_listed:g} and {self.max_days_listed:g}"
            )

    def age_objection(self, listed: datetime, now: datetime) -> str | None:
        """Returns why a pair that was listed at `listed` is too young or too old, or None."""
        days = (now - listed) / DAY
        if days < 0:
            return f"trading in it begins on {listed:%Y-%m-%d %H:%M} UTC"
        if days < self.min_days_listed:
            return f"it was listed {days:.1f} days ago, less than {self.min_days_listed:g}"
        if self.max_days_listed and days > self.max_days_listed:
            return f"it was listed {days:.1f} days ago, more than {self.max_days_listed:g}"
        return None

    def end_objection(self, ends: datetime | None, now: datetime) -> str | None:
        """Returns why a pair that ends at `ends` is left out, or None."""
        if ends is None or not is_an_end(ends, now):
            return None
        if self.delisting_days and ends - now > timedelta(days=self.delisting_days):
            return None
        return f"it will be delisted on {ends:%Y-%m-%d %H:%M} UTC"


def is_an_end(delivery: datetime, now: datetime) -> bool:
    """Returns whether a delivery date means that the contract ends.

    >>> is_an_end(datetime(2100, 12, 25), now=datetime(2026, 1, 1))
    False
    """
    return delivery - now <= _NEVER
