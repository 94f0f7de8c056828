"""The parts that only a dry-run or live bot has: order books, open entries, stop guard, alerts.

A backtest has `perpkit.bot.live.no_parts` in their place, and imports nothing of this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from math import nan
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.persistence import LocalTrade, Order, Trade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.candles.candles import feed_for, is_trading
from perpkit.bot.live import state_parts
from perpkit.bot.live.additions import Allowed, check_additions
from perpkit.bot.live.booking import Booking
from perpkit.bot.live.crash_loop import CrashLoop
from perpkit.bot.live.delistings import Delistings
from perpkit.bot.live.ended_entries import note_ended_entries
from perpkit.bot.live.ending_signals import EndingSignals
from perpkit.bot.live.entry_check import EntryGate
from perpkit.bot.live.fleet_member import NAME as FLEET
from perpkit.bot.live.fleet_member import FleetMember
from perpkit.bot.live.forced_exits import ForcedExits
from perpkit.bot.live.garbled_answers import refuse_garbled
from perpkit.bot.live.golive_gate import NAME as GOLIVE
from perpkit.bot.live.golive_gate import OFF, GoLiveGate, note_what_trades
from perpkit.bot.live.last_look import LastLook
from perpkit.bot.live.leaving import leave_at_market
from perpkit.bot.live.no_parts import NoParts
from perpkit.bot.live.obstacles import Obstacles
from perpkit.bot.live.open_entries import OpenEntries
from perpkit.bot.live.order_journal import Opened
from perpkit.bot.live.performance_watch import PerformanceWatch
from perpkit.bot.live.replaced import around
from perpkit.bot.live.rests import REST, Rests
from perpkit.bot.live.same_rates import SameRates
from perpkit.bot.live.shared_balance import NAME as CREDITS_MODE
from perpkit.bot.live.shared_balance import SharedBalance, wrong_account
from perpkit.bot.live.shared_trades import share_trades
from perpkit.bot.live.slippage import EntrySlippage
from perpkit.bot.live.slow_cycles import name_slow_cycles
from perpkit.bot.live.state_writer import Report, StateWriter
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.live.stop_latch import NAME, StopLatch
from perpkit.bot.live.traffic import Traffic
from perpkit.bot.live.wanted_targets import NO_TARGETS, WantedTargets
from perpkit.bot.positioning.refresh import PositioningRefresh
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.bot.running_bot import deliver, running_bot
from perpkit.bot.watching.market_alerts import MarketAlerts
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.bot.watching.watch import Watch
from perpkit.market.credits import ignored
from perpkit.market.exchanges import facts_at
from perpkit.risk.targets import Target


class RunningParts(NoParts):
    """Creates the parts in `bot_start`; guard, booking and refresh then run by themselves.

    :param states: of the trades
    :param allowed: returns what may be added to an open trade
    :param refusals: records refused entries
    :param next_part: returns the part of a trade that is sold next, with its price
    :param only_unprotected: open entries end only because they are blocked, or their fills have
        been without a stop for too long; when else is the strategy's own business
    """

    def __init__(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        settings: Settings,
        states: TradeStates,
        allowed: Allowed,
        refusals: Refusals,
        next_part: Callable[[LocalTrade], Target | None] = lambda _trade: None,
        *,
        only_unprotected: bool = False,
    ) -> None:
        super().__init__()
        self._only_unprotected = only_unprotected
        self._next_part = next_part
        self._decided = refusals.decided
        self._check: EntryGate | None = None
        self._entries: OpenEntries | None = None
        self._rests: Rests | None = None
        self._slippage: EntrySlippage | None = None
        self._delistings: Delistings | None = None
        self._guard: StopGuard | None = None
        self._last_look: LastLook | None = None
        self._booking: Booking | None = None
        self._alerts: MarketAlerts | None = None
        self._latch: StopLatch | None = None
        self._fleet = FleetMember(config)
        self._crash_loop: CrashLoop | None = None
        self._performance: PerformanceWatch | None = None
        self._needs_verdict = False
        self._watch: Watch | None = None
        self._settings = settings
        self._refresh: PositioningRefresh | None = None
        self._bot: Any = None
        self._state: StateWriter | None = None
        if not is_trading(config):
            return
        bot, feed = running_bot(dp), feed_for(config, dp)
        self._state = StateWriter(bot, states, account_for(config, feed, dp, bot.wallets))
        try:
            self._start(config, dp, settings, states, allowed, refusals)
            self._report(refusals)
        finally:  # outermost, the last one too, even if not all parts were created
            self._state.start()
            EndingSignals(bot)

    def awaits_positioning(self, pair: str) -> bool:
        return self._refresh is not None and self._refresh.awaits(pair)

    def _start(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        settings: Settings,
        states: TradeStates,
        allowed: Allowed,
        refusals: Refusals,
    ) -> None:
        self._bot = bot = running_bot(dp)
        facts = facts_at(bot.exchange)
        if not facts.keeps_orders:
            self.unknown_exchange = bot.exchange.id
        known = self.unknown_exchange is None
        self.guarded = known and not config["dry_run"] and settings.use.guard
        wrong = None
        refuse_garbled(bot)
        if known:
            SharedBalance(bot)
            wrong = wrong_account(bot)
            traffic = Traffic(bot, live=not config["dry_run"])
            self.report("requests", traffic.report)
        self._latch = latch = StopLatch(config, refusals)
        check_additions(bot, allowed, refusals)
        self.lock = share_trades(bot, refusals)
        note_ended_entries(bot, self._decided)
        books, partial = FreshBooks(dp, settings.entry.max_book_age_seconds), settings.partial
        self._slippage = EntrySlippage(live=not config["dry_run"])
        if settings.use.book:
            self._check = EntryGate(books, settings.entry, self._slippage)
        self._entries = entries = OpenEntries(
            config,
            bot,
            books,
            partial,
            states,
            decided=self._decided,
            only_unprotected=self._only_unprotected,
        )
        self._rests = Rests(books, partial.max_move, states)
        if settings.use.refresh:
            self._refresh = PositioningRefresh(config, dp.current_whitelist, period="1h")
            self._refresh.start()
        if settings.use.alerts:
            self._alerts = MarketAlerts(config, dp, settings.alerts)
        if facts.ends:
            self._delistings = Delistings(bot, states, settings.guard)

        def take_charge(opened: Opened | None) -> None:
            note_what_trades(config, bot.strategy)
            latch.take_charge(bot)
            if opened is not None:
                limit = partial.max_unprotected_seconds
                journal = opened.journal
                # A journal in memory would leave them to the next start as another bot's.
                rest = settings.use.targets and opened.reason is None
                wanted = WantedTargets(bot.strategy, self._next_part if rest else None)
                self._guard = StopGuard(dp, entries, states, limit, settings.guard, journal, wanted)
                self._last_look = LastLook(bot.exchange)
                self._booking = Booking(dp)
            ForcedExits(bot)
            # Last, so that it cancels open orders before an exit is measured and split.
            if self._guard is None:
                leave_at_market(bot, _never, _never)
            else:
                leave_at_market(bot, self._guard.is_foreign, self._guard.rests_at_the_bound)

        def resume(opened: Opened | None) -> None:
            take_charge(opened)
            self._follow_active(datetime.now(UTC))

        self.obstacles = Obstacles(bot, config, self.guarded, resume)
        if wrong is not None:
            self.obstacles.reasons[CREDITS_MODE] = str(wrong)
            if self.guarded and ignored(config) is None:  # the guard compares with the account
                self.obstacles.followed.add(CREDITS_MODE)
        if latch.wrong:
            self.obstacles.reasons[NAME] = latch.wrong
        if self._fleet.wrong:
            self.obstacles.reasons[FLEET] = self._fleet.wrong
        gate = GoLiveGate(config, bot.strategy)
        if gate.reason is not None:
            self.obstacles.reasons[GOLIVE] = gate.reason
        unbooked = settings.use.targets and not config["dry_run"] and not self.guarded
        self.parts_off = (*((OFF,) if gate.off else ()), *((NO_TARGETS,) if unbooked else ()))
        self._needs_verdict = gate.asked and not gate.off
        if self.obstacles.passive is None:
            take_charge(self.obstacles.opened)
        around(bot, "bot.process_stopped", self._stopped_cycle)
        SameRates(bot)  # it protects nothing, and comes after what does
        name_slow_cycles(bot)

    def _stopped_cycle(self, process: Callable[[], None]) -> None:
        """Sends queued messages in a stopped bot, too."""
        process()
        deliver(self._bot)

    def close(self) -> None:
        """Releases files when the bot ends or is created again; records an error that ends it."""
        if self._crash_loop is not None:
            self._crash_loop.end(sys.exc_info()[1])
        if self.obstacles is not None:
            self.obstacles.close()

    def _report(self, refusals: Refusals) -> None:
        """Adds the parts of the state file."""
        self.report("refusals", lambda _now: state_parts.refusals(refusals))
        if (latch := self._latch) is not None:
            self.report("latch", lambda _now: state_parts.latch(latch.path, latch.read()))
        if (slippage := self._slippage) is not None:
            self.report("slippage", lambda _now: state_parts.slippage(slippage.record))
        # The guard is looked up at each report: a passive bot may get one later.
        self.report("failing", lambda now: state_parts.failing(self._guard, now))
        self.report("reconciliation", lambda _now: state_parts.reconciliation(self._guard))
        self.report("journal", lambda _now: state_parts.journal(self.obstacles, self._guard))
        self.report("passive", lambda _now: self.obstacles and self.obstacles.passive)
        if self._state is not None:
            self._state.positions.seen = lambda now: self._guard.seen(now) if self._guard else ()

    def report(self, name: str, report: Report) -> None:
        """Adds a part to the state file of a running bot."""
        if self._state is not None:
            self._state.add(name, report)

    def follow(self, watch: Watch, now: datetime) -> None:
        """Starts restricting the watch by the stop latch, crash loops and the performance."""
        if self._latch is None:
            return
        if self._state is not None:
            self._state.account.highest_profit = watch.highest_profit
        self._watch = watch
        self._latch.follow(watch)
        self._fleet.follow(watch)
        if self.obstacles is not None and self.obstacles.passive is None:
            self._follow_active(now)

    def _follow_active(self, now: datetime) -> None:
        """Starts what restricts only a bot that acts: at its start, or when it is adopted."""
        if self._latch is None or self._watch is None:  # the layer has not started: no entries
            return
        self._latch.step(now)
        self._crash_loop = CrashLoop(self._bot, self._watch, now)
        if self._settings.use.performance:
            self._performance = self._monitor(self._watch, now)

    def _monitor(self, watch: Watch, now: datetime) -> PerformanceWatch:
        bot = self._bot
        config, dp = bot.config, bot.dataprovider
        account = account_for(config, feed_for(config, dp), dp, bot.wallets)
        limits, loud = self._settings.performance, self._needs_verdict
        return PerformanceWatch(bot, watch, account, limits, now, loud=loud)

    def latched(self) -> Why | None:
        """Returns why the operator has stopped all entries; None if the stop latch is clear."""
        return self._latch.refusal() if self._latch is not None else None

    def step(self, now: datetime) -> None:
        """Runs the parts that work once per loop; those that guard positions first."""
        if self._delistings is not None:
            self._delistings.step(now)
        if self._booking is not None:
            self._booking.step(now)
        if self._alerts is not None:
            self._alerts.step(now)
        if self._performance is not None:
            self._performance.step(now)
        self._fleet.step(now)

    def refusal(
        self, pair: str, side: str, amount: float, now: datetime, columns: CandleColumns | None
    ) -> Why | None:
        """Returns why this entry must not be made now, or None.

        :param columns: analysed candles of the pair, with `close` and `vol_1h`
        """
        if self.obstacles is not None and self.obstacles.passive is not None:
            return Why(RefusalKind.PASSIVE, self.obstacles.passive)
        if self._guard is not None and (unknown := self._guard.refusal(pair)):
            return Why(
                RefusalKind.JOURNAL if self._guard.journal_failure else RefusalKind.EXCHANGE,
                unknown,
            )
        if self._delistings is not None and (ends := self._delistings.refusal(pair)):
            return Why(RefusalKind.EXCHANGE, ends)
        if self._check is not None:
            close, vol_1h = (columns.at(n, now) if columns else nan for n in ("close", "vol_1h"))
            against = self._check.refusal(
                pair, side, amount, now, signal_price=close, vol_1h=vol_1h
            )
            if against:
                return Why(RefusalKind.BOOK, against)
        if against_fleet := self._fleet.refusal(pair, now):  # otherwise it claims the pair
            return against_fleet
        if self._last_look is not None and (held := self._last_look.refusal(pair)):
            return Why(RefusalKind.EXCHANGE, held)
        return None

    def entry_price(self, pair: str, proposed: float, tag: str | None) -> float:
        """Returns the price of an entry, for `custom_entry_price`."""
        if self._rests is None or tag != REST:
            return proposed
        return self._rests.price(pair, proposed)

    def entry_timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None
    ) -> bool:
        """Whether the order must end and its fills be kept, for `check_entry_timeout`.

        :param blocked: why entries are blocked, or None
        """
        if self._entries is None:
            return blocked is not None
        if self._guard is not None:
            blocked = blocked or self._guard.withdrawal(trade.pair)
        if self._delistings is not None:
            blocked = blocked or self._delistings.refusal(trade.pair)
        return self._entries.timed_out(trade, order, now, blocked)

    def rest_stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """Returns the order for the rest of a nearly filled entry, for `adjust_trade_position`."""
        if self._rests is None:
            return None
        return self._rests.stake(trade, now, min_stake)

    def order_filled(self, trade: Trade, order: Order) -> None:
        self._decided.filled(trade, order, datetime.now(UTC))
        if self._entries is not None and self._slippage is not None:
            self._entries.filled(order)
            self._slippage.filled(trade, order)


def _never(_: LocalTrade) -> bool:
    return False
