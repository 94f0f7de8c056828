"""How the cycles of a running bot go: how long they take, and which of them end early."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from statistics import fmean
from time import monotonic

from perpkit.bot.running_bot import words
from perpkit.record import state

# Cycles that mean and maximum are of.
_KEPT = 100


class Cycles:
    """Of one process."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEPT)
        self._began = 0.0
        self._count = self._failed = 0
        self._error = ""
        self._succeeded_at: datetime | None = None

    @property
    def count(self) -> int:
        """Of those that have ended."""
        return self._count

    def begin(self) -> None:
        self._began, self._error = monotonic(), ""

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Around what ends a cycle early when it fails, though others may swallow that."""
        try:
            yield
        except Exception as error:
            self._error = f"{type(error).__name__}: {words(error)}"
            raise

    def end(self, now: datetime) -> None:
        self._count += 1
        self._seconds.append(monotonic() - self._began)
        if self._error:
            self._failed += 1
        else:
            self._failed, self._succeeded_at = 0, now

    def report(self) -> state.Loop | None:
        """None before the first has ended."""
        if not self._seconds:
            return None
        return state.Loop(
            cycles=self._count,
            last_seconds=self._seconds[-1],
            mean_seconds=fmean(self._seconds),
            max_seconds=max(self._seconds),
            succeeded_at=self._succeeded_at,
            failed=self._failed,
            error=self._error,
        )
