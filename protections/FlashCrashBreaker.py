from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from ccxt import NotSupported
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_minutes

from perpkit.bot.settings import only_known_keys
from perpkit.bot.watching.order_books import OrderBooks
from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers import flash_crash, market_halt
from perpkit.breakers.breaker import ALL_PAIRS, UNRESTRICTED, Decision, Trading
from perpkit.breakers.flash_crash import (
    Blocks,
    FlashCrashLimits,
    FlashCrashTimeline,
    market_wide,
)
from perpkit.breakers.market_halt import HaltLimits, HaltTimeline, beside_the_book
from perpkit.checks import check_range

CRASH_PARAMETERS = {field.name for field in fields(FlashCrashLimits)}
HALT_PARAMETERS = {field.name for field in fields(HaltLimits)}


@dataclass(frozen=True)
class PairLines:
    """What is known of one pair, from `candles`."""

    candles: pd.DataFrame
    crash: FlashCrashTimeline
    halt: HaltTimeline


class FlashCrashBreaker(WatchedProtection):
    """Blocks new entries on a pair that crashes, soars or hardly trades, and on all when many do.

    Parameters: those of `FlashCrashLimits` and `HaltLimits` in `perpkit.breakers`; `market_pair`,
    which leads the market (null for none); `timeframe` of the candles, the strategy's own unless
    given; `book_seconds` between two looks at an order book. Figures: docs/flash_crash.md.
    """

    LIMITS = (FlashCrashLimits, HaltLimits)
    DERIVED = frozenset({"timeframe_minutes", "pair"})
    BESIDE = frozenset({"market_pair", "timeframe", "book_seconds"})
    REPLAYS = True

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        given = only_known_keys(self.name, protection_config, self.parameters())
        stake = config["stake_currency"]
        self._market: str | None = given.pop("market_pair", f"BTC/{stake}:{stake}")
        self._timeframe: str = given.pop("timeframe", config["timeframe"])
        book_seconds = given.pop("book_seconds", 60)
        try:
            minutes = _minutes(self._timeframe)
            crash = {key: value for key, value in given.items() if key in CRASH_PARAMETERS}
            halt = {key: value for key, value in given.items() if key in HALT_PARAMETERS}
            self._crash = FlashCrashLimits(**crash, timeframe_minutes=minutes)
            self._halt = HaltLimits(**halt, timeframe_minutes=minutes)
            check_range("book_seconds", book_seconds, 10, 3600)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        self._keep_books = timedelta(seconds=book_seconds)
        self._books: OrderBooks | None = None
        self._lines: dict[str, PairLines] = {}
        self._warm_up = timedelta(
            minutes=max(self._crash.history_minutes, self._halt.history_minutes)
        )
        # When Freqtrade, too, stops to trade on them: two candles after the open, and some minutes.
        self._stale_after = self._crash.candle + timedelta(minutes=5)

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        watched = [*pairs, self._market] if self._market else pairs
        return [(pair, self._timeframe) for pair in dict.fromkeys(watched)]

    def short_desc(self) -> str:
        windows = ", ".join(f"{move:.0%} in {minutes} min" for minutes, move in self._crash.windows)
        side = " against the move" if self._crash.blocks is Blocks.AGAINST else ""
        leader = f"{self._market} or " if self._market else ""
        return (
            f"{self.name} - No entries{side} on a pair that moves {windows}, is halted, or opens "
            f"with a gap of {self._halt.gap:.0%}; on none when {leader}"
            f"{self._crash.market_share:.0%} of the pairs move so."
        )

    def evaluate(self, sources: Sources, now: datetime) -> list[Decision]:
        found: list[Decision] = []
        crashes: list[Decision] = []
        for pair in sources.pairs:
            lines = self._lines_of(pair, sources)
            crashes.append(lines.crash.at(now))
            found += crashes[-1], lines.halt.at(now)
            # A backtest has no books, and a pair whose candles have ended is not traded in it.
            if not self._simulated:
                found += self._live(pair, lines, sources, now)
        market = UNRESTRICTED
        if self._market is not None:
            lines = self._lines_of(self._market, sources)
            found += self._stale(ALL_PAIRS, self._market, lines, now)
            market = lines.crash.at(now)
        # The one that lasts longest comes last, for it is the one that the watch keeps.
        wide = sorted(
            market_wide(self._crash, market, crashes), key=lambda block: block.release or now
        )
        return wide + [d for d in found if d is not UNRESTRICTED and not _covered(d, wide)]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        watched = [*sources.pairs, self._market] if self._market else sources.pairs
        lines = [self._lines_of(pair, sources) for pair in watched]
        ends = [timeline.quiet_until(now) for line in lines for timeline in (line.crash, line.halt)]
        if self._market:
            last = lines[-1].crash.last_close
            ends.append(max(last + self._stale_after, now) if last else now)
        return min(ends, default=now)

    def _live(
        self, pair: str, lines: PairLines, sources: Sources, now: datetime
    ) -> Iterator[Decision]:
        yield from self._stale(pair, pair, lines, now)
        share = lines.halt.volume_share_at(now)
        if share <= self._halt.low_volume:
            if self._books is None:
                self._books = OrderBooks(sources.provider, self._keep_books)
            book = self._books.look(pair, now)
            yield beside_the_book(lines.halt.limits, share, book, self._books.again_at(pair))

    def _stale(
        self, blocked: str, pair: str, lines: PairLines, now: datetime
    ) -> Iterator[Decision]:
        last = lines.crash.last_close
        if last is None or now - last > self._stale_after:
            seen = f"the last closed at {last:%Y-%m-%d %H:%M} UTC" if last else "none seen"
            reason = f"no current candles of {pair} ({seen}): no new entries"
            yield Decision(Trading.REDUCING, 0.0, reason=reason, pair=blocked)

    def _lines_of(self, pair: str, sources: Sources) -> PairLines:
        candles = sources.candles.history(pair, self._timeframe, CandleType.FUTURES, self._warm_up)
        lines = self._lines.get(pair)
        if lines is None or lines.candles is not candles:
            lines = PairLines(
                candles,
                flash_crash.timeline(replace(self._crash, pair=pair), candles),
                market_halt.timeline(replace(self._halt, pair=pair), candles),
            )
            self._lines[pair] = lines
        return lines


def _minutes(timeframe: str) -> int:
    try:
        minutes: int = timeframe_to_minutes(timeframe)
    except (TypeError, ValueError, NotSupported):
        message = f"timeframe must be one such as 5m or 1h, got {timeframe!r}"
        raise ValueError(message) from None
    return minutes


def _covered(decision: Decision, wide: Sequence[Decision]) -> bool:
    """Whether a block of all pairs blocks as much for as long: a lock less to keep."""
    return decision.release is not None and any(
        block.concerns(decision.pair, decision.side)
        and block.release is not None
        and block.release >= decision.release
        for block in wide
    )
