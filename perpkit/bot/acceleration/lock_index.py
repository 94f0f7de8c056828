"""Locks of a backtest by pair, in the order of their ends.

Freqtrade compares every lock that was ever set at each check, of which an entry takes two and each
protection one or more: the cost of a backtest with a `CooldownPeriod` grows with the square of its
trades. Here a check looks only at the locks of its pair that have not ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from datetime import datetime
from typing import Any, ClassVar, Protocol

from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock

Entry = tuple[datetime, int, Any]  # the end of a lock, its place in Freqtrade's list, the lock


class TellsChanges(Protocol):
    """A lock that calls `changed` after its end or its pair has changed."""

    tells_changes: ClassVar[bool]


class LockIndex:
    """Follows the list `PairLocks.locks`, to which anybody may append.

    A lock that does not tell of its changes is compared at each check.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._list: list[Any] = []
        self._read = 0
        self._last: Any = None
        self._by_pair: dict[str, list[Entry]] = {}
        self._place: dict[int, tuple[str, Entry]] = {}
        self._others: list[tuple[int, Any]] = []

    def active(self, pair: str, now: datetime, side: str | None) -> list[Any]:
        """The active locks of a pair (or `*`), as Freqtrade's list has them in order."""
        self._follow()
        found = [
            (place, lock)
            for place, lock in self._others
            if lock.lock_end_time > now and lock.pair == pair
        ]
        of_pair = self._by_pair.get(pair)
        if of_pair and of_pair[-1][0] > now:
            after = bisect_right(of_pair, now, key=_end)
            found += [(place, lock) for _, place, lock in of_pair[after:]]
        if len(found) > 1:
            found.sort(key=_place)
        return [
            lock
            for _, lock in found
            if lock.active is True and (side is None or lock.side == "*" or lock.side == side)
        ]

    def changed(self, lock: Any) -> None:
        """Looks again at the end and at the pair of a lock."""
        if (known := self._place.pop(id(lock), None)) is not None:
            pair, entry = known
            of_pair = self._by_pair[pair]
            del of_pair[bisect_left(of_pair, entry[:2], key=lambda each: each[:2])]
            self._add(entry[1], lock)

    def _follow(self) -> None:
        locks = PairLocks.locks
        gone = self._read > len(locks) or (self._read and locks[self._read - 1] is not self._last)
        if locks is not self._list or gone:
            self.forget()
            self._list = locks
        while self._read < len(locks):
            self._last = locks[self._read]
            self._add(self._read, self._last)
            self._read += 1

    def _add(self, place: int, lock: Any) -> None:
        tells = type(lock) is PairLock or getattr(lock, "tells_changes", False)
        if not tells or lock.lock_end_time.tzinfo is None:  # the latter is an error at each check
            self._others.append((place, lock))
            return
        entry = lock.lock_end_time, place, lock
        insort(self._by_pair.setdefault(lock.pair, []), entry)
        self._place[id(lock)] = lock.pair, entry


def _end(entry: Entry) -> datetime:
    return entry[0]


def _place(found: tuple[int, Any]) -> int:
    return found[0]


index = LockIndex()
changed = index.changed
