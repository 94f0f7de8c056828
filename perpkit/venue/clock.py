"""Where the venue takes the time from."""

from __future__ import annotations

import time
from dataclasses import dataclass
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
