"""The watch: runs the strategy's breakers every candle, in every mode.

`bot_loop_start` calls it, once a candle in backtest and hyperopt, once an iteration in dry-run and
live. Decisions become PairLocks, which Freqtrade obeys and shows in `/locks` and FreqUI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exceptions import OperationalException
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.wallets import Wallets

from perpkit.bot.candles.candles import CandleFeed, feed_for, is_simulated, is_trading
from perpkit.bot.watching.protection import AWAKE, WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import (
    ALL_PAIRS,
    UNRESTRICTED,
    Decision,
    Side,
    Trading,
    strictest,
)

logger = logging.getLogger(__name__)

# Telegram rejects a message with unbalanced Markdown, and Freqtrade then drops it.
NO_MARKDOWN = str.maketrans({"_": " ", "*": " ", "`": "'", "[": "("})
# Characters of the reasons in a message, of which Telegram takes 4096.
LONGEST, MOST_NAMES = 3000, 20
# The decisions that restrict trading, by name of the breaker, pair and side.
Restrictions = Mapping[tuple[str, str, Side], Decision]

STILL_ALLOWED = {
    Trading.ACTIVE: "Entries, exits and stops as usual.",
    Trading.REDUCING: "Exits and stops go on.",
    Trading.HALTED: "Open positions are being closed at the market, none is opened.",
}


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
        if not self._restrictions:
            return UNRESTRICTED
        return strictest(d for d in self._restrictions.values() if d.concerns(pair, side))

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
        self._standing = _without(self._standing, name)
        before, self._restrictions = self._restrictions, _without(self._restrictions, name)
        self._tell(before, reason)

    def informative_pairs(self) -> set[tuple[str, str, str]]:
        """Returns (pair, timeframe, candle type) of what the breakers read.

        An empty type stands for the candles of the market that is traded.
        """
        if not self.enabled:
            return set()
        traded = self._dp.current_whitelist()
        return {candles for b in self._watched() for candles in b.candles_read(traded)}

    def require_candles(self) -> None:
        """Refuses to start a simulated run whose breakers would have no candles.

        :raises OperationalException: naming the candles and where they were searched for
        """
        # Freqtrade itself leaves out traded pairs without candles.
        read = {c for b in self._watched() for c in b.informative_pairs(())} if self.enabled else ()
        for pair, timeframe in sorted(read):
            candles = self._sources.candles
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
        """Sends one message for each breaker and change of state, not one every loop.

        :param released: why the restrictions that have ended did so
        """
        after = self._restrictions
        changes: dict[tuple[str, tuple[Trading, float]], list[tuple[str, str, Side]]] = {}
        for key in dict.fromkeys((*before, *after)):
            was, now = (_effect(where.get(key, UNRESTRICTED)) for where in (before, after))
            if was != now and not self._still_covered(key):
                changes.setdefault((key[0], now), []).append(key)
        for (name, (trading, _)), keys in changes.items():
            decision = after.get(keys[0])
            pairs = sorted({pair for _, pair, _ in keys})
            where = "" if ALL_PAIRS in pairs else f" on {_names(pairs)}"
            if decision is None:
                what = f"{name} has released{where}{released and f': {released}'}"
                trading = self.decision(*keys[0][1:]).trading
            else:
                what = f"{name}{where}: {_reasons([after[key] for key in keys])}"
            # The reasons given to `restrict` state how they end.
            until = "" if keys[0] in self._standing else _until([after.get(key) for key in keys])
            message = f"{trading.upper()}: {what}. {until}{STILL_ALLOWED[trading]}"
            message = message.translate(NO_MARKDOWN)
            logger.warning(message)
            self._dp.send_msg(message, always_send=True)

    def _still_covered(self, key: tuple[str, str, Side]) -> bool:
        """Whether a wider restriction of the same breaker has replaced this one."""
        name, pair, side = key
        return key not in self._restrictions and any(
            other == name and decision.entries_blocked and decision.concerns(pair, side)
            for (other, *_), decision in self._restrictions.items()
        )


def _without(restrictions: Restrictions, name: str) -> Restrictions:
    return {key: decision for key, decision in restrictions.items() if key[0] != name}


def _halts(decisions: Iterable[Decision], now: datetime) -> list[Decision]:
    """Returns those that halt and are not to be released yet, each once."""
    halts = dict.fromkeys(each for each in decisions if each.trading is Trading.HALTED)
    return [halt for halt in halts if halt.release is None or halt.release > now]


def _both(one: Decision, other: Decision) -> Decision:
    """Returns the strictest of two decisions for the same pair and side."""
    return replace(strictest((one, other)), pair=one.pair, side=one.side)


def _effect(decision: Decision) -> tuple[Trading, float]:
    return decision.trading, decision.size_factor


def _names(pairs: Sequence[str]) -> str:
    more = f" and {len(pairs) - MOST_NAMES} more" if len(pairs) > MOST_NAMES else ""
    return ", ".join(pairs[:MOST_NAMES]) + more


def _reasons(decisions: Sequence[Decision]) -> str:
    """The reason of each, with its pair; once if it is the same for all."""
    if len({decision.reason for decision in decisions}) == 1:
        return decisions[0].reason
    by_pair = sorted(decisions, key=lambda decision: decision.pair)
    told = list(dict.fromkeys(_with_pair(decision) for decision in by_pair))
    fit = [text for n, text in enumerate(told) if sum(map(len, told[: n + 1])) <= LONGEST]
    more = f"; and {len(told) - len(fit)} more, see /locks" if len(fit) < len(told) else ""
    return "; ".join(fit) + more


def _with_pair(decision: Decision) -> str:
    known = decision.pair == ALL_PAIRS or decision.pair in decision.reason
    return decision.reason if known else f"{decision.pair}: {decision.reason}"


def _until(decisions: Sequence[Decision | None]) -> str:
    held = [decision for decision in decisions if decision is not None]
    releases = [d.release for d in held if d.release is not None]
    if releases and len(releases) == len(held):
        first, last = (f"{end(releases):%Y-%m-%d %H:%M}" for end in (min, max))
        return f"Until {first if first == last else f'{first} to {last}'} UTC at the earliest. "
    halted = any(d.trading is Trading.HALTED and d.release is None for d in held)
    return "Until an operator ends its lock. " if halted else ""
