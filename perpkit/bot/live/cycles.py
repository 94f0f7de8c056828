"""Statistics of a running bot's cycles: how long they take, and how many fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import fmean
from time import monotonic

from perpkit.bot.running_bot import message_of
from perpkit.record.state_running import Loop

# Number of cycles that mean and maximum cover.
_KEPT = 100


class Cycles:
    """The cycles of one process."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEPT)
        self._began = 0.0
        self._count = self._failed = 0
        self._error = ""
        self._succeeded_at: datetime | None = None

    @property
    def count(self) -> int:
        """Number of cycles that have ended."""
        return self._count

    def begin(self) -> None:
        self._began, self._error = monotonic(), ""

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Records an error that ends a cycle early, even if Freqtrade swallows it later."""
        try:
            yield
        except Exception as error:
            self._error = f"{type(error).__name__}: {message_of(error)}"
            raise

    def end(self, now: datetime) -> None:
        self._count += 1
        self._seconds.append(monotonic() - self._began)
        if self._error:
            self._failed += 1
        else:
            self._failed, self._succeeded_at = 0, now

    def report(self) -> Loop | None:
        """Returns the statistics, or None before the first cycle has ended."""
        if not self._seconds:
            return None
        return Loop(
            cycles=self._count,
            last_seconds=self._seconds[-1],
            mean_seconds=fmean(self._seconds),
            max_seconds=max(self._seconds),
            succeeded_at=self._succeeded_at,
            failed=self._failed,
            error=self._error,
        )
