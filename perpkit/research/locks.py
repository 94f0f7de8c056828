"""Locks of entries, as protections set them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from perpkit.durations import MINUTE_MS

# Freqtrade's own, of a pair that it has left, until the candle ends: of a bot only.
_AFTER_EXIT = "Auto lock"
# How the reasons of Perpkit's own breakers begin.
_BREAKERS = re.compile(r"\S+ (reducing|halted): ")


class Lock(NamedTuple):
    """Entries of a pair, or of all, are refused; times in seconds since 1970 UTC.

    :param pair: * for all
    :param side: long, short, or * for both
    """

    pair: str
    side: str
    start: float
    until: float
    reason: str

    @property
    def is_breakers(self) -> bool:
        """Whether a breaker, a protection or an operator set it."""
        return self.reason != _AFTER_EXIT

    @property
    def source(self) -> str:
        """The protection that set it: the first word of its reason."""
        if not self.is_breakers:
            return "Freqtrade, after an exit"
        return self.reason.split(" ", 1)[0].rstrip(":") or "unnamed"

    def holds(self, pair: str, side: str, at: float) -> bool:
        return (
            self.pair in ("*", pair) and self.side in ("*", side) and self.start <= at < self.until
        )


def is_lifted(active: bool, end_ms: int, reason: str) -> bool:
    """Whether a strategy lifted a lock by `unlock_pair` or `unlock_reason`: it is not known when.

    Such a lock keeps its end, which is a candle's; `/unlock`, and Perpkit's own breakers, write
    down the moment at which they end one. In a backtest that is a candle's end, too, and in older
    databases the breakers left the end as it was: their locks always count.

    :param end_ms: of the lock, ms since 1970 UTC
    """
    return not active and end_ms % MINUTE_MS == 0 and not _BREAKERS.match(reason)


def exported_locks(locks: Iterable[Mapping[str, Any]]) -> tuple[Lock, ...]:
    """Returns the locks of a Freqtrade export, but for those that were lifted."""
    return tuple(
        Lock(
            lock["pair"],
            lock.get("side") or "*",
            lock["lock_timestamp"] / 1000,
            lock["lock_end_timestamp"] / 1000,
            lock.get("reason") or "",
        )
        for lock in locks
        if not is_lifted(
            lock.get("active", True), lock["lock_end_timestamp"], lock.get("reason") or ""
        )
    )


def merged(locks: Iterable[Lock]) -> list[Lock]:
    """Returns locks of the same pair, side and source that overlap or meet as one, by start; the
    reason is that of the first."""
    found: dict[tuple[str, str, str], list[Lock]] = {}
    for lock in sorted(locks, key=lambda lock: lock.start):
        same = found.setdefault((lock.pair, lock.side, lock.source), [])
        if same and lock.start <= same[-1].until:
            same[-1] = same[-1]._replace(until=max(same[-1].until, lock.until))
        else:
            same.append(lock)
    return sorted((lock for same in found.values() for lock in same), key=lambda lock: lock.start)
