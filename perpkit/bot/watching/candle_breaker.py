"""Base of the breakers over candles of pairs.

A subclass says what it does (`short_desc`) and makes of one pair's candles a timeline of the core
(`timeline`). What stands here is the rest: which candles are read and how far they reach back, that
they are measured once, that old ones or none block entries, and how long a backtest need not ask.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import is_
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pandas as pd
from ccxt import NotSupported
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange import timeframe_to_minutes

from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import ALL_PAIRS, Decision, Trading
from perpkit.market.store import StoreError

# Freqtrade, too, stops trading on candles two timeframes and this long after the newest one opened.
GRACE = timedelta(minutes=5)


class Decided(Protocol):
    """All decisions over the candles of a pair: a `perpkit.breakers.timeline.Timeline`, or such."""

    @property
    def last_close(self) -> datetime | None: ...

    def restrictions(self, now: datetime) -> Sequence[Decision]: ...

    def quiet_until(self, now: datetime) -> datetime: ...


D = TypeVar("D", bound=Decided)


class Measured(Generic[D]):
    """What was measured of some data, for as long as they are the same objects.

    Feeds of candles and of positioning give the same object while nothing is new.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[Sequence[object], D]] = {}

    def get(self, key: str) -> D | None:
        """What was measured last."""
        held = self._held.get(key)
        return held[1] if held is not None else None

    def of(self, key: str, data: Sequence[object], measure: Callable[[], D]) -> D:
        held = self._held.get(key)
        if held is not None and len(held[0]) == len(data) and all(map(is_, held[0], data)):
            return held[1]
        found = measure()
        self._held[key] = data, found
        return found


class CandleBreaker(WatchedProtection, Generic[D]):
    """A breaker that judges every traded pair by its candles, and pairs that lead the market.

    To be given: `LIMITS`, `short_desc` and `timeline`; where there is no `limits.history`, also
    `history`. See docs/plugins.md for a complete one.
    """

    # What is read of each pair, and its name for people.
    CANDLES: ClassVar[CandleType] = CandleType.FUTURES
    DATA: ClassVar[str] = "candles"

    # Pairs beside the traded ones: without current candles of theirs all pairs are blocked.
    leaders: Sequence[str] = ()

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        # Of the candles; `configure` may set another one.
        self.timeframe: str = config["timeframe"]
        self._measured: Measured[D] = Measured()
        super().__init__(config, protection_config)

    @abstractmethod
    def timeline(self, pair: str, *data: Any) -> D:
        """All decisions on a pair.

        :param data: what `data` has found: its candles, with Freqtrade's columns; maybe none
        """

    @property
    def history(self) -> timedelta:
        """How far back the candles must reach."""
        reach: timedelta = self.limits.history
        return reach

    @property
    def stale_after(self) -> timedelta:
        """How long after its close the newest candle counts."""
        return timedelta(minutes=minutes_of(self.timeframe)) + GRACE

    def watched(self, pairs: Sequence[str]) -> Sequence[str]:
        """The pairs whose candles are read while `pairs` are traded."""
        return list(dict.fromkeys([*pairs, *self.leaders]))

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        return [(pair, self.timeframe) for pair in self.watched(pairs)]

    def candles_read(self, pairs: Sequence[str]) -> list[tuple[str, str, str]]:
        if self.CANDLES is CandleType.FUTURES:
            return super().candles_read(pairs)
        return [(pair, self.timeframe, self.CANDLES.value) for pair in self.watched(pairs)]

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        return [
            decision
            for pair in self.watched(sources.pairs)
            for decision in self.of_pair(pair, sources, now)
        ]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        lines = {pair: self.line(pair, sources) for pair in self.watched(sources.pairs)}
        ends = [line.quiet_until(now) for line in lines.values()]
        ends += [self.stale_from(lines[pair], now) for pair in self.leaders]
        return min(ends, default=now)

    def of_pair(self, pair: str, sources: Sources, now: datetime) -> Iterator[Decision]:
        """What the data of one pair restrict; those that cannot be had block it."""
        try:
            line = self.line(pair, sources)
        except (ExchangeError, StoreError) as error:
            yield no_entries(f"{self.DATA} could not be fetched ({error})", pair)
            return
        if pair in self.leaders:
            yield from self.stale(line, now, pair, ALL_PAIRS)
        elif not self.simulated:  # where a pair may begin later, and end sooner
            yield from self.stale(line, now, pair, pair)
        yield from line.restrictions(now)

    def line(self, pair: str, sources: Sources) -> D:
        """All decisions on a pair; worked out when there are new data."""
        known = self._measured.get(pair) if self.simulated else None
        if known is not None:  # all data are there from the start
            return known
        data = self.data(pair, sources)
        return self._measured.of(pair, data, lambda: self.timeline(pair, *data))

    def data(self, pair: str, sources: Sources) -> Sequence[Any]:
        """What is measured of a pair: the same objects for as long as nothing is new."""
        return (self.candles(pair, sources),)

    def candles(self, pair: str, sources: Sources) -> pd.DataFrame:
        return sources.candles.history(pair, self.timeframe, self.CANDLES, self.history)

    def stale(self, line: D, now: datetime, named: str, blocked: str) -> Iterator[Decision]:
        """A block where the newest candle is too old.

        :param named: whose candles they are, for people
        :param blocked: the pair that must not be entered
        """
        last = line.last_close
        if last is None or now - last > self.stale_after:
            seen = f"the last closed at {last:%Y-%m-%d %H:%M} UTC" if last else "none seen"
            yield no_entries(f"no current {self.DATA} of {named} ({seen})", blocked)

    def stale_from(self, line: D, now: datetime) -> datetime:
        """From `now` on, when `stale` blocks."""
        last = line.last_close
        return max(last + self.stale_after, now) if last else now


def no_entries(why: str, pair: str = ALL_PAIRS) -> Decision:
    """A block of new entries, of a pair or of all, that ends when its cause has."""
    return Decision(Trading.REDUCING, 0.0, reason=f"{why}: no new entries", pair=pair)


def minutes_of(timeframe: object) -> int:
    """:raises ValueError: unless it is a timeframe of Freqtrade"""
    try:
        minutes: int = timeframe_to_minutes(timeframe)
    except (TypeError, ValueError, NotSupported):
        message = f"timeframe must be one such as 5m or 1h, got {timeframe!r}"
        raise ValueError(message) from None
    return minutes


def checked_pair(name: str, value: object) -> str:
    """:raises ValueError: unless it can be the name of a pair"""
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"{name} must be a pair such as BTC/USDT:USDT, got {value!r}")
    return value
