"""Turns the decisions of one breaker that block entries into Freqtrade's PairLocks.

A halt without a release time is stored only as its lock: Freqtrade's database keeps it over
restarts, and the operator clears it with `/unlock`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from freqtrade.exchange import timeframe_to_next_date
from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock

from perpkit.bot.watching.simulated_lock import SimulatedLock
from perpkit.bot.watching.standing_lock import LONGEST_REASON, NEVER
from perpkit.breakers.breaker import Decision, Side, Trading

SECOND = timedelta(seconds=1)


class BreakerLocks:
    """The PairLocks of one breaker.

    :param name: of the breaker; the reasons of its locks begin with it
    :param simulated: whether this is a backtest, where no operator ends its locks
    """

    def __init__(self, name: str, simulated: bool) -> None:
        self._name = name
        self._simulated = simulated
        # In a backtest: the newest lock for each pair, side and trading state.
        self._newest: dict[tuple[str, Side, Trading], SimulatedLock] = {}
        # In a running bot: whether a halt was locked at the last check, None before the first.
        self._stood: bool | None = None
        self._cleared: datetime | None = None

    def hold(self, decision: Decision, now: datetime) -> None:
        """Locks what `decision` blocks, unless a lock of this breaker already does."""
        if self._simulated:
            self._hold_simulated(decision, now)
        elif not self.held(decision, now):  # an operator may have ended it
            PairLocks.lock_pair(
                decision.pair,
                self.end(decision, now),
                self.reason(decision),
                now=now,
                side=decision.side,
            )

    def renewed_at(self, decision: Decision) -> datetime | None:
        """In a backtest, the time at which `hold` would set another lock for this decision."""
        newest = self._newest.get((decision.pair, decision.side, decision.trading))
        return newest.lock_end_time_utc if newest is not None else None

    def _hold_simulated(self, decision: Decision, now: datetime) -> None:
        """Does the same in a backtest, which remembers its locks instead of querying them.

        A lock that ends now is extended rather than replaced: Freqtrade scans every lock ever set.
        """
        key = decision.pair, decision.side, decision.trading
        newest = self._newest.get(key)
        if newest is not None and newest.lock_end_time_utc > now:
            return
        end = timeframe_to_next_date(PairLocks.timeframe, self.end(decision, now))
        if newest is not None and newest.lock_end_time_utc == now:
            newest.extend(end)
            return
        lock = SimulatedLock(decision.pair, decision.side, now, end, self.reason(decision))
        PairLocks.locks.append(cast(PairLock, lock))
        self._newest[key] = lock

    def release(self, decision: Decision, now: datetime) -> None:
        """Ends the locks of this breaker on the pair and side of `decision`, if any, as `/unlock`.

        A halt that an operator has to clear stays.
        """
        for trading in (Trading.REDUCING, Trading.HALTED):
            for lock in self._of(decision, trading, now):
                # That of both sides, which Freqtrade gives for each of them, stands.
                if lock.side == decision.side and lock.lock_end_time_utc - now < NEVER / 2:
                    lock.active, lock.lock_end_time = False, now
        if PairLocks.use_db:
            PairLock.session.commit()

    def held(self, decision: Decision, now: datetime) -> bool:
        """Whether a lock of this breaker already blocks what `decision` blocks."""
        return bool(self._of(decision, decision.trading, now))

    def reason(self, decision: Decision) -> str:
        """The reason of the lock for `decision`, cut to the length of Freqtrade's column."""
        return (self._label(decision.trading) + decision.reason)[:LONGEST_REASON]

    @staticmethod
    def end(decision: Decision, now: datetime) -> datetime:
        """The end of the lock for `decision`, which Freqtrade rounds up to the next candle.

        The lock lasts until the earliest release and is renewed then if the release has moved, so
        that locks are few and exact.
        """
        if decision.release is None and decision.trading is Trading.HALTED:
            return now + NEVER
        return max((decision.release or now) - SECOND, now)

    def standing_halts(self, now: datetime) -> list[Decision]:
        """Returns the halts that stand until an operator clears them, of all pairs or of one; for
        running bots."""
        label = self._label(Trading.HALTED)
        halts = [
            lock
            for lock in PairLocks.get_pair_locks(None, now)
            if (lock.reason or "").startswith(label) and lock.lock_end_time_utc - now > NEVER / 2
        ]
        if self._stood is None or (self._stood and not halts):
            self._cleared = self._last_cleared(label, now)
        self._stood = bool(halts)
        return [
            Decision(
                Trading.HALTED,
                0.0,
                reason=(lock.reason or "").removeprefix(label),
                pair=lock.pair,
                side=cast(Side, lock.side),
            )
            for lock in halts
        ]

    def cleared_at(self) -> datetime | None:
        """When an operator last cleared a halt of this breaker, as of the last `standing_halts`."""
        return self._cleared

    def _of(self, decision: Decision, trading: Trading, now: datetime) -> list[PairLock]:
        label = self._label(trading)
        return [
            lock
            for lock in PairLocks.get_pair_locks(decision.pair, now, decision.side)
            if lock.pair == decision.pair and (lock.reason or "").startswith(label)
        ]

    def _label(self, trading: Trading) -> str:
        return f"{self._name} {trading}: "

    @staticmethod
    def _last_cleared(label: str, now: datetime) -> datetime | None:
        # `/unlock` ends a lock at that moment and leaves it in the database, inactive.
        ended = [
            lock.lock_end_time_utc
            for lock in PairLocks.get_all_locks()
            if not lock.active and (lock.reason or "").startswith(label)
        ]
        return min(max(ended), now) if ended else None
