"""A lock on all pairs that stands until it is ended.

It is in Freqtrade's database: it outlives the process, `/locks` and FreqUI show it, and `/unlock`
can end it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock

from perpkit.breakers.breaker import ALL_PAIRS, Trading

# Length of the database column of a lock's reason.
LONGEST_REASON = 255
# End of a lock that only an operator ends: further off than any that ends by itself.
NEVER = timedelta(days=3650)


class StandingLock:
    """Of a running bot.

    :param name: its reason begins with it, which tells it from every other
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def reason(self, now: datetime) -> str | None:
        """Why it stands; None where it does not."""
        found = self._standing(now)
        return (found[0].reason or "").partition(": ")[2] if found else None

    def hold(self, trading: Trading, reason: str, now: datetime) -> None:
        """Let it stand for this reason, and for no other."""
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
    """As `/unlock` does."""
    for lock in locks:
        lock.active, lock.lock_end_time = False, now
    if locks:
        PairLock.session.commit()
