"""Base class of the protections that the watch runs.

Freqtrade evaluates protections when a trade has fully closed, so one that watches the market would
miss a crash in which nothing closes. The watch of the risk layer (`perpkit.bot.watching.watch`)
runs these every candle instead, for PerpStrategy and for a strategy to which the layer is attached.
Without the layer, Freqtrade evaluates them when a trade closes: in backtests they lock late, and in
dry-run and live they have no data and no effect. Both are stated when the run starts, by
`perpkit.bot.watching.unwatched`, and in `short_desc`.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

from freqtrade.constants import Config, LongShort
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.plugins.protections import IProtection, ProtectionReturn

from perpkit.bot.candles.candles import is_simulated
from perpkit.bot.settings import only_known_keys
from perpkit.bot.watching.breaker_locks import BreakerLocks
from perpkit.bot.watching.sources import Sources, stored_sources
from perpkit.breakers.breaker import ALL_PAIRS, Decision

logger = logging.getLogger(__name__)

AWAKE = datetime.min.replace(tzinfo=UTC)
ATTACH = 'set "perpkit": {"attach": true} in the configuration'
L = TypeVar("L")


class Watched(dict[str, Any]):
    """An entry of `protections` that the watch of a risk layer runs."""


class WatchedProtection(IProtection):
    """A breaker as a Freqtrade protection.

    A subclass defines `short_desc` and `evaluate`, which returns what is restricted; the watch
    turns that into locks. Its parameters are the fields of the dataclasses in `LIMITS`, and the
    names in `BESIDE`; `configure` reads them. A breaker that judges pairs by their candles derives
    from `perpkit.bot.watching.candle_breaker.CandleBreaker` instead.
    """

    has_global_stop = True
    has_local_stop = True

    # The dataclasses of the core whose fields are its parameters, and the parameters page's tables.
    LIMITS: ClassVar[tuple[type, ...]] = ()
    # Fields of them that the breaker derives itself; users cannot set them.
    DERIVED: ClassVar[frozenset[str]] = frozenset()
    # Parameters that are in none of the dataclasses, such as what it watches and how often.
    BESIDE: ClassVar[frozenset[str]] = frozenset()
    # Whether stored data and the trades of a backtest are all that it reads in a backtest, so that
    # `perpkit breakers replay` can run it without a bot, a live account and the exchange.
    REPLAYS: ClassVar[bool] = False
    # Whether it reads trades or the account: a replay then needs an exported backtest.
    OF_TRADES: ClassVar[bool] = False

    # When the watch last ran the protections of this process: see `_own_sources`.
    driven_at: ClassVar[datetime | None] = None

    # Set by `configure`, if `LIMITS` has one dataclass.
    limits: Any

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        self.simulated = is_simulated(config)
        self._watched = isinstance(protection_config, Watched)
        if not self._watched:
            self.short_desc = self._unwatched_desc
        self.locks = BreakerLocks(self.name, self.simulated)
        # Until then, the watch of a simulated run can skip it: what it restricted last stands.
        self.asleep_until = AWAKE
        self.standing: Sequence[Decision] = ()
        # Halts, as they were locked when they were last looked for, by this process or an earlier.
        self._locked: Sequence[Decision] = ()
        self._sources: Sources | None = None
        self._decided: tuple[datetime, Sequence[Decision]] | None = None
        # By the watch of another strategy, which ran before in this process.
        self._driven_before = WatchedProtection.driven_at
        if self.parameters():
            given = only_known_keys(self.name, protection_config, self.parameters())
            try:
                self.configure(config, given)
            except (ValueError, TypeError) as error:
                raise ConfigurationError(f"{self.name}: {error}") from error

    @property
    def highest_profit(self) -> float | None:
        """The highest profit of the account since it began or was unlocked, in stake currency; None
        for a breaker that does not follow it."""
        return None

    @classmethod
    def parameters(cls) -> set[str]:
        """The keys that its entry in a strategy's `protections` may have, besides Freqtrade's."""
        of_limits = {field.name for limits in cls.LIMITS for field in fields(limits)}
        return of_limits - cls.DERIVED | cls.BESIDE

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        """Reads the parameters into `limits`; subclasses with others extend it.

        :param given: the parameters in the strategy's `protections`; their names are checked
        :raises ValueError: naming the parameter, its value and what is allowed
        """
        (kind,) = self.LIMITS
        self.limits = limits_of(kind, given)

    def _unwatched_desc(self) -> str:
        """In place of `short_desc`, which Freqtrade shows as active in its start message."""
        return f"{self.name} - {effect_unwatched(self.simulated)}: {ATTACH}."

    @abstractmethod
    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        """Returns what the breaker restricts at `now` (aware), from what was known by then.

        An exception is logged, and blocks all new entries.
        """

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        """In a simulated run, the time until which `evaluate` restricts nothing.

        Override it if that follows from stored candles alone, since these do not change.
        """
        return now

    def same_until(self, sources: Sources, now: datetime) -> datetime:
        """In a simulated run, the time until which `evaluate` restricts the same as at `now`, apart
        from figures and releases.

        Override it if that follows from stored candles alone, since these do not change.
        """
        return now

    def rests(self, now: datetime) -> bool:
        """In a simulated run, whether `evaluate` would restrict nothing at `now`, as before.

        Asked at every candle: override it where that is known at once, and not from candles alone.
        """
        return False

    def continue_with(self, before: Any) -> None:
        """Takes what an equal breaker has measured in an earlier simulated run of this process.

        :param before: with the same parameters, and the same data
        """

    def cannot_replay(self) -> str | None:
        """With these parameters, why a replay would say nothing of it; None if it does.

        The answer ends the sentence "it cannot be replayed".
        """
        return None

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        """(pair, timeframe) of the candles that `evaluate` reads when `pairs` are traded."""
        return []

    def candles_read(self, pairs: Sequence[str]) -> list[tuple[str, str, str]]:
        """(pair, timeframe, candle type) of all that a running bot has to keep current for it."""
        return [(*candles, "") for candles in self.informative_pairs(pairs)]

    def decide(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        """Returns the result of `evaluate`, run once for each `now`, and earlier halts if any."""
        if self._decided is None or self._decided[0] != now:
            self._locked = () if self.simulated else self.locks.standing_halts(now)
            found = self.evaluate(sources, now)
            self._decided = now, [*self._locked, *found] if self._locked else found
        return self._decided[1]

    def known_halts(self) -> Sequence[Decision]:
        """Returns what is known to halt, among other decisions, where `decide` has failed."""
        return [*self.standing, *self._locked]

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
            and not self.locks.held(decision, now)
        ]
        if not blocking:
            return None
        decision = max(blocking, key=lambda blocked: blocked.trading.strictness)
        return ProtectionReturn(
            lock=True,
            until=self.locks.end(decision, now),
            reason=self.locks.reason(decision),
            lock_side=decision.side,
        )

    def _own_sources(self, now: datetime) -> Sources | None:
        """Sources of an instance that Freqtrade runs; None while the watch runs its own one."""
        driven = WatchedProtection.driven_at
        if driven is self._driven_before:
            driven = None
        step = timedelta(seconds=timeframe_to_seconds(self._config["timeframe"]))
        if driven is not None and timedelta(0) <= now - driven < step:
            return None
        if self.simulated:
            self._sources = self._sources or stored_sources(self._config)
            return self._sources
        if self._watched:
            return None  # a trade has closed before the watch's first look
        self.log_once(
            f"{self.name} has no effect, because no risk layer runs it: {ATTACH}.",
            logger.warning,
            force_show=True,
        )
        return None


def effect_unwatched(simulated: bool) -> str:
    """What a breaker does that no risk layer runs, as words that follow its name and a dash."""
    if simulated:
        return "NOT WATCHED, locks late, only when a trade closes"
    return "NOT ACTIVE, has no effect without the risk layer"


def limits_of(kind: type[L], given: dict[str, Any], **derived: Any) -> L:
    """Returns a dataclass of limits, made from the given parameters that are its fields.

    :param derived: fields that users cannot set
    :raises ValueError: naming the parameter, its value and what is allowed
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in given.items() if key in names}, **derived)
