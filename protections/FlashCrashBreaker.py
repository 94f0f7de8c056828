from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.exceptions import ExchangeError

from perpkit.bot.watching.candle_breaker import (
    CandleBreaker,
    checked_pair,
    minutes_of,
    no_entries,
)
from perpkit.bot.watching.order_books import OrderBooks
from perpkit.bot.watching.protection import limits_of
from perpkit.bot.watching.running_prices import RunningPrices
from perpkit.bot.watching.sources import Sources
from perpkit.breakers import (
    flash_crash,
    flash_crash_steps,
    market_halt,
    market_halt_steps,
    running_crash,
)
from perpkit.breakers.breaker import ALL_PAIRS, UNRESTRICTED, Decision
from perpkit.breakers.flash_crash import (
    Blocks,
    CrashState,
    FlashCrashLimits,
    FlashCrashTimeline,
)
from perpkit.breakers.follow import Followed
from perpkit.breakers.market_halt import HaltLimits, HaltTimeline, beside_the_book
from perpkit.breakers.market_halt_steps import FollowedHalt
from perpkit.breakers.market_wide import market_wide
from perpkit.checks import check_range
from perpkit.market.benchmark import benchmark_pair
from perpkit.market.candle_grid import CandleRows


@dataclass(frozen=True)
class PairLines:
    """All decisions on one pair."""

    crash: FlashCrashTimeline | Followed[CrashState]
    halt: HaltTimeline | FollowedHalt

    @property
    def last_close(self) -> datetime | None:
        if not isinstance(self.crash, Followed):
            return self.crash.last_close
        # A running bot is not to take a candle that contradicts itself for a current one.
        opened = self.crash.candles.newest
        return opened and opened + timedelta(seconds=self.crash.steps.seconds)

    def restrictions(self, now: datetime) -> tuple[Decision, ...]:
        return (*self.crash.restrictions(now), *self.halt.restrictions(now))

    def quiet_until(self, now: datetime) -> datetime:
        return min(self.crash.quiet_until(now), self.halt.quiet_until(now))


