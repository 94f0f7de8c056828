"""Announced maintenance of the exchange: no new entries before it, and flat if so wished.

Binance announces it by notice, once or twice a month, and publishes no calendar that a program
could read: the operator keeps one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from perpkit.breakers.breaker import Decision, Trading, strictest
from perpkit.breakers.timeline import FOREVER
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

_KEYS = ("from", "until", "note")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class MaintenanceWindow:
    """From `start` up to `end`, aware; `note` is for people."""

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
    """The decision at `now` (aware): all of the windows that have begun to count, as one."""
    return strictest(_decisions(limits, windows, now))


def quiet_until(
    limits: MaintenanceLimits, windows: Iterable[MaintenanceWindow], now: datetime
) -> datetime:
    """From `now` (aware) up to then no window counts."""
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
    """Whether a window is open at `now`."""
    return any(window.start <= now < window.end for window in windows)


def parse_calendar(text: str) -> tuple[MaintenanceWindow, ...]:
    """The windows of a calendar: a JSON list of objects with `from`, `until` and perhaps `note`.

    :raises ValueError: naming the entry (from 1), the field, the value and what is allowed
    """
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"must be a list of windows, got {type(entries).__name__}")
    return tuple(_window(number, entry) for number, entry in enumerate(entries, 1))


def _window(number: int, entry: Any) -> MaintenanceWindow:
    where = f"entry {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be an object with from and until, got {entry!r}")
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{where}: fields are {', '.join(_KEYS)}, got {key!r}")
    start, end = (_moment(where, key, entry.get(key)) for key in ("from", "until"))
    note = entry.get("note", "")
    if not isinstance(note, str):
        raise ValueError(f"{where}: note must be text, got {note!r}")
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
            f"{where}: {key} must be a time with its zone, as 2026-03-02T06:00:00Z, got {value!r}"
        )
    return moment.astimezone(UTC)
