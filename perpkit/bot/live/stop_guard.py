"""Keeps every position from being without a stop for more than a few seconds, in live mode.

Freqtrade places stops towards the end of its cycle; a failed request ends a cycle early and delays
the next one by half a minute. The guard checks before and after every cycle, and when one has
failed. It uses Freqtrade's functions, makes no request while the database shows a stop for every
position, and compares the database with the exchange once a minute. It needs no confirmation and
refuses no exit; it refuses entries only, while something is unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exceptions import DDosProtection, TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.absent import Absent
from perpkit.bot.live.account_settings import AccountSettings
from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.ended_contracts import EndedContracts
from perpkit.bot.live.exits_beside import ExitsBeside
from perpkit.bot.live.failed_cycles import FailedCycles
from perpkit.bot.live.fills import Fills
from perpkit.bot.live.forgotten import Forgotten
from perpkit.bot.live.fresh_markets import FreshMarkets
from perpkit.bot.live.handed_over import HandedOverPositions
from perpkit.bot.live.held import CcxtPosition
from perpkit.bot.live.intents import Intents
from perpkit.bot.live.last_orders import LastOrders
from perpkit.bot.live.market_exits import MarketExits
from perpkit.bot.live.open_entries import OpenEntries
from perpkit.bot.live.order_purposes import OrderPurposes
from perpkit.bot.live.outlived_orders import OutlivedOrders
from perpkit.bot.live.reconciliation import OUT_OF_SIGHT, Reconciliation
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.settlement import Settlement
from perpkit.bot.live.stop_orders import StopOrders
from perpkit.bot.live.stop_policy import StopPolicy
from perpkit.bot.live.stops_at_start import StopsAtStart
from perpkit.bot.live.stored_orders import is_stored
from perpkit.bot.live.target_keeper import TargetKeeper
from perpkit.bot.live.target_orders import TargetOrders
from perpkit.bot.live.trying import FailingStep, Trying
from perpkit.bot.live.unbooked_fills import UnbookedFills
from perpkit.bot.live.wanted_targets import WantedTargets
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import message_of, running_bot
from perpkit.execution.guarding import GuardRule
from perpkit.record.journal import Journal, JournalError

logger = logging.getLogger(__name__)

# Interval between comparisons with the exchange, so that a difference is corrected within a
# minute; the shorter one applies while something is unclear.
COMPARE_EVERY = timedelta(seconds=55)
AGAIN_AFTER = timedelta(seconds=3)  # snapshots may lag behind actions


class StopGuard:
    """Guards a live bot; made in `bot_start`, then it runs by itself.

    :param entries: checks open entries
    :param states: of the trades
    :param max_unprotected_seconds: limit for a position without a stop, then it is closed
    :param journal: as it was found; the start of this process is recorded in it
    :param wanted: targets at the exchange
    """

    def __init__(
        self,
        dp: DataProvider,
        entries: OpenEntries,
        states: TradeStates,
        max_unprotected_seconds: float,
        rule: GuardRule,
        journal: Journal,
        wanted: WantedTargets,
    ) -> None:
        self._bot: Any = running_bot(dp)
        self._exchange: Any = self._bot.exchange
        self._entries = entries
        self._settings = AccountSettings(self._bot)
        self._ended_contracts = EndedContracts(self._bot)
        OrderPurposes(self._bot)  # first, so that every order passes it
        FreshMarkets(self._bot)
        journal.begin(str(self._bot.config.get("strategy", "")), self._exchange._api.milliseconds())
        self._intents = Intents(self._bot, journal)
        self._sent = SentOrders(self._bot, self._intents, is_stored)
        self._settlement = Settlement(self._bot, self._sent)
        self._exits = MarketExits(self._bot, self._intents)
        self._absent = Absent(self._bot)
        self._stop_orders = StopOrders(self._bot, self._intents, self._absent)
        closed = ClosedOutside(self._bot, self._sent.whose, self._reason_of)
        targets = TargetOrders(self._bot, self._sent, closed)
        self._reconciliation = self._make_reconciliation(closed, targets, rule.stop_after_delete)
        self._trying = Trying()  # the cycle must continue
        self._unbooked = UnbookedFills(self._bot, closed, self._trying)
        self._targets = TargetKeeper(
            self._bot,
            targets,
            wanted,
            self._stop_orders,
            self._reconciliation.is_foreign,
            self._trying,
        )
        closing = ClosingFills(self._bot, self._trying)
        self._beside = ExitsBeside(
            self._bot,
            self._sent,
            self._exits,
            closing,
            self._reconciliation.is_foreign,
            self._reconciliation.is_surely_foreign,
            self._trying,
        )
        self._stops = StopPolicy(
            self._bot,
            states,
            entries,
            self._exits,
            self._stop_orders,
            self._settlement,
            max_unprotected_seconds,
            self._trying,
        )
        self._last_orders = LastOrders(
            self._bot, self._intents, self._settlement, self._targets, closing
        )
        self._fills = Fills(self._bot, self._stops, closing, self._trying)
        self._outlived = OutlivedOrders(self._bot, self._stop_orders, closing, self._trying)
        self._compared_at: datetime | None = None
        self._ended_at: datetime | None = None
        StopsAtStart(self._bot, closed, self._trying)
        self._failed = FailedCycles(self._bot)
        self._take_over()

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        if failure := self._intents.failure:
            return f"the order journal cannot be written: {failure}"
        return (
            self._settlement.refusal(pair)
            or self._outlived.refusal(pair)
            or self._targets.refusal(pair)
            or self._reconciliation.refusal(pair)
            or self._settings.refusal(pair)
            or self._stops.refusal(pair)
        )

    def withdrawal(self, pair: str) -> str | None:
        """Returns why an open entry in this pair must end, or None."""
        return self._settings.difference(pair) or self._reconciliation.withdrawal(pair)

    def is_foreign(self, trade: Trade) -> bool:
        """Whether the exchange holds more than the trade on its side of the pair."""
        return self._reconciliation.is_foreign(trade)

    def rests_at_the_bound(self, trade: Trade) -> bool:
        """Whether an exit rests at the worst price that the exchange allows; what goes wrong here
        holds no exit back."""
        rests = False
        with self._trying(f"Looking at the exit of {trade.pair}"):
            rests = self._exits.rests_at_the_bound(trade)
        return rests

    @property
    def refused(self) -> dict[str, str] | None:
        """Reasons by pair without entries, `*` for all pairs; None before the first comparison."""
        positions, settings = self._reconciliation.refused, self._settings.refused
        if positions is None or settings is None:
            return None
        return settings | positions  # same precedence as in `refusal`

    @property
    def journal_failure(self) -> str | None:
        """Why the order journal cannot be written, or None."""
        return self._intents.failure

    @property
    def unanswered(self) -> int:
        """Number of orders that are open in the journal, without targets that rest."""
        return sum(not entry.rests for entry in self._intents.open())

    def seen(self, now: datetime) -> Sequence[CcxtPosition]:
        """Returns the account's positions at the exchange; none without a recent comparison."""
        return self._reconciliation.seen(now)

    def failing(self, now: datetime) -> list[FailingStep]:
        """Returns the steps that currently fail."""
        return self._trying.failing(now) + self._reconciliation.failing(now)

    def _make_reconciliation(
        self, closed: ClosedOutside, targets: TargetOrders, keep_stop: bool
    ) -> Reconciliation:
        bot, sent = self._bot, self._sent
        Forgotten(bot)
        handed_over = HandedOverPositions(
            bot,
            self._intents,
            keep_stop=keep_stop,
            end_orders=lambda trade: self._last_orders.end(trade),
        )
        settlement = self._settlement
        return Reconciliation(bot, sent, settlement, self._absent, handed_over, closed, targets)

    def _reason_of(self, client_id: str) -> str | None:
        """Returns why an order was sent, or None if the journal does not have it."""
        try:
            entry = self._intents.journal.find(client_id)
        except JournalError as error:
            logger.warning(f"The reason of order {client_id} is not available: {error}")
            return None
        return None if entry is None else entry.intent.tag

    def _take_over(self) -> None:
        """Wraps the cycles of a running and of a stopped bot."""
        bot = self._bot
        self._process = replace(bot, "bot.process", self._cycle)
        self._process_stopped = replace(bot, "bot.process_stopped", self._stopped_cycle)
        bot._exit_lock.on_release = self._sent.book

    def _cycle(self) -> None:
        try:
            self._begin()
            self._process()
            self._end()
        except Exception as error:
            again = self._failed.failed(error, datetime.now(UTC))
            if again is None:
                raise
            if not self._next_at_once(error):
                if again is error:
                    raise
                raise again from error
            logger.warning(
                f"A cycle ended early, the next one follows at once: {message_of(error)}"
            )
        else:
            self._failed.succeeded()

    def _next_at_once(self, error: Exception) -> bool:
        """Handles what cannot wait; returns whether the next cycle must skip Freqtrade's pause."""
        bot = self._bot
        with self._trying("Managing open positions after an error"):
            with self._trying("Checking entries"), bot._exit_lock:
                if self._open_entries():
                    bot.manage_open_orders()
            # A cycle that fails does not reach its end, where they are looked for otherwise.
            self._outlived.cancel()
            self._protect_all()
            # A ban grows longer with every request.
            if isinstance(error, DDosProtection):
                return False
            with bot._exit_lock:
                unsafe = bool(self._open_entries()) or self._stops.has_bare()
            self._compare()
            if unsafe:
                return True
        # An error that is no outage may be over already, and may have come before an exit.
        return self._failed.is_first and not isinstance(error, TemporaryError)

    def _stopped_cycle(self) -> None:
        """Runs the cycle of a stopped bot, which does not check entries: they end, stops stay."""
        try:
            self._begin()
            self._process_stopped()
            self._end(stopped=True)
        except Exception as error:  # which Freqtrade does not expect here
            self._failed.report(error, datetime.now(UTC))

    def _begin(self) -> None:
        """Runs the steps that must not wait for the cycle."""
        now = datetime.now(UTC)
        self._entries.begin_cycle(now)
        self._intents.catch_up()
        with self._bot._exit_lock:
            for trade in self._open_entries():
                with self._trying(f"Ending an entry for {trade.pair} that cannot be checked"):
                    self._entries.end_unseen(trade)
            with self._fills.balance_later():
                self._settlement.run()
                self._unbooked.book()
                self._targets.book()
        # A position with a stop at the exchange needs no other, and a closed one needs none.
        if self._is_out_of_sight(now) or self._absent.is_waiting:
            self._compare()
        self._protect_all()

    def _is_out_of_sight(self, now: datetime) -> bool:
        return self._compared_at is None or now - self._compared_at > OUT_OF_SIGHT

    def _end(self, *, stopped: bool = False) -> None:
        """Runs the steps that can wait until after the exits."""
        self._protect_all()
        with self._bot._exit_lock:
            self._beside.keep()
            self._targets.keep(place=not stopped)
        self._outlived.cancel()
        self._compare()

    def _compare(self) -> None:
        """Compares with the exchange once a minute, early enough that the next cycle fits in."""
        now = datetime.now(UTC)
        cycle, self._ended_at = now - (self._ended_at or now), now
        if self._compared_at is not None:
            soon = self._reconciliation.due_soon or self._sent.unanswered
            since = now - self._compared_at
            if since < AGAIN_AFTER if soon else since + cycle <= COMPARE_EVERY:
                return
        self._compared_at = now
        with self._trying("Comparing with the exchange"):
            self._reconciliation.compare(now)
            self._follow_positions()
        with self._trying("Comparing the settings of the account"):
            self._settings.compare()
        self._stops.catch_up()
        self._protect_all()

    def _follow_positions(self) -> None:
        positions = self._reconciliation.positions_seen
        with self._bot._exit_lock:
            self._settings.follow(positions)
        with self._trying("Booking what the exchange has settled"):
            self._ended_contracts.book({p["symbol"] for p in positions if p["contracts"]})

    def _protect_all(self) -> None:
        with self._bot._exit_lock:
            self._stops.protect_all()

    def _open_entries(self) -> list[Trade]:
        return [
            trade
            for trade in Trade.get_open_trades()
            if any(order.ft_order_side == trade.entry_side for order in trade.open_orders)
        ]
