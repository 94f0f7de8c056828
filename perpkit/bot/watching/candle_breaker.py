"""Base class of the breakers that judge pairs by their candles.

A subclass describes itself (`short_desc`) and turns the candles of one pair into a timeline of
`perpkit.breakers` (`timeline`). This class does the rest: it selects the candles and how far they
reach back, measures them once, blocks entries on stale or missing candles, and determines how long
a backtest can skip the breaker.
"""

from __future__ import annotations

import re
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

# Like Freqtrade, which stops trading two timeframes and this long after the newest candle opened.
GRACE = timedelta(minutes=5)
# A pair without what it is settled in is one of the spot market.
_PAIR = re.compile(r"[^/:\s]+/[^/:\s]+:[^/:\s]+")


class Decided(Protocol):
    """All decisions over the candles of a pair, such as a `perpkit.breakers.timeline.Timeline`."""

    @property
    def last_close(self) -> datetime | None: ...

    def restrictions(self, now: datetime) -> Sequence[Decision]: ...

    def quiet_until(self, now: datetime) -> datetime: ...


D = TypeVar("D", bound=Decided)


class Measured(Generic[D]):
    """A cache of measurements, each valid while the data it was made from are the same objects.

    The feeds of candles and of positioning return the same object until there are new data.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[Sequence[object], D]] = {}

    def get(self, key: str) -> D | None:
        """Returns the last measurement for `key`, None if there is none."""
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
    """A breaker that judges every traded pair, and the pairs that lead the market, by candles.

    A subclass defines `LIMITS`, `short_desc` and `timeline`, and `history` if its limits have none.
    See docs/plugins.md for a complete example.
    """

    # The type of candles that is read, and its name in messages.
    CANDLES: ClassVar[CandleType] = CandleType.FUTURES
    DATA: ClassVar[str] = "candles"

    # Pairs in addition to the traded ones; without current candles of these all pairs are blocked.
    leaders: Sequence[str] = ()

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        # The candles' timeframe; `configure` may set another one.
        self.timeframe: str = config["timeframe"]
        self._measured: Measured[D] = Measured()
        super().__init__(config, protection_config)

    @abstractmethod
    def timeline(self, pair: str, *data: Any) -> D:
        """Returns all decisions on a pair.

        :param data: what `data` returned: the candles with Freqtrade's columns, perhaps empty
        """

    def continued(self, before: D, pair: str, *data: Any) -> D:
        """Returns all decisions on a pair of a running bot after new data have come.

        By default they are computed anew. Override it where that costs much.

        :param before: the decisions on the data before
        """
        return self.timeline(pair, *data)

    @property
    def history(self) -> timedelta:
        """How far back the candles must reach."""
        reach: timedelta = self.limits.history
        return reach

    @property
    def stale_after(self) -> timedelta:
        """How long after its close the newest candle still counts as current."""
        return timedelta(minutes=minutes_of(self.timeframe)) + GRACE

    def watched(self, pairs: Sequence[str]) -> Sequence[str]:
        """The pairs whose candles are read while `pairs` are traded."""
        return list(dict.fromkeys([*pairs, *self.leaders]))

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        if self.CANDLES is not CandleType.FUTURES:
            return []
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
        """Yields what the data of one pair restrict.

        Data that cannot be fetched block the pair, or all pairs where it leads them.
        """
        try:
            line = self.line(pair, sources)
        except (ExchangeError, StoreError) as error:
            yield self.not_fetched(ALL_PAIRS if pair in self.leaders else pair, error)
            return
        if pair in self.leaders:
            yield from self.stale(line, now, pair, ALL_PAIRS)
        elif not self.simulated:  # a backtest's pair may begin late or end early
            yield from self.stale(line, now, pair, pair)
        yield from line.restrictions(now)

    def not_fetched(self, blocked: str, error: Exception) -> Decision:
        return no_entries(f"{self.DATA} could not be fetched ({error})", blocked)

    def line(self, pair: str, sources: Sources) -> D:
        """Returns all decisions on a pair, computed only when there are new data."""
        known = self._measured.get(pair) if self.simulated else None
        if known is not None:  # a backtest has all its data from the start
            return known
        data, before = self.data(pair, sources), self._measured.get(pair)

        def measure() -> D:
            if before is None or self.simulated:
                return self.timeline(pair, *data)
            return self.continued(before, pair, *data)

        return self._measured.of(pair, data, measure)

    def continue_with(self, before: Any) -> None:
        self._measured = before._measured

    def data(self, pair: str, sources: Sources) -> Sequence[Any]:
        """Returns the data to measure for a pair: the same objects until there are new data."""
        return (self.candles(pair, sources),)

    def candles(self, pair: str, sources: Sources) -> pd.DataFrame:
        return sources.candles.history(pair, self.timeframe, self.CANDLES, self.history)

    def stale(self, line: D, now: datetime, named: str, blocked: str) -> Iterator[Decision]:
        """Yields a block if the newest candle is too old.

        :param named: the pair or market that the message names
        :param blocked: the pair that must not be entered
        """
        last = line.last_close
        if last is None or now - last > self.stale_after:
            seen = f"the last closed at {last:%Y-%m-%d %H:%M} UTC" if last else "none seen"
            yield no_entries(f"no current {self.DATA} of {named} ({seen})", blocked)

    def stale_from(self, line: D, now: datetime) -> datetime:
        """The first time from `now` on at which `stale` blocks."""
        last = line.last_close
        return max(last + self.stale_after, now) if last else now


def no_entries(why: str, pair: str = ALL_PAIRS) -> Decision:
    """Returns a block of new entries, on one pair or all, that lasts as long as its cause."""
    return Decision(Trading.REDUCING, 0.0, reason=f"{why}: no new entries", pair=pair)


def minutes_of(timeframe: object) -> int:
    """Returns the minutes of a timeframe.

    :raises ValueError: unless it is one of Freqtrade's timeframes
    """
    try:
        minutes: int = timeframe_to_minutes(timeframe)
    except (TypeError, ValueError, NotSupported):
        message = f"timeframe must be one such as 5m or 1h, got {timeframe!r}"
        raise ValueError(message) from None
    return minutes


def checked_pair(name: str, value: object) -> str:
    """Returns `value`. :raises ValueError: unless it can be the name of a pair of futures"""
    if not (isinstance(value, str) and _PAIR.fullmatch(value)):
        raise ValueError(f"{name} must be a pair such as BTC/USDT:USDT, got {value!r}")
    return value
