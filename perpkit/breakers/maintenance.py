"""Announced maintenance of the exchange: no new entries before it, and no positions if so set.

Binance announces maintenance by notice, once or twice a month, and publishes no machine-readable
calendar, so the operator keeps one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from perpkit.breakers.breaker import Decision, Trading, strictest
from perpkit.breakers.timeline import FOREVER
from perpkit.checks import shown
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

_KEYS = ("from", "until", "note")
_DAY_MINUTES = 24 * 60
_YEARS = range(2000, 2201)


@dataclass(frozen=True)
class MaintenanceWindow:
    """A maintenance window, without its `end`; both times have their zone."""

    start: datetime
    end: datetime
    note: str = ""

    def __str__(self) -> str:
        until = f"{self.end:%Y-%m-%d %H:%M}"
        note = f" ({self.note})" if self.note else ""
        return f"maintenance from {self.start:%Y-%m-%d %H:%M} to {until} UTC{note}"


@dataclass(frozen=True)
class MaintenanceLimits(Parameters):
    """Times are minutes before the start of a window."""

    no_entries_before_minutes: Annotated[
        float, Range(0, _DAY_MINUTES, "min"), "From then on nothing is opened"
    ] = 60.0
    flat_before_minutes: Annotated[
        float | None,
        Range(0, "no_entries_before_minutes", "min"),
        "From then on positions are closed; null is never",
    ] = None


def decide(
    limits: MaintenanceLimits, windows: Iterable[MaintenanceWindow], now: datetime
) -> Decision:
    """Returns the decision at `now`, combined from all windows that apply then.

    :param now: with its time zone

    >>> windows = parse_calendar('[{"from": "2026-03-02T06:00Z", "until": "2026-03-02T08:00Z"}]')
    >>> decide(MaintenanceLimits(), windows, datetime(2026, 3, 2, 5, 30, tzinfo=UTC)).reason
    'maintenance from 2026-03-02 06:00 to 2026-03-02 08:00 UTC: no new entries'
    """
    return strictest(_decisions(limits, windows, now))


def quiet_until(
    limits: MaintenanceLimits, windows: Iterable[MaintenanceWindow], now: datetime
) -> datetime:
    """Returns the time up to which no window applies; `now` if one applies already.

    :param now: with its time zone
    """
    before = timedelta(minutes=limits.no_entries_before_minutes)
    begins = (window.start - before for window in windows if now < window.end)
    return max(min(begins, default=FOREVER), now)


def _decisions(
    limits: MaintenanceLimits, windows: Iterable[MaintenanceWindow], now: datetime
) -> Iterator[Decision]:
    before = timedelta(minutes=limits.no_entries_before_minutes)
    flat = limits.flat_before_minutes
    for window in windows:
        if not window.start - before <= now < window.end:
            continue
        if flat is not None and window.start - now <= timedelta(minutes=flat):
            yield Decision(Trading.HALTED, 0.0, window.end, f"{window}: positions are closed")
        else:
            yield Decision(Trading.REDUCING, 0.0, window.end, f"{window}: no new entries")


def in_maintenance(windows: Iterable[MaintenanceWindow], now: datetime) -> bool:
    """Returns whether `now` lies within a window.

    >>> windows = parse_calendar('[{"from": "2026-03-02T06:00Z", "until": "2026-03-02T08:00Z"}]')
    >>> in_maintenance(windows, datetime(2026, 3, 2, 8, tzinfo=UTC))  # the end is not part of it
    False
    """
    return any(window.start <= now < window.end for window in windows)


def parse_calendar(text: str) -> tuple[MaintenanceWindow, ...]:
    """Parses a calendar: a JSON list of objects with `from`, `until` and optionally `note`.

    :raises ValueError: naming the entry (from 1), the field, the value and what is allowed

    >>> str(parse_calendar('[{"from": "2026-03-02T06:00Z", "until": "2026-03-02T08:00Z"}]')[0])
    'maintenance from 2026-03-02 06:00 to 2026-03-02 08:00 UTC'
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"must be a list of windows, got {type(entries).__name__}")
    return tuple(_window(number, entry) for number, entry in enumerate(entries, 1))


def _window(number: int, entry: Any) -> MaintenanceWindow:
    where = f"entry {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be an object with from and until, got {shown(entry)}")
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{where}: fields are {', '.join(_KEYS)}, got {shown(key)}")
    start, end = (_moment(where, key, entry.get(key)) for key in ("from", "until"))
    note = entry.get("note", "")
    if not isinstance(note, str):
        raise ValueError(f"{where}: note must be text, got {shown(note)}")
    if end <= start:
        raise ValueError(
            f"{where}: until must be after from ({entry['from']}), got {entry['until']}"
        )
    return MaintenanceWindow(start, end, note)


def _moment(where: str, key: str, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            f"{where}: {key} must be a time with its zone, as 2026-03-02T06:00:00Z, got "
            f"{shown(value)}"
        )
    # Not the years at the ends of the calendar: the time before a window must exist, too.
    if moment.year not in _YEARS:
        raise ValueError(
            f"{where}: {key} must be in the years {_YEARS[0]} to {_YEARS[-1]}, got {shown(value)}"
        )
    return moment.astimezone(UTC)
