"""Compares the database with the exchange, and acts on differences.

Freqtrade searches for a missing position only if its stop is missing at the exchange, too, and
never detects an unknown one. docs/reconciliation.md lists the differences and what is done about
them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from freqtrade.constants import CANCEL_REASON
from freqtrade.exceptions import ExchangeError
from freqtrade.persistence import Trade

from perpkit.bot.live.absent import Absent
from perpkit.bot.live.at_exchange import AtExchange, Resting, take_snapshot
from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.handed_over import HandedOverPositions
from perpkit.bot.live.held import DUST, NOTHING, CcxtPosition, held_of
from perpkit.bot.live.other_instance import OtherInstance
from perpkit.bot.live.positions_compared import Difference, Traded, compare
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.settlement import Settlement
from perpkit.bot.live.stops_compared import StopsCompared
from perpkit.bot.live.stored_orders import is_stored, open_trade
from perpkit.bot.live.target_orders import TargetOrders
from perpkit.bot.live.trying import FailingStep, Trying
from perpkit.bot.running_bot import message_of, warn
from perpkit.durations import MINUTE
from perpkit.record.journal import JournalError
from perpkit.record.whose import Whose

logger = logging.getLogger(__name__)

# How long ended orders that are not booked yet delay the comparison of their pair.
_MOVING = MINUTE
# A bot without a comparison for this long was suspended or disconnected: its knowledge is as old as
# after a restart.
OUT_OF_SIGHT = timedelta(minutes=2)
# Pause before orders that explain a missing position are searched for again.
_SEARCH_AGAIN = timedelta(minutes=10)


class Reconciliation:
    """Acts on a difference that is the same in two snapshots in a row.

    A snapshot may be older than a fill, and a stop may have triggered between its requests.

    :param absent: receives the missing parts of the trades
    """

    def __init__(
        self,
        bot: Any,
        sent: SentOrders,
        settlement: Settlement,
        absent: Absent,
        handed_over: HandedOverPositions,
        closed: ClosedOutside,
        targets: TargetOrders,
    ) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._sent = sent
        self._settlement = settlement
        self._absent = absent
        self._handed_over = handed_over
        self._closed = closed
        self._targets = targets
        self._stops = StopsCompared(bot, closed)
        self._others = OtherInstance(bot, is_stored)
        self._differ: dict[str, Difference] | None = None
        self._confirmed: dict[str, Difference] = {}  # by two snapshots in a row
        self._compared_at: datetime | None = None
        self._foreign: set[str] = set()  # reported pairs
        self._missing: dict[str, float] = {}  # no order explains it; reported
        self._searched: dict[str, datetime] = {}
        self._moving: dict[str, datetime] = {}
        self._resting: dict[str, Resting] = {}  # by id: orders of this bot, not in the database
        self._reported_resting: set[str] = set()
        self._trying = Trying()
        self._changed = False
        self.positions_seen: tuple[CcxtPosition, ...] = ()  # the latest, in ccxt's format
        replace(bot, "bot.handle_onexchange_order", self.handle_onexchange_order)

    @property
    def due_soon(self) -> bool:
        """Whether the next comparison must not wait for the full interval."""
        absent = self._absent
        return self._changed or self._stops.due_soon or absent.doubtful or absent.is_waiting

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        why = self._why(pair, self._differ or {})
        if why is None and self._differ is None:
            return "positions have not been compared with the exchange's yet"
        return why

    def withdrawal(self, pair: str) -> str | None:
        """Returns why an open entry in this pair must end, or None: its fills would be netted with
        what the trader holds. A single snapshot may take a fill of it for that."""
        return None if self._differ is None else self._why(pair, self._confirmed)

    def _why(self, pair: str, differ: Mapping[str, Difference]) -> str | None:
        if (others := self._others.refusal()) is not None:
            return others
        if (handed := self._handed_over.refusal(pair)) is not None:
            return handed
        if pair in differ:
            return differ[pair].text
        resting = [order.id for order in self._resting.values() if order.pair == pair]
        return f"unknown order {resting[0]} of this bot is open in the book" if resting else None

    @property
    def refused(self) -> dict[str, str] | None:
        """Reasons by pair without entries; None before the first comparison."""
        if self._differ is None:
            return None
        resting = (order.pair for order in self._resting.values())
        pairs = sorted({*self._differ, *self._handed_over.pairs, *resting})
        return {pair: self.refusal(pair) or "" for pair in pairs}

    def is_foreign(self, trade: Trade) -> bool:
        """Whether the latest snapshot shows more than the trade on its side of the pair."""
        return _holds_more(self._differ or {}, trade)

    def is_surely_foreign(self, trade: Trade) -> bool:
        """Whether the two latest snapshots show that, and the same amount."""
        return _holds_more(self._confirmed, trade)

    def seen(self, now: datetime) -> tuple[CcxtPosition, ...]:
        """Returns the latest positions; none if they are older than `OUT_OF_SIGHT`."""
        old = self._compared_at is None or now - self._compared_at > OUT_OF_SIGHT
        return () if old else self.positions_seen

    def failing(self, now: datetime) -> list[FailingStep]:
        """Returns the steps that currently fail."""
        parts = (self._trying, self._stops.trying, self._handed_over.trying)
        return [each for part in parts for each in part.failing(now)]

    def compare(self, now: datetime) -> None:
        """Compares once, by three requests (weight 85) or more. Raises Freqtrade's errors."""
        with self._bot._exit_lock:
            self._absent.doubtful = False
            seen = take_snapshot(self._exchange, self._whose)
            self.positions_seen = seen.positions
            self._others.update(seen)
            self._check_resting(seen)
            with self._trying("Cancelling targets that are not known"):
                self._targets.end_unknown(seen)
            self._stops.compare(seen, self._open_in_the_journal())
            self._handed_over.update(seen)
            trades = Trade.get_open_trades()
            found = compare(seen, {trade.pair: _traded(trade) for trade in trades})
            unseen = {trade.pair for trade in trades if _is_unseen(trade, seen)}
        before, self._differ = self._differ or {}, self._settled(found, now)
        unseen &= self._differ.keys()
        if self._compared_at is None or now - self._compared_at > OUT_OF_SIGHT:
            self._absent.wait(unseen, now)
        else:
            self._absent.keep_waiting(unseen)
        self._compared_at = now
        self._forget()
        self._confirmed = {p: each for p, each in self._differ.items() if before.get(p) == each}
        self._changed = self._confirmed.keys() != self._differ.keys()
        for pair, differs in self._confirmed.items():
            with self._trying(f"Comparing {pair} with the exchange"):
                self._settle(pair, differs, seen, now)
        self._absent.set(self._missing)

    def handle_onexchange_order(self, trade: Trade) -> bool:
        """Replaces Freqtrade's method; returns whether the trade was deleted.

        Freqtrade calls it if the position of a trade is too small, and for `/reload_trade`.
        """
        pair = trade.pair
        # The periodic comparison searches for the orders of these.
        if pair in self._absent or self._absent.waits(trade):
            return False
        try:
            for order in trade.open_orders:
                found = self._exchange.fetch_order(order.order_id, pair)
                self._bot.update_trade_state(trade, order.order_id, found)
            positions = held_of(self._exchange, self._exchange.fetch_positions(pair))
            held = positions.get(pair, NOTHING).of(trade.is_short)
            if not trade.amount and not held and _never_filled(trade):
                self._delete(trade)
                return True
            if trade.is_open and trade.amount - held > DUST:
                self._closed.book(trade, trade.amount - held)
        except ExchangeError as error:
            logger.warning(
                f"The orders that closed a part of {pair} cannot be found: {message_of(error)}"
            )
        return False

    def _delete(self, trade: Trade) -> None:
        logger.warning(f"{trade} has only cancelled entries: it is deleted.")
        self._bot._notify_enter_cancel(
            trade,
            order_type=self._bot.strategy.order_types["entry"],
            reason=CANCEL_REASON["FULLY_CANCELLED"],
        )
        trade.delete()

    def _whose(self, client_id: str | None, placed: int | None) -> Whose:
        """Returns the owner of an order; without a readable journal no order counts as this bot's.

        Stops are managed all the same.
        """
        try:
            return self._sent.whose(client_id, placed)
        except JournalError as error:
            logger.warning(f"The owner of order {client_id} is not known: {error}")
            return Whose.FOREIGN

    def _check_resting(self, seen: AtExchange) -> None:
        """Finds open orders of this bot that neither its database nor its journal expects; their
        fills would be positions without a trade."""
        before = self._resting
        intents = self._sent.intents
        targets = {entry.intent.client_id for entry in intents.targets()}
        unsettled = {entry.intent.pair for entry in intents.unsettled()}
        self._resting = {
            order.id: order
            for order in seen.orders
            if order.whose.may_be_cancelled
            and order.pair not in unsettled
            and order.client_id not in targets
            and not is_stored(order.pair, order.id)
        }
        for number, order in self._resting.items():
            if number in before and number not in self._reported_resting:
                self._reported_resting.add(number)
                warn(
                    self._bot,
                    f"{order.pair}: order {number} of this bot ({order.side} {order.amount:g}) "
                    "is open in the book, and the database does not know it. It is left alone, and "
                    "entries into this pair are refused while it exists.",
                )

    def _open_in_the_journal(self) -> set[str]:
        return {entry.order_id for entry in self._sent.intents.open() if entry.order_id}

    def _settled(self, found: Mapping[str, Difference], now: datetime) -> dict[str, Difference]:
        """Leaves out pairs whose orders have just ended, for a limited time."""
        moving = {pair for pair, differs in found.items() if differs.moving}
        self._moving = {pair: self._moving.get(pair, now) for pair in moving}
        return {
            pair: differs
            for pair, differs in found.items()
            if pair not in moving or now - self._moving[pair] >= _MOVING
        }

    def _forget(self) -> None:
        """Forgets what was reported about differences that no longer exist."""
        differ = self._differ or {}
        self._foreign = {pair for pair in self._foreign if pair in differ and differ[pair].foreign}
        self._missing = {
            pair: missing
            for pair, missing in self._missing.items()
            if pair in differ and differ[pair].missing == missing
        }
        self._searched = {pair: at for pair, at in self._searched.items() if pair in self._missing}

    def _settle(self, pair: str, differs: Difference, seen: AtExchange, now: datetime) -> None:
        if differs.missing:
            with self._bot._exit_lock:
                trade = open_trade(pair)  # another thread may have closed it
                if trade is not None:
                    self._find_closings(trade, differs.missing, seen, now)
        if differs.foreign and pair not in self._handed_over:
            self._check_foreign(pair, differs)

    def _find_closings(self, trade: Trade, missing: float, seen: AtExchange, now: datetime) -> None:
        pair = trade.pair
        if pair in self._searched and now - self._searched[pair] < _SEARCH_AGAIN:
            return
        logger.warning(f"{pair}: the exchange holds {missing:g} less than the database.")
        left = self._closed.book(trade, missing)
        if left <= DUST:
            self._changed = True
            return
        self._searched[pair] = now
        if pair in self._missing or left != missing:
            return
        self._missing[pair] = missing
        warn(
            self._bot,
            f"{pair}: trade {trade.id} has {trade.amount:g}, and the exchange holds "
            f"{seen.of(pair)} there; no order explains it. No stop and no exit is placed for the "
            f"missing part, and entries into this pair are refused. If it is closed for good, "
            f"/delete {trade.id} removes the trade.",
        )

    def _check_foreign(self, pair: str, differs: Difference) -> None:
        foreign = differs.foreign
        if (foreign.long - foreign.short) * self._settlement.explained.get(pair, 0.0) > 0:
            with self._bot._exit_lock:
                self._settlement.settle(pair)
            return
        if pair in self._foreign:
            return
        self._foreign.add(pair)
        with self._bot._exit_lock:
            trade = open_trade(pair)
        other = f" next to trade {trade.id}, which keeps its stop" if trade is not None else ""
        warn(
            self._bot,
            f"{pair}: the exchange holds {foreign} that the database does not know{other}; it may "
            "have no stop. Entries into this pair are refused until it is closed.",
        )


def _traded(trade: Trade) -> Traded:
    orders = frozenset(order.order_id for order in trade.open_orders)
    return Traded(trade.amount, trade.is_short, orders)


def _holds_more(differ: Mapping[str, Difference], trade: Trade) -> bool:
    differs = differ.get(trade.pair)
    return differs is not None and differs.foreign.of(trade.is_short) > DUST


def _is_unseen(trade: Trade, seen: AtExchange) -> bool:
    return trade.has_open_position and not seen.of(trade.pair).of(trade.is_short) > DUST


def _never_filled(trade: Trade) -> bool:
    return bool(trade.fully_canceled_entry_order_count == len(trade.orders))
