"""Keeps the targets of open trades at the exchange, beside their stops.

The stop never waits for a target: it covers the whole position until the database has less. A
target is booked before anything is decided about its trade: before stops are checked, before a stop
that has triggered is booked, and before an exit is sent, which cancels it first. Only the exit that
the targets themselves are is left to them, as long as they rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ccxt
from freqtrade.exceptions import DependencyException, ExchangeError, PricingError, TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Trade

from perpkit.bot.live.held import DUST
from perpkit.bot.live.left_exits import LeftExits, tags_of
from perpkit.bot.live.order_purposes import meaning_of
from perpkit.bot.live.price_band import on_tick, refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_orders import StopOrders
from perpkit.bot.live.stored_orders import open_trade
from perpkit.bot.live.target_orders import TargetOrders
from perpkit.bot.live.trying import Trying
from perpkit.bot.live.wanted_targets import WantedTargets
from perpkit.bot.positions.stop_keeper import step_of
from perpkit.bot.running_bot import message_of
from perpkit.durations import MINUTE
from perpkit.execution.refusals import CANNOT_REDUCE
from perpkit.record.journal import JournalEntry, Outcome
from perpkit.record.order_ids import Purpose
from perpkit.risk.targets import Target

logger = logging.getLogger(__name__)

# A target is moved if its price differs by more: funding changes it by less, all the time.
_SAME_PRICE = 5e-4
# The pause after a target was refused, or cut by the exchange.
_AGAIN = MINUTE


class TargetKeeper:
    """Keeps targets; made once for a running live bot.

    :param wanted: which targets a trade should have
    :param is_foreign: whether the exchange holds more than a trade on its side of the pair
    """

    def __init__(
        self,
        bot: Any,
        orders: TargetOrders,
        wanted: WantedTargets,
        stop_orders: StopOrders,
        is_foreign: Callable[[Trade], bool],
        trying: Trying,
    ) -> None:
        self._bot = bot
        self._orders = orders
        self._wanted = wanted
        self._stop_orders = stop_orders
        self._is_foreign = is_foreign
        self._trying = trying
        self._left = LeftExits(orders)
        self._refused: dict[str, datetime] = {}
        self._filled: set[str] = set()  # pairs with a fill that was booked in this cycle
        self._placing = True
        self._fetch_stop = replace(bot, "exchange.fetch_stoploss_order", self.fetch_stoploss_order)
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)
        self._send = replace(bot, "exchange.create_order", self.create_order)

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        for entry in self._orders.open(pair):
            if self._orders.trade_of(entry.intent) is None:
                return "a target of an earlier trade may still be at the exchange"
        return None

    def book(self) -> None:
        """Looks at all targets, and books those that have filled. Never raises."""
        self._orders.forget()
        self._filled.clear()
        reached = True
        for entry in self._orders.open():
            with self._trying(f"Looking at the target {entry.intent.client_id}"):
                try:
                    if not self._follow(entry):
                        self._filled.add(entry.intent.pair)
                except TemporaryError as error:
                    if isinstance(error.__cause__, ccxt.NetworkError):
                        reached = False
                    raise
            if not reached:
                return  # no attempt for the others

    def keep(self, *, place: bool = True) -> None:
        """Cancels targets that are not wanted, and places those that are. Never raises.

        :param place: False in a stopped bot, which only cancels
        """
        self._placing = place
        for entry in self._orders.open():
            if self._orders.trade_of(entry.intent) is None:
                with self._trying(f"Ending the target {entry.intent.client_id}"):
                    self._orders.end(entry)
        for trade in Trade.get_open_trades():
            with self._trying(f"Keeping the targets of {trade.pair}"):
                self._keep(trade, datetime.now(UTC), place=place)

    def fetch_stoploss_order(self, order_id: str, pair: str, *args: Any, **how: Any) -> CcxtOrder:
        """Replaces Freqtrade's method; before it returns a stop that has filled, the targets of the
        pair are booked, which may have filled before.

        Else the stop would not close the trade, although Freqtrade reports that it has, and the
        trade would end later with the reason of the target.

        :raises TemporaryError: a target cannot be looked up, so that the stop is booked later
        """
        found: CcxtOrder = self._fetch_stop(order_id, pair, *args, **how)
        if found.get("filled") and found["status"] != "open" and self._orders.open(pair):
            with self._bot._exit_lock:
                for entry in self._orders.open(pair):
                    self._follow(entry)
        return found

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Replaces Freqtrade's method; cancels the targets first, so that both together never sell
        more than the position. An exit that they are is left to them.

        An exit is not held back by a target that cannot be cancelled: both are reduce-only, and the
        exchange may take it or refuse it. It is smaller where the exchange holds more than the
        trade, and reduce-only does not bound it.
        """
        amount, part = trade.amount, how.get("sub_trade_amt")
        tags = tags_of(exit_check, how.get("exit_tag"))
        if tags and self._is_left(trade, limit, part or amount, tags):
            return False
        left = self.withdraw(trade)
        if not trade.is_open:
            return True
        if part and (sold := amount - trade.amount) > DUST:
            part = how["sub_trade_amt"] = part - sold  # decided before that was known
        if left and self._is_foreign(trade) and (theirs := self._unbooked(left)) > DUST:
            part = how["sub_trade_amt"] = min(part or trade.amount, trade.amount - theirs)
        if part is not None and part <= DUST:
            return False
        placed: bool = self._exit(trade, limit, exit_check, **how)
        return placed

    def _is_left(self, trade: Trade, limit: float, amount: float, tags: tuple[str, ...]) -> bool:
        """Whether an exit is left to its targets; what goes wrong here holds no exit back."""
        left = False
        with self._trying(f"Leaving an exit of {trade.pair} to its targets"):
            # An exit of the bot ends an addition that is open, which a target does not.
            if not trade.has_open_orders and not self._is_foreign(trade):
                if trade.pair in self._filled:  # what a fill in part has left is to rest again
                    with self._trying(f"Keeping the targets of {trade.pair}"):
                        self._keep(trade, datetime.now(UTC), place=self._placing)
                left = self._left.is_left(trade, limit, amount, tags)
        return left

    def create_order(self, **order: Any) -> CcxtOrder:
        """Replaces Freqtrade's method; an exit that is refused while targets rest is sent again
        once they are cancelled.

        They rest because a cancellation has failed before, or beside the rest of a split exit.

        :raises ExchangeError: the refusal, if a target still rests, or has sold something: then the
            exit is too large, and the next cycle decides on it
        """
        pair = order["pair"]
        try:
            return self._send(**order)
        except ExchangeError as error:
            purpose = meaning_of(stop=False, reduce_only=bool(order.get("reduceOnly"))).purpose
            if refusal_code(error) not in CANNOT_REDUCE or purpose is Purpose.TARGET:
                raise
            if not self._makes_room(pair):
                raise
            logger.warning(
                f"{pair}: an exit was refused while targets rested ({message_of(error)}). They are "
                "cancelled, and it is sent again."
            )
        return self._send(**order)

    def _makes_room(self, pair: str) -> bool:
        """Cancels the targets of a pair; returns whether all are gone and had no fill."""
        trade, before = open_trade(pair), _amount_of(pair)
        if trade is None or not self._orders.open(pair):
            return False
        return not self.withdraw(trade) and _amount_of(pair) == before

    def withdraw(self, trade: Trade) -> list[JournalEntry]:
        """Cancels and books the targets of a trade, if it can; returns the others."""
        left = []
        for entry in self._orders.open(trade.pair):
            try:
                self._end(entry)
            except Exception as error:  # whatever it is, the exit must go on
                logger.warning(f"A target may still be there: {message_of(error)}")
                left.append(entry)
        return left

    def _unbooked(self, left: list[JournalEntry]) -> float:
        return sum((self._orders.unbooked(entry.intent) for entry in left), 0.0)

    def _keep(self, trade: Trade, now: datetime, *, place: bool) -> None:
        leaving = any(order.ft_order_side == trade.exit_side for order in trade.open_orders)
        if not trade.has_open_position or self._stop_orders.waits(trade):
            return
        if trade.has_open_orders and not leaving:
            return  # its amount is about to change
        # Beside more of the trader's, reduce-only bounds neither the stop nor the targets.
        alone = not self._is_foreign(trade)
        whole = alone and abs(self._stop_orders.there(trade) - trade.amount) <= DUST
        wanted = [] if leaving or not whole else list(self._wanted.of(trade, now))
        for entry in self._orders.open(trade.pair):
            fitting = next(
                (target for target in wanted if self._fits(entry, target, trade, now)), None
            )
            if fitting is not None:
                wanted.remove(fitting)
            elif not self._end(entry):
                return  # its fill has changed the trade
        if any(entry.outcome is Outcome.SENT for entry in self._orders.open(trade.pair)):
            return  # a second one might be one too many
        paused = now - self._refused.get(trade.pair, now - _AGAIN) < _AGAIN
        if wanted and place and not paused:
            self._place(trade, wanted, now)

    def _place(self, trade: Trade, wanted: list[Target], now: datetime) -> None:
        """Places those that would rest: where the price is there already, the bot decides."""
        way = -1 if trade.is_short else 1
        try:
            rate = self._taken_at(trade)
            for target in wanted:
                if way * (target.price - rate) > 0:
                    self._orders.place(trade, target)
        except DependencyException:
            self._refused[trade.pair] = now
            raise

    def _taken_at(self, trade: Trade) -> float:
        """Returns the price at which an exit would be filled at once, which need not be the bot's
        own rate; raises Freqtrade's errors."""
        book = self._bot.exchange.fetch_l2_order_book(trade.pair, 1)
        orders = book["asks" if trade.is_short else "bids"]
        if not orders:
            raise PricingError(f"no order in the book would take an exit of {trade.pair}")
        price: float = orders[0][0]
        return price

    def _fits(self, entry: JournalEntry, target: Target, trade: Trade, now: datetime) -> bool:
        intent = entry.intent
        price, amount = intent.price or 0.0, self._orders.amount(intent)
        if now - datetime.fromtimestamp(intent.at / 1000, UTC) >= _AGAIN:
            amount = self._orders.resting(intent) or amount  # there may be room again
        wanted = on_tick(self._bot.exchange, trade.pair, target.price, trade.exit_side)
        return (
            intent.side == trade.exit_side
            and abs(price - wanted) <= _SAME_PRICE * wanted
            and abs(amount - target.amount) < step_of(trade) / 2
        )

    def _follow(self, entry: JournalEntry) -> bool:
        """Looks at a target; returns whether it had no fill that could be booked."""
        return self._and_fit(entry, self._orders.follow)

    def _end(self, entry: JournalEntry) -> bool:
        """Cancels a target; returns whether it had no fill."""
        return self._and_fit(entry, self._orders.end)

    def _and_fit(self, entry: JournalEntry, act: Callable[[JournalEntry], None]) -> bool:
        """Acts on a target; if that books a fill, makes the stop smaller and returns False."""
        pair = entry.intent.pair
        before = _amount_of(pair)
        act(entry)
        if _amount_of(pair) == before:
            return True
        trade = open_trade(pair)
        if trade is not None:
            with self._trying(f"Fitting the stop of {pair} to its position"):
                self._stop_orders.fit(trade)
        return False


def _amount_of(pair: str) -> float:
    trade = open_trade(pair)
    return trade.amount if trade is not None else 0.0
