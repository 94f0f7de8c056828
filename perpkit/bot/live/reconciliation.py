"""The database and the exchange compared: what one of them has that the other does not know.

Freqtrade looks for a position that is gone only when it has no stop at the exchange either, and
never for one that it does not know. What is found, and what is done: docs/reconciliation.md.
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
from perpkit.bot.live.at_exchange import AtExchange, Resting, look
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
from perpkit.bot.live.trying import Failing, Trying
from perpkit.bot.live.unbooked_fills import UnbookedFills
from perpkit.bot.running_bot import warn, words
from perpkit.record.journal import JournalError
from perpkit.record.whose import Whose

logger = logging.getLogger(__name__)

# For which orders that have ended, and are not booked yet, keep a pair from being judged.
_MOVING = timedelta(minutes=1)
# A bot that has not looked for so long was stopped or cut off: what it knows is as old as after a
# restart.
OUT_OF_SIGHT = timedelta(minutes=2)
# Until orders are looked for again that explain why a position is smaller.
_SEARCH_AGAIN = timedelta(minutes=10)


class Reconciliation:
    """Positions are acted on when they differ in the same way at two looks in a row: the answer of
    the exchange may be older than a fill, and between two answers a stop may have triggered.

    :param absent: is set what the exchange does not hold of the trades
    """

    def __init__(
        self,
        bot: Any,
        sent: SentOrders,
        settlement: Settlement,
        absent: Absent,
        handed_over: HandedOverPositions,
        closed: ClosedOutside,
    ) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._sent = sent
        self._settlement = settlement
        self._absent = absent
        self._handed_over = handed_over
        self._closed = closed
        self._stops = StopsCompared(bot, closed)
        self._unbooked = UnbookedFills(bot, closed)
        self._others = OtherInstance(bot, is_stored)
        self._differ: dict[str, Difference] | None = None
        self._looked_at: datetime | None = None
        self._foreign: set[str] = set()  # has been said
        self._missing: dict[str, float] = {}  # no order explains it; has been said
        self._searched: dict[str, datetime] = {}
        self._moving: dict[str, datetime] = {}
        self._resting: dict[str, Resting] = {}  # of this bot, not in the database; by id
        self._said_resting: set[str] = set()
        self._trying = Trying()
        self._changed = False
        self.positions_seen: tuple[CcxtPosition, ...] = ()  # as ccxt gave them last
        replace(bot, "bot.handle_onexchange_order", self.handle_onexchange_order)

    @property
    def look_again(self) -> bool:
        """Whether the next comparison is not to wait for its time."""
        absent = self._absent
        return self._changed or self._stops.look_again or absent.doubtful or absent.waits_for_look

    def refusal(self, pair: str) -> str | None:
        """Why there is to be no entry in this pair, if there is a reason."""
        if (others := self._others.refusal()) is not None:
            return others
        if (handed := self._handed_over.refusal(pair)) is not None:
            return handed
        if self._differ is None:
            return "positions have not been compared with the exchange's yet"
        if pair in self._differ:
            return self._differ[pair].text
        resting = [order.id for order in self._resting.values() if order.pair == pair]
        return f"order {resting[0]} of this bot waits in the book, unknown" if resting else None

    @property
    def refused(self) -> dict[str, str] | None:
        """Pairs without entries, and why; None before the first comparison."""
        if self._differ is None:
            return None
        resting = (order.pair for order in self._resting.values())
        pairs = sorted({*self._differ, *self._handed_over.pairs, *resting})
        return {pair: self.refusal(pair) or "" for pair in pairs}

    def failing(self, now: datetime) -> list[Failing]:
        """What cannot be done at present."""
        parts = (self._trying, self._unbooked.trying, self._stops.trying, self._handed_over.trying)
        return [each for part in parts for each in part.failing(now)]

    def compare(self, now: datetime) -> None:
        """Raises what Freqtrade raises. Three requests (weight 85) where nothing differs."""
        with self._bot._exit_lock:
            self._absent.doubtful = False
            seen = look(self._exchange, self._whose)
            self.positions_seen = seen.positions
            self._others.look(seen)
            self._look_at_resting(seen)
            self._unbooked.book()
            self._stops.compare(seen, self._open_in_the_journal())
            self._handed_over.look(seen)
            trades = Trade.get_open_trades()
            found = compare(seen, {trade.pair: _traded(trade) for trade in trades})
            unseen = {trade.pair for trade in trades if _is_unseen(trade, seen)}
        before, self._differ = self._differ or {}, self._settled(found, now)
        unseen &= self._differ.keys()
        if self._looked_at is None or now - self._looked_at > OUT_OF_SIGHT:
            self._absent.wait(unseen, now)
        else:
            self._absent.seen_but(unseen)
        self._looked_at = now
        self._forget()
        self._changed = False
        for pair, differs in self._differ.items():
            if before.get(pair) != differs:
                self._changed = True
                continue
            with self._trying(f"Comparing {pair} with the exchange"):  # others need not wait
                self._settle(pair, differs, seen, now)
        self._absent.set(self._missing)

    def handle_onexchange_order(self, trade: Trade) -> bool:
        """In place of Freqtrade's, which calls it for a trade whose position is too small, and for
        `/reload_trade`; whether the trade was deleted."""
        pair = trade.pair
        # Looked for with every comparison, or with the next one.
        if pair in self._absent or self._absent.waits(trade):
            return False
        try:
            for order in trade.open_orders:
                told = self._exchange.fetch_order(order.order_id, pair)
                self._bot.update_trade_state(trade, order.order_id, told)
            positions = held_of(self._exchange, self._exchange.fetch_positions(pair))
            held = positions.get(pair, NOTHING).of(trade.is_short)
            if not trade.amount and not held and _never_filled(trade):
                self._delete(trade)
                return True
            if trade.is_open and trade.amount - held > DUST:
                self._closed.book(trade, trade.amount - held)
        except ExchangeError as error:
            logger.warning(f"What has closed a part of {pair} cannot be found: {words(error)}")
        return False

    def _delete(self, trade: Trade) -> None:
        logger.warning(f"{trade} has only entries that were cancelled: it is removed.")
        self._bot._notify_enter_cancel(
            trade,
            order_type=self._bot.strategy.order_types["entry"],
            reason=CANCEL_REASON["FULLY_CANCELLED"],
        )
        trade.delete()

    def _whose(self, client_id: str | None, placed: int | None) -> Whose:
        """While the journal cannot be read nothing is this bot's to cancel, and stops are looked
        after all the same."""
        try:
            return self._sent.whose(client_id, placed)
        except JournalError as error:
            logger.warning(f"Whose order {client_id} is cannot be looked up: {error}")
            return Whose.FOREIGN

    def _look_at_resting(self, seen: AtExchange) -> None:
        """Orders of this bot in the book that neither its database nor its journal waits for: they
        may open a position that has no trade."""
        before = self._resting
        unsettled = {entry.intent.pair for entry in self._sent.intents.open()}
        self._resting = {
            order.id: order
            for order in seen.orders
            if order.whose.may_be_cancelled
            and order.pair not in unsettled
            and not is_stored(order.pair, order.id)
        }
        for number, order in self._resting.items():
            if number in before and number not in self._said_resting:
                self._said_resting.add(number)
                warn(
                    self._bot,
                    f"{order.pair}: order {number} of this bot ({order.side} {order.amount:g}) "
                    "waits in the book, and the database does not know it. It is left alone, and "
                    "there is no entry into this pair while it is there.",
                )

    def _open_in_the_journal(self) -> set[str]:
        return {entry.order_id for entry in self._sent.intents.open() if entry.order_id}

    def _settled(self, found: Mapping[str, Difference], now: datetime) -> dict[str, Difference]:
        """Without the pairs in motion; an order that hangs for ever hides nothing for ever."""
        moving = {pair for pair, differs in found.items() if differs.moving}
        self._moving = {pair: self._moving.get(pair, now) for pair in moving}
        return {
            pair: differs
            for pair, differs in found.items()
            if pair not in moving or now - self._moving[pair] >= _MOVING
        }

    def _forget(self) -> None:
        """What was said of differences that are no more."""
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
                trade = open_trade(pair)  # another thread may have closed it since
                if trade is not None:
                    self._find_closings(trade, differs.missing, seen, now)
        if differs.foreign and pair not in self._handed_over:
            self._look_at_foreign(pair, differs)

    def _find_closings(self, trade: Trade, missing: float, seen: AtExchange, now: datetime) -> None:
        pair = trade.pair
        if pair in self._searched and now - self._searched[pair] < _SEARCH_AGAIN:
            return
        logger.warning(f"{pair}: the exchange holds {missing:g} less than the database says.")
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
            f"{pair}: trade {trade.id} is of {trade.amount:g}, and the exchange holds "
            f"{seen.of(pair)} there; no order explains it. No stop and no exit is placed for what "
            f"is not there, and there is no entry into this pair. Where it is gone for good, "
            f"/delete {trade.id} removes the trade.",
        )

    def _look_at_foreign(self, pair: str, differs: Difference) -> None:
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
        beside = f" beside trade {trade.id}, which keeps its stop" if trade is not None else ""
        warn(
            self._bot,
            f"{pair}: the exchange holds {foreign} that the database does not know{beside}; it may "
            "have no stop. There is no entry into this pair until it is gone.",
        )


def _traded(trade: Trade) -> Traded:
    orders = frozenset(order.order_id for order in trade.open_orders)
    return Traded(trade.amount, trade.is_short, orders)


def _is_unseen(trade: Trade, seen: AtExchange) -> bool:
    return trade.has_open_position and not seen.of(trade.pair).of(trade.is_short) > DUST


def _never_filled(trade: Trade) -> bool:
    return bool(trade.fully_canceled_entry_order_count == len(trade.orders))
