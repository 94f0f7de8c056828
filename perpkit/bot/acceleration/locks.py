"""The part "locks": Freqtrade's checks of locks are answered by `lock_index`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock

from perpkit.bot.acceleration.lock_index import changed, index
from perpkit.bot.acceleration.part import Part, Replacements, Seam

# What of a lock is indexed; all else of it is read at each check.
_INDEXED = frozenset({"pair", "lock_end_time"})


def _set(lock: PairLock, name: str, value: Any) -> None:
    object.__setattr__(lock, name, value)
    if name in _INDEXED:
        changed(lock)


def _install(replacements: Replacements) -> None:
    stock = PairLocks.get_pair_locks

    def get_pair_locks(
        pair: str | None, now: datetime | None = None, side: str | None = None
    ) -> Sequence[PairLock]:
        if PairLocks.use_db or pair is None or not now or now.tzinfo is None:
            return stock(pair, now, side)
        try:
            return index.active(pair, now, side)
        except TypeError:  # a lock without a time zone or an end: Freqtrade says what it thinks
            index.forget()
            return stock(pair, now, side)

    replacements.put(PairLocks, "get_pair_locks", staticmethod(get_pair_locks), stock)
    replacements.put(PairLock, "__setattr__", _set, object.__setattr__)


LOCKS = Part(
    [Seam("freqtrade.persistence.pairlock_middleware:PairLocks.get_pair_locks", ("1db200ad8235",))],
    _install,
    index.forget,
)
