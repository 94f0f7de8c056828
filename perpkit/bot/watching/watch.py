"""The watch: runs the strategy's breakers every candle, in every mode.

`bot_loop_start` calls it, once a candle in backtest and hyperopt, once an iteration in dry-run and
live. Decisions become PairLocks, which Freqtrade obeys and shows in `/locks` and FreqUI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.wallets import Wallets

from perpkit.bot.candles.candles import (
    CandleFeed,
    StoredCandles,
    feed_for,
    is_simulated,
    is_trading,
)
from perpkit.bot.running_bot import NO_MARKDOWN
from perpkit.bot.watching.protection import AWAKE, WatchedProtection
from perpkit.bot.watching.restrictions import Restrictions, changes, strictest_for, without
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import (
    ALL_PAIRS,
    UNRESTRICTED,
    Decision,
    Trading,
    strictest,
)

logger = logging.getLogger(__name__)


class Watch:
    """Runs the breakers of one strategy and turns their decisions into locks and messages.

    In backtest and hyperopt it obeys `--enable-protections`, like Freqtrade's own protections.

    :param protections: returns the strategy's `protections` with their current parameters; called
        at the start of each run
    :param breakers: of the only run, in place of `protections`
    """

    def __init__(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        protections: Callable[[], list[dict[str, Any]]],
        wallets: Wallets | None = None,
        candles: CandleFeed | None = None,
        breakers: Sequence[WatchedProtection] | None = None,
    ) -> None:
        self._config = config
        self._dp = dp
        self._protections = protections
        self._simulated = is_simulated(config)
        self._sources = Sources(config, candles or feed_for(config, dp), dp, wallets=wallets)
        self._given = breakers
        self._breakers: list[WatchedProtection] | None = None
        # With their entries in `protections`.
        self._run_before: list[tuple[dict[str, Any], WatchedProtection]] = []
        # Those that have failed last, by their places in the list.
        self._failed: set[int] = set()
        self._last: datetime | None = None
        self._restrictions: Restrictions = {}
        self._standing: Restrictions = {}

    @property
    def enabled(self) -> bool:
        """Whether protections are active in this run."""
        if self._simulated:
            return bool(self._config.get("enable_protections", False))
        return is_trading(self._config)  # nothing is traded in the webserver and in plots

    def decision(self, pair: str = ALL_PAIRS, side: str = "*") -> Decision:
        """Returns the strictest decision of all breakers for a pair and side.

        Without a pair, it is the one that applies to all pairs.
        """
        return strictest_for(self._restrictions, pair, side)

    def tightens(self, pair: str, side: str) -> bool:
        """Whether stops move closer, because the breakers for this pair and side are REDUCING.

        Restrictions set by `restrict` do not count: they are no reason to sell sooner.
        """
        if not self._restrictions:
            return False
        of_breakers = (
            decision
            for key, decision in self._restrictions.items()
            if key not in self._standing and decision.concerns(pair, side)
        )
        return strictest(of_breakers).trading is Trading.REDUCING

    @property
    def restrictions(self) -> Restrictions:
        """All restrictions that are in force now."""
        return self._restrictions

    @property
    def breakers(self) -> tuple[str, ...] | None:
        """The names of the breakers; None before the first step."""
        if self._breakers is None:
            return None
        return tuple(breaker.name for breaker in self._breakers)

    def highest_profit(self) -> float | None:
        """Returns the highest profit of the account that a breaker follows; None if none does."""
        known = [breaker.highest_profit for breaker in self._breakers or []]
        return max((each for each in known if each is not None), default=None)

    def restrict(self, name: str, decision: Decision) -> None:
        """Restricts trading independently of the breakers, until `lift` or the end of the process.

        The restriction is logged and sent as a message now.

        :param name: not that of a breaker; replaces an earlier decision of this name, pair and side
        """
        standing = {(name, decision.pair, decision.side): decision}
        self._standing = {**self._standing, **standing}
        before, self._restrictions = self._restrictions, {**self._restrictions, **standing}
        self._tell(before)

    def lift(self, name: str, reason: str) -> None:
        """Ends what `restrict` has set under this name, if anything, and reports it.

        :param reason: goes into the message
        """
        self._standing = without(self._standing, name)
        before, self._restrictions = self._restrictions, without(self._restrictions, name)
        self._tell(before, reason)

    def informative_pairs(self) -> set[tuple[str, str, str]]:
        """Returns (pair, timeframe, candle type) of what the breakers read.

        An empty type stands for the candles of the market that is traded.
        """
        if not self.enabled:
            return set()
        traded = self._dp.current_whitelist()
        return {candles for b in self._watched() for candles in b.candles_read(traded)}

    def require_candles(self, pairs: Sequence[str] = ()) -> None:
        """Refuses to start a simulated run whose breakers would have no candles.

        :param pairs: that are traded and have candles of the strategy's timeframe
        :raises OperationalException: naming the candles and where they were searched for
        """
        breakers = self._watched() if self.enabled else ()
        read = {candles for breaker in breakers for candles in breaker.informative_pairs(pairs)}
        read -= {(pair, self._config["timeframe"]) for pair in pairs}
        # What is kept here, hyperopt would hand on to each of its epochs.
        searched = self._config.get("runmode") == RunMode.HYPEROPT
        candles = StoredCandles(self._config) if searched else self._sources.candles
        for pair, timeframe in sorted(read):
            if candles.history(pair, timeframe, CandleType.FUTURES, timedelta(0)).empty:
                raise OperationalException(
                    f"The breakers need {timeframe} candles of {pair}, and there are none in "
                    f"{self._config['datadir']}. Download them, or leave out --enable-protections."
                )

    def step(self, now: datetime) -> None:
        """Evaluates every breaker at `now`, and locks what they block."""
        if not self.enabled:
            return
        if self._simulated and (self._last is None or now <= self._last):
            self._breakers = None  # another backtest or epoch, perhaps with other parameters
        self._last = WatchedProtection.driven_at = now
        self._follow_whitelist()
        before, found = self._restrictions, dict(self._standing)
        for place, breaker in enumerate(self._watched()):
            if now >= breaker.asleep_until:
                breaker.standing = self._decide(place, breaker, now)
            for decision in breaker.standing:
                key = breaker.name, decision.pair, decision.side
                # A breaker may say several things, and one of the same name may be beside it.
                found[key] = _both(found[key], decision) if key in found else decision
        self._restrictions = found
        if not self._simulated:
            self._unlock(before, now)
            self._tell(before)

    def _follow_whitelist(self) -> None:
        pairs = self._dp.current_whitelist()
        if pairs != self._sources.pairs:
            self._sources.pairs = pairs
            for breaker in self._breakers or []:
                breaker.asleep_until = AWAKE

    def _decide(self, place: int, breaker: WatchedProtection, now: datetime) -> Sequence[Decision]:
        """Returns what one breaker restricts, and locks what blocks entries.

        Errors block entries here: Freqtrade swallows exceptions from `bot_loop_start`, so that a
        breaker that failed would look like one that restricts nothing.
        """
        restrictions: list[Decision] = []
        try:
            if self._simulated and not self._failed and breaker.rests(now):
                return ()
            restrictions = [d for d in breaker.decide(self._sources, now) if d.restricts]
            if not restrictions and self._simulated:  # live breakers are checked in every loop
                breaker.asleep_until = breaker.quiet_until(self._sources, now)
            if not restrictions and not self._failed:
                return ()
            for decision in restrictions:
                if decision.entries_blocked:
                    breaker.locks.hold(decision, now)
            self._failed.discard(place)
            if restrictions and self._simulated:
                breaker.asleep_until = self._same_until(breaker, restrictions, now)
        except Exception:
            if place not in self._failed:
                logger.exception(f"{breaker.name} failed.")
            self._failed.add(place)
            breaker.asleep_until = AWAKE
            why = "it failed, see the log: no new entries"
            failed = Decision(Trading.REDUCING, 0.0, reason=why)
            # A halt that could not be locked is one all the same, and one of before goes on.
            restrictions = [*_halts(restrictions or breaker.known_halts(), now), failed]
        return restrictions

    def _same_until(
        self, breaker: WatchedProtection, restrictions: Sequence[Decision], now: datetime
    ) -> datetime:
        """Returns until when a breaker restricts the same, and no lock of it is to be renewed."""
        until = breaker.same_until(self._sources, now)
        for decision in restrictions if until > now else ():
            if decision.entries_blocked:
                until = min(until, breaker.locks.renewed_at(decision) or now)
        return until

    def _unlock(self, before: Restrictions, now: datetime) -> None:
        """Ends locks whose reasons have ended, without waiting for the next candle."""
        for breaker in self._breakers or []:
            for key, was in before.items():
                still = self._restrictions.get(key, UNRESTRICTED)
                if key[0] == breaker.name and was.entries_blocked and not still.entries_blocked:
                    breaker.locks.release(was, now)

    def _watched(self) -> list[WatchedProtection]:
        if self._breakers is None and self._given is not None:
            self._breakers = list(self._given)
        if self._breakers is None:
            self._breakers = self._made()
        return self._breakers

    def _made(self) -> list[WatchedProtection]:
        """Makes the breakers of a run; one with the parameters of the run before has its
        measurements, too, as in the epochs of hyperopt."""
        given = self._protections()
        handlers = ProtectionManager(self._config, given)._protection_handlers
        known, self._run_before = self._run_before, []
        for entry, handler in zip(given, handlers, strict=True):
            if isinstance(handler, WatchedProtection):
                before = [breaker for parameters, breaker in known if parameters == entry]
                if before and self._simulated:
                    handler.continue_with(before[0])
                self._run_before.append((entry, handler))
        return [breaker for _, breaker in self._run_before]

    def _tell(self, before: Restrictions, released: str = "") -> None:
        """Sends what has changed, and not what stands in every loop."""
        for message in changes(before, self._restrictions, self._standing, released):
            text = message.translate(NO_MARKDOWN)
            logger.warning(text)
            self._dp.send_msg(text, always_send=True)


def _halts(decisions: Iterable[Decision], now: datetime) -> list[Decision]:
    """Returns those that halt and are not to be released yet, each once."""
    halts = dict.fromkeys(each for each in decisions if each.trading is Trading.HALTED)
    return [halt for halt in halts if halt.release is None or halt.release > now]


def _both(one: Decision, other: Decision) -> Decision:
    """Returns the strictest of two decisions for the same pair and side."""
    return replace(strictest((one, other)), pair=one.pair, side=one.side)
