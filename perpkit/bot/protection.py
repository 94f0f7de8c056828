"""Base of the protections that watch the market instead of closed trades.

Freqtrade evaluates protections when a trade has fully closed, so one that watches the market sleeps
through a crash in which nothing closes. The watch of the base strategy (`perpkit.bot.watch`) drives
these every candle instead, through Freqtrade's own ProtectionManager. With any other strategy they
still work in backtests, at Freqtrade's pace; in dry-run and live they have no candles, and say so.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar

from freqtrade.constants import Config, LongShort
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import PairLocks
from freqtrade.plugins.protections import IProtection, ProtectionReturn

from perpkit.bot.candles import CandleFeed, StoredCandles, is_simulated
from perpkit.breakers.breaker import Decision

logger = logging.getLogger(__name__)

# Keys of a protection's configuration that belong to Freqtrade.
FREQTRADE_KEYS = frozenset({"method", "enabled"})


class MarketProtection(IProtection):
    """A breaker over market data, as a Freqtrade protection.

    Subclasses name their informative pairs and decide; this class turns decisions into locks.
    """

    has_global_stop = True
    has_local_stop = False

    # When the watch last drove the protections of this process: see `_own_feed`.
    driven_at: ClassVar[datetime | None] = None

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        self.feed: CandleFeed | None = None
        self._decided: tuple[datetime, Decision] | None = None

    @abstractmethod
    def evaluate(self, feed: CandleFeed, now: datetime) -> Decision:
        """What the breaker allows at `now`, from candles that have closed by then."""

    def decide(self, feed: CandleFeed, now: datetime) -> Decision:
        """`evaluate`, once for each moment."""
        if self._decided is None or self._decided[0] != now:
            self._decided = now, self.evaluate(feed, now)
        return self._decided[1]

    @property
    @abstractmethod
    def informative_pairs(self) -> list[tuple[str, str]]:
        """(pair, timeframe) of the candles that `evaluate` reads."""

    def global_stop(
        self, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        feed = self.feed or self._own_feed(date_now)
        if feed is None:
            return None
        decision = self.decide(feed, date_now)
        if not decision.entries_blocked or self._locked(date_now):
            return None
        # Freqtrade moves the end of a lock up to the next candle. It lasts until the earliest
        # release, and is renewed then if that has moved on; so locks are few, and exact.
        until = max((decision.release or date_now) - timedelta(seconds=1), date_now)
        return ProtectionReturn(lock=True, until=until, reason=f"{self.name}: {decision.reason}")

    def stop_per_pair(
        self, pair: str, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        return None

    def _locked(self, now: datetime) -> bool:
        return any(
            (lock.reason or "").startswith(self.name) for lock in PairLocks.get_pair_locks("*", now)
        )

    def _own_feed(self, now: datetime) -> CandleFeed | None:
        """Candles for an instance that Freqtrade drives, unless the watch drives its twin."""
        driven = MarketProtection.driven_at
        step = timedelta(seconds=timeframe_to_seconds(self._config["timeframe"]))
        if driven is not None and timedelta(0) <= now - driven < step:
            return None
        if is_simulated(self._config):
            self.feed = StoredCandles(self._config)
            return self.feed
        self.log_once(
            f"{self.name} has no effect: in dry-run and live it needs a strategy that is built on "
            "perpkit.bot.strategy.PerpStrategy.",
            logger.warning,
            force_show=True,
        )
        return None


def only_known_keys(name: str, given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """The parameters in a protection's configuration, without Freqtrade's own keys.

    :raises ConfigurationError: naming an unknown key and the allowed ones
    """
    parameters = {key: value for key, value in given.items() if key not in FREQTRADE_KEYS}
    for key in parameters:
        if key not in known:
            raise ConfigurationError(
                f"{name}: unknown parameter '{key}'. Allowed: {', '.join(sorted(known))}."
            )
    return parameters
