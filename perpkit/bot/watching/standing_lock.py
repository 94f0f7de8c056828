"""A lock on all pairs without a time limit.

It is stored in Freqtrade's database: it survives restarts, `/locks` and FreqUI show it, and
`/unlock` ends it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock

from perpkit.breakers.breaker import ALL_PAIRS, Trading

# Length of the database column of a lock's reason.
LONGEST_REASON = 255
# Length of a lock that only an operator ends: longer than any that ends by itself.
NEVER = timedelta(days=3650)


class StandingLock:
    """A lock on all pairs in a running bot, ended only by `end` or an operator.

    :param name: begins the lock's reason, and identifies the lock among all others
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def reason(self, now: datetime) -> str | None:
        """Returns the reason of the lock, None if it is not set."""
        found = self._standing(now)
        return (found[0].reason or "").partition(": ")[2] if found else None

    def hold(self, trading: Trading, reason: str, now: datetime) -> None:
        """Sets the lock for this reason; a lock of this name with another reason ends."""
        wanted = f"{self._name} {trading}: {reason}"[:LONGEST_REASON]
        standing = self._standing(now)
        if [lock.reason for lock in standing] == [wanted]:
            return
        _end(standing, now)
        PairLocks.lock_pair(ALL_PAIRS, now + NEVER, wanted, now=now)

    def end(self, now: datetime) -> None:
        _end(self._standing(now), now)

    def _standing(self, now: datetime) -> list[PairLock]:
        begins = tuple(f"{self._name} {trading}: " for trading in Trading)
        return [
            lock
            for lock in PairLocks.get_pair_locks(ALL_PAIRS, now)
            if lock.pair == ALL_PAIRS and (lock.reason or "").startswith(begins)
        ]


def _end(locks: list[PairLock], now: datetime) -> None:
    """Ends locks in the same way as `/unlock`."""
    for lock in locks:
        lock.active, lock.lock_end_time = False, now
    if locks:
        PairLock.session.commit()
