"""The watch: drives the strategy's market breakers every candle, in every mode.

Called from `bot_loop_start`: once a candle in backtest and hyperopt, once an iteration in dry-run
and live. Decisions become PairLocks, which Freqtrade obeys and shows in `/locks` and FreqUI.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exceptions import OperationalException
from freqtrade.plugins.protectionmanager import ProtectionManager

from perpkit.bot.candles import CandleFeed, feed_for, is_simulated
from perpkit.bot.protection import MarketProtection
from perpkit.breakers.breaker import Decision, Trading

logger = logging.getLogger(__name__)


FAILED = Decision(Trading.REDUCING, reason="a breaker failed, see the log: no new entries")


def severity(decision: Decision) -> tuple[int, float]:
    """Order of decisions, the strictest highest."""
    return list(Trading).index(decision.trading), -decision.size_factor


class MarketProtectionManager(ProtectionManager):
    """Freqtrade's manager for the market protections of a list; the bot's own has the others."""

    def __init__(
        self, config: dict[str, Any], protections: list[dict[str, Any]], feed: CandleFeed
    ) -> None:
        super().__init__(config, protections)
        self._feed = feed
        handlers = [h for h in self._protection_handlers if isinstance(h, MarketProtection)]
        for handler in handlers:
            handler.feed = feed
        self._protection_handlers: list[MarketProtection] = handlers

    def decide(self, now: datetime) -> Decision:
        """The strictest decision of all at `now`."""
        decisions = [handler.decide(self._feed, now) for handler in self._protection_handlers]
        return max(decisions, key=severity, default=Decision())

    def informative_pairs(self) -> set[tuple[str, str]]:
        """(pair, timeframe) of the candles that the protections read."""
        return {pair for handler in self._protection_handlers for pair in handler.informative_pairs}


class Watch:
    """The market breakers of one strategy.

    In backtest and hyperopt it obeys `--enable-protections`, as Freqtrade's own protections do.
    """

    def __init__(self, config: dict[str, Any], dp: DataProvider) -> None:
        self._config = config
        self._dp = dp
        self._simulated = is_simulated(config)
        self._feed = feed_for(config, dp)
        self._manager: MarketProtectionManager | None = None
        self._last: datetime | None = None
        self.decision = Decision()

    @property
    def enabled(self) -> bool:
        """Whether protections count in this run."""
        return not self._simulated or bool(self._config.get("enable_protections", False))

    def informative_pairs(self, protections: list[dict[str, Any]]) -> set[tuple[str, str]]:
        """(pair, timeframe) of the candles that the breakers read."""
        return self._managed(protections).informative_pairs() if self.enabled else set()

    def require_candles(self, protections: list[dict[str, Any]]) -> None:
        """Refuse to start a simulated run whose breakers would have nothing to look at.

        :raises OperationalException: naming the candles and where they were looked for
        """
        for pair, timeframe in sorted(self.informative_pairs(protections)):
            if self._feed.history(pair, timeframe, CandleType.FUTURES, timedelta(0)).empty:
                raise OperationalException(
                    f"The breakers need {timeframe} candles of {pair}, and there are none in "
                    f"{self._config['datadir']}. Download them, or leave out --enable-protections."
                )

    def step(self, protections: list[dict[str, Any]], now: datetime) -> None:
        """Evaluate every breaker at `now`, and lock what they block.

        :param protections: the strategy's, at their present parameters
        """
        if not self.enabled:
            return
        if self._last is None or now <= self._last:
            self._manager = None  # another backtest or epoch, perhaps with other parameters
        self._last = MarketProtection.driven_at = now
        before = self.decision
        try:
            manager = self._managed(protections)
            self.decision = manager.decide(now)
            manager.global_stop(now)
        except Exception:
            # Freqtrade swallows what `bot_loop_start` raises, and a breaker that cannot decide
            # must not look like one that has nothing to say.
            if self.decision is not FAILED:
                logger.exception("A breaker failed.")
            self.decision = FAILED
        self._tell(before, self.decision)

    def _managed(self, protections: list[dict[str, Any]]) -> MarketProtectionManager:
        if self._manager is None:
            self._manager = MarketProtectionManager(self._config, protections, self._feed)
        return self._manager

    def _tell(self, before: Decision, after: Decision) -> None:
        """One message per change of state, not per tick."""
        changed = (before.trading, before.size_factor) != (after.trading, after.size_factor)
        if changed and not self._simulated:
            allowed = {
                Trading.ACTIVE: "Entries, exits and stops as usual.",
                Trading.REDUCING: "Exits and stops go on.",
                Trading.HALTED: "Everything is closed; an operator has to clear it.",
            }[after.trading]
            message = f"{after.trading.upper()}: {after.reason or 'all calm'}. {allowed}"
            logger.warning(message)
            self._dp.send_msg(message, always_send=True)
