"""Checks open entry orders in every cycle and ends those that should not stay open.

Those are entries that are no longer wanted, whose fills have been without a stop for too long, or
that cannot be checked. Works in dry-run and live; a backtest fills its orders completely.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any

from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade

from perpkit.bot.decided import Decided
from perpkit.bot.live.rests import REST
from perpkit.bot.positions.trades import Rest, TradeStates
from perpkit.bot.running_bot import message_of, stored
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.partial_entry import (
    Action,
    OpenEntry,
    PartialDecision,
    PartialLimits,
    decide,
    decide_unprotected,
)

logger = logging.getLogger(__name__)

# Freqtrade's default of process_throttle_secs.
_THROTTLE_SECONDS = 5.0
# Time for a check and the orders that follow it, in addition to the interval between checks.
_REQUESTS_SECONDS = 1.0


@dataclass
class EntryChecks:
    """What the checks of one entry have found.

    :param empty_at: time of the last check without a fill
    :param due: the order was open when this cycle began
    :param seen: it was checked in this cycle
    :param missed: it was due in the previous cycle, but not checked
    """

    empty_at: datetime | None = None
    due: bool = False
    seen: bool = False
    missed: bool = False


class OpenEntries:
    """Decides when an open entry ends.

    :param bot: Freqtrade's
    :param limits: of open entries
    :param states: of the trades
    :param decided: notes which entries are ended, and why
    :param only_unprotected: of `limits`, only the time without a stop counts
    """

    def __init__(
        self,
        config: dict[str, Any],
        bot: Any,
        books: FreshBooks,
        limits: PartialLimits,
        states: TradeStates,
        *,
        decided: Decided | None = None,
        only_unprotected: bool = False,
    ) -> None:
        self._bot = bot
        self._books = books
        self._live = not config["dry_run"]
        self._limits = limits
        self._only_unprotected = only_unprotected
        self._states = states
        self._decided = decided if decided is not None else Decided(None)
        self._adjusts = bool(config.get("position_adjustment_enable", True))
        internals = config.get("internals", {})
        self._throttle = float(internals.get("process_throttle_secs", _THROTTLE_SECONDS))
        self._interval = self._throttle
        self._began_at: datetime | None = None
        self._is_first = True
        self._checks: dict[str, EntryChecks] = {}  # by exchange id

    def begin_cycle(self, now: datetime) -> None:
        """Starts a cycle; measures the real interval between checks."""
        self._is_first = self._began_at is None
        if self._began_at is not None:
            self._interval = (now - self._began_at).total_seconds()
        self._began_at = now
        # Orders that were neither open nor checked during a whole cycle have ended.
        self._checks = {n: each for n, each in self._checks.items() if each.due or each.seen}
        for checks in self._checks.values():
            checks.missed, checks.due, checks.seen = checks.due and not checks.seen, False, False

    @property
    def next_look_seconds(self) -> float:
        """Seconds until the next check of an order can act on it.

        The last interval, between the configured one and twice that, plus time for requests.
        """
        return max(self._throttle, min(self._interval, 2 * self._throttle)) + _REQUESTS_SECONDS

    def timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None = None
    ) -> bool:
        """Whether Freqtrade must end the order and keep its fills, for `check_entry_timeout`.

        :param blocked: why entries are blocked, or None
        """
        decision = self._decide(trade, order, now, blocked or "")
        if decision.action is Action.WAIT:
            return False
        number, filled = order.order_id, order.safe_filled
        crosses = decision.action is Action.REPRICE_TO_CROSS and order.ft_order_tag != REST
        what = "the rest is ordered at the market price" if crosses else "the rest is cancelled"
        if crosses and not self._adjusts:
            what, crosses = "the rest is given up: position_adjustment_enable is false", False
        logger.info(f"Entry {number} for {trade.pair}: {decision.reason}; {what}.")
        self._decided.withdrawn(trade, order, now, f"{decision.reason}; {what}")
        if crosses:
            self._states.of(trade).rest = Rest(number, now)
        if self._live and filled and self._would_be_kept(trade, filled):
            try:
                self._end(*stored(trade, order))
            except InvalidOrderException:
                logger.info(f"Entry {number} for {trade.pair} has ended in the meantime.")
            return False
        return True

    def _decide(self, trade: Trade, order: Order, now: datetime, blocked: str) -> PartialDecision:
        checks = self._checks_of(order)
        checks.seen = True
        filled = order.safe_filled
        if not filled:
            checks.empty_at = now
        bare = now - (checks.empty_at or order.order_date_utc)
        entry = OpenEntry(
            filled_share=filled / order.safe_amount,
            order_price=order.safe_placement_price,
            price=nan,
            waited_seconds=(now - order.order_date_utc).total_seconds(),
            unprotected_seconds=bare.total_seconds() if filled else None,
            next_look_seconds=self.next_look_seconds,
            blocked=blocked,
        )
        if self._only_unprotected:
            return decide_unprotected(self._limits, entry)
        decision = decide(self._limits, entry)
        if decision.action is not Action.WAIT:  # decided without a request for the price
            return decision
        price = self._books.price(trade.pair, now)
        no_book = "the order book is not available" if isnan(price) else ""
        return decide(self._limits, replace(entry, price=price, blocked=no_book))

    def filled(self, order: Order) -> None:
        """Forgets an order that has filled; called for every fill."""
        self._checks.pop(order.order_id, None)

    def end_unseen(self, trade: Trade) -> None:
        """Ends entries that could not be checked in the previous cycle, nor in another attempt now.

        Their fills are unknown and may be without a stop, however long cycles take. In the first
        cycle of a process it ends entries with partial fills: nothing checked them while the bot
        was down, and pairs are analysed before the next check.

        The bot's lock must be held.
        """
        for order in trade.open_orders:
            if order.ft_order_side != trade.entry_side:
                continue
            checks = self._checks_of(order)
            checks.due = True
            if (checks.missed or self._is_first) and not self._may_stay(trade, order, checks):
                why = "it was not checked in time, and its fills may be without a stop"
                self._decided.withdrawn(trade, order, self._began_at or datetime.now(UTC), why)
                self._end(trade, order)

    def _may_stay(self, trade: Trade, order: Order, checks: EntryChecks) -> bool:
        """Whether a check shows that the entry may stay, or has already ended.

        Partial fills have been without a stop for too long to wait for the cycle.
        """
        what = f"Entry {order.order_id} for {trade.pair}"
        try:
            found = self._bot.exchange.fetch_order(order.order_id, trade.pair)
        except Exception as error:
            logger.warning(f"{what} cannot be checked: {message_of(error)}")
            return not checks.missed
        if found["status"] != "open":
            self._bot.update_trade_state(trade, order.order_id, found)
            return True
        if found["filled"]:
            logger.warning(f"{what} has filled in part unnoticed: the rest is cancelled.")
            return False
        checks.empty_at = self._began_at
        return True

    def _checks_of(self, order: Order) -> EntryChecks:
        return self._checks.setdefault(order.order_id, EntryChecks())

    def _end(self, trade: Trade, order: Order) -> None:
        """Cancels an entry regardless of its fills, and updates Freqtrade."""
        cancelled = self._bot.exchange.cancel_order(order.order_id, trade.pair)
        self._bot.handle_cancel_enter(trade, cancelled, order, "timeout")

    def _would_be_kept(self, trade: Trade, filled: float) -> bool:
        """Whether Freqtrade would not cancel the order because its fills are worth too little.

        Freqtrade requires the smallest order value plus a reserve for the stop. A position can be
        closed below that value, because reduce-only orders are exempt from it.
        """
        least = self._bot.exchange.get_min_pair_stake_amount(
            trade.pair, trade.open_rate, self._bot.strategy.stoploss
        )
        return bool(least) and filled * trade.open_rate < least