class FlashCrashBreaker(CandleBreaker[PairLines]):
    """Blocks new entries on a pair that crashes, soars or hardly trades, and on all when many do.

    It judges closed candles, and in dry-run and live the running prices besides.

    Parameters: those of `FlashCrashLimits` and `HaltLimits` in `perpkit.breakers`; `market_pair`,
    which leads the market (null for none); `timeframe` of the candles, unless given that of
    `--timeframe-detail` in a backtest, else the strategy's own; `book_seconds` between two looks
    at an order book. Figures: docs/flash_crash.md.
    """

    LIMITS = (FlashCrashLimits, HaltLimits)
    DERIVED = frozenset({"timeframe_minutes", "pair"})
    BESIDE = frozenset({"market_pair", "timeframe", "book_seconds"})
    REPLAYS = True

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        market = given.get("market_pair", benchmark_pair(config["stake_currency"]))
        self._market = None if market is None else checked_pair("market_pair", market)
        self.leaders = [] if self._market is None else [self._market]
        finer = config.get("timeframe_detail") if self.simulated else None
        self.timeframe = given.get("timeframe", finer or self.timeframe)
        minutes = minutes_of(self.timeframe)
        self._crash = limits_of(FlashCrashLimits, given, timeframe_minutes=minutes)
        self._halt = limits_of(HaltLimits, given, timeframe_minutes=minutes)
        book_seconds = given.get("book_seconds", 60)
        check_range("book_seconds", book_seconds, 10, 3600)
        self._keep_books = timedelta(seconds=book_seconds)
        self._books: OrderBooks | None = None
        self._prices: RunningPrices | None = None
        # By pair that was ever traded, until the bot ends.
        self._running: dict[str, running_crash.Running] = {}
        self._limits: dict[str, tuple[FlashCrashLimits, HaltLimits]] = {}

    @property
    def history(self) -> timedelta:
        return max(self._crash.history, self._halt.history)

    def short_desc(self) -> str:
        windows = ", ".join(f"{move:.0%} in {minutes} min" for minutes, move in self._crash.windows)
        side = " against the move" if self._crash.blocks is Blocks.AGAINST else ""
        leader = f"{self._market} or " if self._market else ""
        looks = self._crash.looks
        if self.simulated or not looks:
            seen = f"by its closed {self.timeframe} candles"
        else:
            seen = f"by its price over {looks} looks and its closed {self.timeframe} candles"
        return (
            f"{self.name} - No entries{side} on a pair that moves {windows} ({seen}), "
            f"is halted, or opens with a gap of {self._halt.gap:.0%}; on none when {leader}"
            f"{self._crash.market_share:.0%} of the pairs move so."
        )

    def timeline(self, pair: str, candles: pd.DataFrame) -> PairLines:
        crash, halt = self._limits_of(pair)
        if self.simulated:
            return PairLines(
                flash_crash.timeline(crash, candles), market_halt.timeline(halt, candles)
            )
        rows = CandleRows.of(candles)
        return PairLines(
            flash_crash_steps.follow(crash, rows), market_halt_steps.follow(halt, rows)
        )

    def continued(self, before: PairLines, pair: str, candles: pd.DataFrame) -> PairLines:
        if isinstance(before.crash, Followed) and isinstance(before.halt, Followed):
            rows = CandleRows.of(candles)
            return PairLines(before.crash.on(rows), before.halt.on(rows))
        return self.timeline(pair, candles)

    def _limits_of(self, pair: str) -> tuple[FlashCrashLimits, HaltLimits]:
        known = self._limits.get(pair)
        if known is None:  # to make them checks every parameter
            known = replace(self._crash, pair=pair), replace(self._halt, pair=pair)
            self._limits[pair] = known
        return known

    def evaluate(self, sources: Sources, now: datetime) -> list[Decision]:
        prices, blind = self._look(sources, now)
        found = [blind]
        crashes: dict[str, Decision] = {}
        for pair in sources.pairs:
            try:
                lines = self.line(pair, sources)
            except ExchangeError as error:
                found.append(self.not_fetched(pair, error))
                continue
            crashes[pair] = self._crash_of(pair, lines, prices.get(pair), now)
            found += crashes[pair], lines.halt.at(now)
            # A backtest has no order books, and does not trade pairs whose candles have ended.
            if not self.simulated:
                found += self.stale(lines, now, pair, pair)
                share = lines.halt.volume_share_at(now)
                found += self._beside_the_book(pair, share, sources, now)
        market = UNRESTRICTED
        if self._market is not None:
            market, unseen = self._of_market(self._market, crashes, prices, sources, now)
            found += unseen
        # In an order of its own, in which the locks are set.
        wide = sorted(
            market_wide(self._crash, market, list(crashes.values())),
            key=lambda block: block.release or now,
        )
        return wide + [d for d in found if d is not UNRESTRICTED and not _covered(d, wide)]

    def _look(self, sources: Sources, now: datetime) -> tuple[Mapping[str, float], Decision]:
        """Returns the running prices that are new, and a block if none have come for long."""
        if self.simulated or not self._crash.looks:
            return {}, UNRESTRICTED
        if self._prices is None:
            self._prices = RunningPrices(sources.provider)
        prices, since = self._prices.look(now), self._prices.blind_since(now)
        if since is None:
            return prices, UNRESTRICTED
        return prices, no_entries(f"no running prices since {since:%Y-%m-%d %H:%M} UTC")

    def _of_market(
        self,
        leader: str,
        crashes: Mapping[str, Decision],
        prices: Mapping[str, float],
        sources: Sources,
        now: datetime,
    ) -> tuple[Decision, list[Decision]]:
        """Returns what the leader's move restricts, and a block of all if it cannot be seen.

        :param crashes: of the pairs that are traded, the leader among them or not
        """
        try:
            lines = self.line(leader, sources)
        except ExchangeError as error:
            return UNRESTRICTED, [self.not_fetched(ALL_PAIRS, error)]
        crash = crashes.get(leader) or self._crash_of(leader, lines, prices.get(leader), now)
        return crash, [*self.stale(lines, now, leader, ALL_PAIRS)]

    def _crash_of(
        self, pair: str, lines: PairLines, price: float | None, now: datetime
    ) -> Decision:
        """:param price: the running price of a trade that was not seen before, if any"""
        if not isinstance(lines.crash, Followed):
            return lines.crash.at(now)
        limits, _ = self._limits_of(pair)
        running = self._running.get(pair, running_crash.UNSEEN)
        running = running_crash.look(limits, running, lines.crash.candles, price, now)
        self._running[pair] = running
        return running_crash.decide(limits, running, lines.crash, now)

    def _beside_the_book(
        self, pair: str, share: float, sources: Sources, now: datetime
    ) -> Iterator[Decision]:
        if share <= self._halt.low_volume:
            if self._books is None:
                self._books = OrderBooks(sources.provider, self._keep_books)
            book = self._books.look(pair, now)
            _, limits = self._limits_of(pair)
            yield beside_the_book(limits, share, book, self._books.again_at(pair))


def _covered(decision: Decision, wide: Sequence[Decision]) -> bool:
    """Whether a block of all pairs covers this one for as long, which saves a lock."""
    return decision.release is not None and any(
        block.concerns(decision.pair, decision.side)
        and block.release is not None
        and block.release >= decision.release
        for block in wide
    )
