"""The clocks that the venue can read its time from."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """The time in ms since the epoch, UTC; it never decreases."""
        ...


class SystemClock:
    """The machine's clock, moved; while that is set back, it stands still."""

    def __init__(self, offset: int = 0) -> None:
        """:param offset: ms that are added to the machine's time"""
        self.offset = offset
        self._shown = 0

    def now(self) -> int:
        # What has happened once, such as a settlement, must not happen again.
        self._shown = max(self._shown, time.time_ns() // 1_000_000 + self.offset)
        return self._shown

    @classmethod
    def starting_at(cls, moment: int) -> SystemClock:
        """A clock that shows `moment` (ms since the epoch) now and runs on from there."""
        return cls(moment - cls().now())


class VirtualClock:
    """A clock that stands still until it is advanced; any thread may advance it."""

    def __init__(self, moment: int) -> None:
        """:param moment: ms since the epoch"""
        self._now = moment
        self._lock = threading.Lock()

    def now(self) -> int:
        return self._now

    def advance(self, ms: int) -> int:
        """Advances the clock by `ms` and returns the new time, ms since the epoch.

        :raises ValueError: when `ms` is negative
        """
        if ms < 0:
            raise ValueError(f"ms must not be negative, got {ms}")
        # Advances from two threads at once must both count.
        with self._lock:
            self._now += ms
            return self._now


def iso_date(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def iso_minute(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%MZ}"
