"""Where the venue takes the time from."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """UTC, ms since the epoch; never goes back."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The machine's clock, `offset` ms ahead of it."""

    offset: int = 0

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset

    @classmethod
    def starting_at(cls, moment: int) -> SystemClock:
        """A clock that reads `moment` (ms) now and runs on from there."""
        return cls(moment - cls().now())


class VirtualClock:
    """Stands still until it is advanced, from any thread."""

    def __init__(self, moment: int) -> None:
        """:param moment: ms since the epoch"""
        self._now = moment
        self._lock = threading.Lock()

    def now(self) -> int:
        return self._now

    def advance(self, ms: int) -> int:
        """The new time.

        :raises ValueError: when it would go back
        """
        if ms < 0:
            raise ValueError(f"ms must not be negative, got {ms}")
        # Two advances at once must both count.
        with self._lock:
            self._now += ms
            return self._now


def iso_date(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def iso_minute(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%MZ}"
