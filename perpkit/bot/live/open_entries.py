"""Entries that wait at the exchange: looked at every cycle, and ended when they are not wanted any
more, when what has filled of them is without a stop for too long, or when no look succeeds.

In dry-run and live; a backtest fills its orders whole.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan, nan
from typing import Any

from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.rests import REST
from perpkit.bot.positions.trades import Rest, TradeStates
from perpkit.bot.running_bot import stored, words
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.partial_entry import (
    Action,
    OpenEntry,
    PartialDecision,
    PartialLimits,
    decide,
)

logger = logging.getLogger(__name__)

# Freqtrade's process_throttle_secs where the configuration has none.
_THROTTLE_SECONDS = 5.0
# What a look and the orders after it may take on top of the interval between looks.
_REQUESTS_SECONDS = 1.0


@dataclass
class EntryLooks:
    """What is known of the looks at an entry.

    :param empty_at: of the last one without a fill
    :param due: it was open as this cycle began
    :param seen: it was looked at in this cycle
    :param missed: it was due in the cycle before, and not seen
    """

    empty_at: datetime | None = None
    due: bool = False
    seen: bool = False
    missed: bool = False


class OpenEntries:
    """:param bot: Freqtrade's
    :param limits: of entries that are open
    :param states: of the trades
    """

    def __init__(
        self,
        config: dict[str, Any],
        bot: Any,
        books: FreshBooks,
        limits: PartialLimits,
        states: TradeStates,
    ) -> None:
        self._bot = bot
        self._books = books
        self._live = not config["dry_run"]
        self._limits = limits
        self._states = states
        self._adjusts = bool(config.get("position_adjustment_enable", True))
        internals = config.get("internals", {})
        self._throttle = float(internals.get("process_throttle_secs", _THROTTLE_SECONDS))
        self._interval = self._throttle
        self._began_at: datetime | None = None
        self._is_first = True
        self._looks: dict[str, EntryLooks] = {}  # by the exchange's id

    def begin_cycle(self, now: datetime) -> None:
        """To be told when a cycle begins: how far apart the looks really are."""
        self._is_first = self._began_at is None
        if self._began_at is not None:
            self._interval = (now - self._began_at).total_seconds()
        self._began_at = now
        # What was neither open nor looked at in a whole cycle has ended.
        self._looks = {n: looks for n, looks in self._looks.items() if looks.due or looks.seen}
        for looks in self._looks.values():
            looks.missed, looks.due, looks.seen = looks.due and not looks.seen, False, False

    @property
    def next_look_seconds(self) -> float:
        """Until an order is looked at again, and could be acted on.

        As long as the last time, up to twice as long as it should be.
        """
        return max(self._throttle, min(self._interval, 2 * self._throttle)) + _REQUESTS_SECONDS

    def timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None = None
    ) -> bool:
        """For `check_entry_timeout`: whether Freqtrade is to end the order and keep its fills.

        :param blocked: why there is to be no entry any more, if there is a reason
        """
        decision = self._decide(trade, order, now, blocked or "")
        if decision.action is Action.WAIT:
            return False
        number, filled = order.order_id, order.safe_filled
        crosses = decision.action is Action.REPRICE_TO_CROSS and order.ft_order_tag != REST
        what = "the rest is taken at the market's price" if crosses else "the rest is cancelled"
        if crosses and not self._adjusts:
            what, crosses = "the rest is given up: position_adjustment_enable is false", False
        logger.info(f"Entry {number} for {trade.pair}: {decision.reason}; {what}.")
        if crosses:
            self._states.of(trade).rest = Rest(number, now)
        if self._live and filled and self._would_be_kept(trade, filled):
            try:
                self._end(*stored(trade, order))
            except InvalidOrderException:
                logger.info(f"Entry {number} for {trade.pair} has ended meanwhile.")
            return False
        return True

    def _decide(self, trade: Trade, order: Order, now: datetime, blocked: str) -> PartialDecision:
        looks = self._looks_at(order)
        looks.seen = True
        filled = order.safe_filled
        if not filled:
            looks.empty_at = now
        bare = now - (looks.empty_at or order.order_date_utc)
        entry = OpenEntry(
            filled_share=filled / order.safe_amount,
            order_price=order.safe_placement_price,
            price=nan,
            waited_seconds=(now - order.order_date_utc).total_seconds(),
            unprotected_seconds=bare.total_seconds() if filled else None,
            next_look_seconds=self.next_look_seconds,
            blocked=blocked,
        )
        decision = decide(self._limits, entry)
        if decision.action is not Action.WAIT:  # only now is a price worth its request
            return decision
        price = self._books.price(trade.pair, now)
        gone = "the book is gone" if isnan(price) else ""
        return decide(self._limits, replace(entry, price=price, blocked=gone))

    def filled(self, order: Order) -> None:
        """To be told of every order that has filled."""
        self._looks.pop(order.order_id, None)

    def end_unseen(self, trade: Trade) -> None:
        """As a cycle begins, end entries that the one before could not look at, nor a second look
        now: nobody knows what has filled of them, and its stop waits. How long a cycle takes does
        not matter. In the first cycle of a process, end those that have filled in part: nobody
        looked at them for as long as it was down, and before the next look pairs are analysed.

        The bot's lock is held.
        """
        for order in trade.open_orders:
            if order.ft_order_side != trade.entry_side:
                continue
            looks = self._looks_at(order)
            looks.due = True
            if (looks.missed or self._is_first) and not self._may_stay(trade, order, looks):
                self._end(trade, order)

    def _may_stay(self, trade: Trade, order: Order, looks: EntryLooks) -> bool:
        """Whether a look shows that the entry may stay, or has ended.

        What is filled in part has been without a stop for too long to wait for the cycle.
        """
        what = f"Entry {order.order_id} for {trade.pair}"
        try:
            told = self._bot.exchange.fetch_order(order.order_id, trade.pair)
        except Exception as error:
            logger.warning(f"{what} cannot be looked at: {words(error)}")
            return not looks.missed
        if told["status"] != "open":
            self._bot.update_trade_state(trade, order.order_id, told)
            return True
        if told["filled"]:
            logger.warning(f"{what} has filled in part, unseen: the rest is cancelled.")
            return False
        looks.empty_at = self._began_at
        return True

    def _looks_at(self, order: Order) -> EntryLooks:
        return self._looks.setdefault(order.order_id, EntryLooks())

    def _end(self, trade: Trade, order: Order) -> None:
        """Cancel without regard to what is filled, and tell Freqtrade."""
        told = self._bot.exchange.cancel_order(order.order_id, trade.pair)
        self._bot.handle_cancel_enter(trade, told, order, "timeout")

    def _would_be_kept(self, trade: Trade, filled: float) -> bool:
        """Freqtrade does not cancel where what is filled is worth less than an order may be, with
        a reserve for its stop; a position closes with less all the same, as a reduce-only order
        need not be of that value."""
        least = self._bot.exchange.get_min_pair_stake_amount(
            trade.pair, trade.open_rate, self._bot.strategy.stoploss
        )
        return bool(least) and filled * trade.open_rate < least
