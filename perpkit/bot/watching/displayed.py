"""What breakers restrict, for charts: nothing is locked, and nothing is decided on it.

In charts and in the webserver, those that need stored data only are evaluated over the candles that
are shown. A running bot shows the locks that there were.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, RunMode
from freqtrade.persistence import PairLocks
from freqtrade.persistence.pairlock import PairLock
from freqtrade.plugins.pairlist.pairlist_helpers import expand_pairlist
from freqtrade.plugins.protectionmanager import ProtectionManager

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.stretches import Stretch, stretches

logger = logging.getLogger(__name__)

_OF_BREAKER = re.compile(rf"(?P<name>.+?) (?P<level>{'|'.join(Trading)}): (?P<reason>.*)", re.S)


class DisplayedBreakers:
    """The stretches of a strategy's breakers over the candles of a chart.

    :param protections: returns the strategy's `protections`
    """

    def __init__(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        protections: Callable[[], list[dict[str, Any]]],
        candles: CandleFeed,
    ) -> None:
        # Breakers then judge stored candles as they do in a backtest.
        self._config = {**config, "runmode": RunMode.BACKTEST, "enable_protections": True}
        self._dp = dp
        self._protections = protections
        self._candles = candles
        # The charts of several pairs show the same days.
        self._known: dict[tuple[Any, ...], list[Stretch]] = {}

    def stretches(
        self, pair: str, start: datetime, end: datetime, step: timedelta
    ) -> list[Stretch]:
        """Returns what restricts any pair from `start` to `end`, in the order of their starts.

        :param pair: of the chart
        :param step: length of a candle
        """
        pairs = self._pairs(pair)
        key = tuple(pairs), start, end, step
        if key not in self._known:
            self._known[key] = list(self._evaluated(pairs, start, end, step))
        return self._known[key]

    def _evaluated(
        self, pairs: Sequence[str], start: datetime, end: datetime, step: timedelta
    ) -> Iterator[Stretch]:
        sources = Sources(self._config, self._candles, self._dp, pairs)
        found: list[Stretch] = []
        for breaker in self._breakers():
            try:
                moments = _moments(breaker, sources, start, end, step)
                found += stretches(breaker.name, moments, end)
            except Exception as error:  # of any breaker; the chart is drawn without it
                logger.warning(f"{breaker.name} cannot be drawn: {error}")
        yield from sorted(found, key=lambda stretch: stretch.start)

    def _breakers(self) -> Iterator[WatchedProtection]:
        handlers = ProtectionManager(self._config, self._protections())._protection_handlers
        for breaker in handlers:
            if not isinstance(breaker, WatchedProtection):
                continue
            why = self._not_drawn(breaker)
            if why is None:
                yield breaker
            else:
                logger.info(f"{breaker.name} is not drawn: {why}.")

    def _not_drawn(self, breaker: WatchedProtection) -> str | None:
        if breaker.OF_TRADES:
            return "it judges trades, and a chart has none of its own"
        if not breaker.REPLAYS:
            return "it needs more than stored data (REPLAYS is not set)"
        for pair, timeframe in breaker.informative_pairs(()):
            if self._has_none(pair, timeframe):
                return f"there are no {timeframe} candles of {pair}"
        return breaker.cannot_replay()

    def _pairs(self, pair: str) -> list[str]:
        """The pairs of the configuration that have candles, and that of the chart."""
        wanted = self._config.get("pairs") or self._config["exchange"].get("pair_whitelist", [])
        exchange = self._dp._exchange
        known = list(exchange.markets) if exchange is not None else [*wanted, pair]
        listed = [*expand_pairlist(list(wanted), known), pair]
        timeframe = self._config["timeframe"]
        return [one for one in dict.fromkeys(listed) if not self._has_none(one, timeframe)]

    def _has_none(self, pair: str, timeframe: str) -> bool:
        return self._candles.history(pair, timeframe, CandleType.FUTURES, timedelta(0)).empty


def _moments(
    breaker: WatchedProtection, sources: Sources, start: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[datetime, Sequence[Decision]]]:
    now, restricted = start, False
    while now < end:
        if now >= breaker.asleep_until:
            found = [d for d in breaker.decide(sources, now) if d.restricts]
            if not found:
                breaker.asleep_until = breaker.quiet_until(sources, now)
            if found or restricted:
                yield now, found
            restricted = bool(found)
        now += step


def locked_stretches(start: datetime, end: datetime) -> list[Stretch]:
    """Returns the locks of a running bot that stood between two times, of breakers and others.

    Those of a breaker that follow each other for the same reason are one.
    """
    found: list[Stretch] = []
    for lock in sorted(PairLocks.get_all_locks(), key=_began):
        if lock.lock_end_time_utc <= start or _began(lock) >= end:
            continue
        new = _of_lock(lock)
        before = next((s for s in reversed(found) if _continues(s, new)), None)
        if before is not None:
            found.remove(before)
            until = max(before.until, new.until)
            new = Stretch(
                before.start, until, new.level, before.reason, new.breaker, new.pair, new.side
            )
        found.append(new)
    return sorted((s.between(start, end) for s in found), key=lambda stretch: stretch.start)


def _began(lock: PairLock) -> datetime:
    return lock.lock_time.replace(tzinfo=UTC)


def _of_lock(lock: PairLock) -> Stretch:
    reason = lock.reason or ""
    match = _OF_BREAKER.fullmatch(reason)
    name, level, why = match.group("name", "level", "reason") if match else ("Lock", None, reason)
    level = level or Trading.REDUCING.value
    return Stretch(_began(lock), lock.lock_end_time_utc, level, why, name, lock.pair, lock.side)


def _continues(before: Stretch, new: Stretch) -> bool:
    same = (before.breaker, before.level, before.pair, before.side) == (
        new.breaker, new.level, new.pair, new.side,
    )  # fmt: skip
    return same and new.start <= before.until
