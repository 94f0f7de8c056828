"""Base of the protections that the watch drives.

Freqtrade evaluates protections when a trade has fully closed, so one that watches the market sleeps
through a crash in which nothing closes. The watch of the base strategy
(`perpkit.bot.watching.watch`) drives these every candle instead. With any other strategy they still
work in backtests, at Freqtrade's pace; in dry-run and live they have nothing to look at, and say
so.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

from freqtrade.constants import Config, LongShort
from freqtrade.exchange import timeframe_to_next_date, timeframe_to_seconds
from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock
from freqtrade.plugins.protections import IProtection, ProtectionReturn

from perpkit.bot.candles.candles import is_simulated
from perpkit.bot.watching.simulated_lock import SimulatedLock
from perpkit.bot.watching.sources import Sources, stored_sources
from perpkit.bot.watching.standing_lock import LONGEST_REASON, NEVER
from perpkit.breakers.breaker import ALL_PAIRS, Decision, Side, Trading

logger = logging.getLogger(__name__)

SECOND = timedelta(seconds=1)
AWAKE = datetime.min.replace(tzinfo=UTC)


class WatchedProtection(IProtection):
    """A breaker as a Freqtrade protection.

    Subclasses decide; this class turns decisions into locks. A halt without a release lives in its
    lock: Freqtrade's database keeps it over restarts, and `/unlock` is how the operator clears it.
    """

    has_global_stop = True
    has_local_stop = True

    # The dataclasses of the core whose fields are its parameters, and the parameters page's tables.
    LIMITS: ClassVar[tuple[type, ...]] = ()
    # Fields of them that it works out itself: no parameters of the user.
    DERIVED: ClassVar[frozenset[str]] = frozenset()
    # Parameters that stand in no dataclass: where it looks, and how often.
    BESIDE: ClassVar[frozenset[str]] = frozenset()
    # Whether stored candles and funding rates are all that it looks at in a backtest, so that
    # `perpkit breakers replay` can ask it without a bot.
    REPLAYS: ClassVar[bool] = False

    # When the watch last drove the protections of this process: see `_own_sources`.
    driven_at: ClassVar[datetime | None] = None

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        self._simulated = is_simulated(config)
        self._sources: Sources | None = None
        # Up to then the watch of a simulated run need not ask it.
        self.asleep_until = AWAKE
        self._decided: tuple[datetime, Sequence[Decision]] | None = None
        self._stands = False
        self._cleared: datetime | None = None
        self._knows_locks = False
        self._held: dict[tuple[str, Side, Trading], SimulatedLock] = {}

    @classmethod
    def parameters(cls) -> set[str]:
        """The names that its entry in a strategy's `protections` may have, beside Freqtrade's."""
        of_limits = {field.name for limits in cls.LIMITS for field in fields(limits)}
        return of_limits - cls.DERIVED | cls.BESIDE

    @abstractmethod
    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        """What the breaker restricts at `now`, from what was known by then."""

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        """In a simulated run, from `now` on up to then `evaluate` restricts nothing.

        To be overridden where that follows from stored candles alone: they do not change.
        """
        return now

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        """(pair, timeframe) of the candles that `evaluate` reads when `pairs` are traded."""
        return []

    def decide(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        """`evaluate`, once for each moment, and a halt that stands from before."""
        if self._decided is None or self._decided[0] != now:
            standing = [] if self._simulated else self._standing_halt(now)
            self._decided = now, [*standing, *self.evaluate(sources, now)]
        return self._decided[1]

    def cleared_at(self) -> datetime | None:
        """When an operator last cleared a halt of this breaker."""
        return self._cleared

    def lock(self, decision: Decision, now: datetime) -> None:
        """Lock what `decision` blocks, unless a lock of this breaker does so already."""
        if self._simulated:
            self._lock_simulated(decision, now)
        elif not self._locked(decision, now):  # an operator may have ended it
            PairLocks.lock_pair(
                decision.pair,
                self._until(decision, now),
                self._reason(decision),
                now=now,
                side=decision.side,
            )

    def _lock_simulated(self, decision: Decision, now: datetime) -> None:
        """The same for a backtest: nobody else ends its locks, so that it need not look for them.

        A lock is extended when it ends, for Freqtrade looks through all there have been.
        """
        key = decision.pair, decision.side, decision.trading
        held = self._held.get(key)
        if held is not None and held.lock_end_time_utc > now:
            return
        end = timeframe_to_next_date(PairLocks.timeframe, self._until(decision, now))
        if held is not None and held.lock_end_time_utc == now:
            held.extend(end)
            return
        lock = SimulatedLock(decision.pair, decision.side, now, end, self._reason(decision))
        PairLocks.locks.append(cast(PairLock, lock))
        self._held[key] = lock

    def unlock(self, decision: Decision, now: datetime) -> None:
        """End the locks of this breaker that block new entries as `decision` did, if there are any.

        A halt that an operator has to clear stays.
        """
        label = self._label(Trading.REDUCING)
        for lock in PairLocks.get_pair_locks(decision.pair, now, decision.side):
            if lock.pair == decision.pair and (lock.reason or "").startswith(label):
                lock.active = False
        if PairLocks.use_db:
            PairLock.session.commit()

    def global_stop(
        self, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        return self._driven_by_freqtrade(ALL_PAIRS, date_now, side)

    def stop_per_pair(
        self, pair: str, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        return self._driven_by_freqtrade(pair, date_now, side)

    def _driven_by_freqtrade(
        self, pair: str, now: datetime, side: LongShort
    ) -> ProtectionReturn | None:
        sources = self._own_sources(now)
        if sources is None:
            return None
        blocking = [
            decision
            for decision in self.decide(sources, now)
            if decision.entries_blocked
            and decision.pair == pair
            and decision.concerns(pair, side)
            and not self._locked(decision, now)
        ]
        if not blocking:
            return None
        decision = max(blocking, key=lambda blocked: blocked.trading.strictness)
        return ProtectionReturn(
            lock=True,
            until=self._until(decision, now),
            reason=self._reason(decision),
            lock_side=decision.side,
        )

    def _label(self, trading: Trading) -> str:
        return f"{self.name} {trading}: "

    def _reason(self, decision: Decision) -> str:
        return (self._label(decision.trading) + decision.reason)[:LONGEST_REASON]

    def _locked(self, decision: Decision, now: datetime) -> bool:
        label = self._label(decision.trading)
        return any(
            lock.pair == decision.pair and (lock.reason or "").startswith(label)
            for lock in PairLocks.get_pair_locks(decision.pair, now, decision.side)
        )

    @staticmethod
    def _until(decision: Decision, now: datetime) -> datetime:
        """The end of a lock, which Freqtrade moves up to the next candle.

        It lasts until the earliest release, and is renewed then if that has moved on; so locks are
        few, and exact.
        """
        if decision.release is None and decision.trading is Trading.HALTED:
            return now + NEVER
        return max((decision.release or now) - SECOND, now)

    def _standing_halt(self, now: datetime) -> list[Decision]:
        label = self._label(Trading.HALTED)
        halts = [
            lock
            for lock in PairLocks.get_pair_locks(ALL_PAIRS, now)
            if (lock.reason or "").startswith(label) and lock.lock_end_time_utc - now > NEVER / 2
        ]
        if not self._knows_locks or (self._stands and not halts):
            self._cleared = self._last_cleared(label, now)
            self._knows_locks = True
        self._stands = bool(halts)
        return [
            Decision(Trading.HALTED, 0.0, reason=(halt.reason or "").removeprefix(label))
            for halt in halts[:1]
        ]

    @staticmethod
    def _last_cleared(label: str, now: datetime) -> datetime | None:
        # `/unlock` ends a lock at that moment and leaves it in the database, inactive.
        ended = [
            lock.lock_end_time_utc
            for lock in PairLocks.get_all_locks()
            if not lock.active and (lock.reason or "").startswith(label)
        ]
        return min(max(ended), now) if ended else None

    def _own_sources(self, now: datetime) -> Sources | None:
        """Sources of an instance that Freqtrade drives, unless the watch drives its twin."""
        driven = WatchedProtection.driven_at
        step = timedelta(seconds=timeframe_to_seconds(self._config["timeframe"]))
        if driven is not None and timedelta(0) <= now - driven < step:
            return None
        if self._simulated:
            self._sources = self._sources or stored_sources(self._config)
            return self._sources
        self.log_once(
            f"{self.name} has no effect: in dry-run and live it needs a strategy that is built on "
            "perpkit.bot.strategy.PerpStrategy.",
            logger.warning,
            force_show=True,
        )
        return None
