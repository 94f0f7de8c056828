"""Targets at the exchange: reduce-only limit orders that rest beside the stop of a trade.

The trade database does not know them while they rest: Freqtrade would time them out, and count them
as an exit on its way. The journal does, from before they are sent until they have ended; so they
are found after a restart. An order is booked once, when it has ended, as an exit of its trade.
"""

from __future__ import annotations

import logging
from typing import Any

import ccxt
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Trade

from perpkit.bot.live.at_exchange import AtExchange
from perpkit.bot.live.closed_outside import ClosedOutside
from perpkit.bot.live.open_intents import OpenIntents
from perpkit.bot.live.order_matching import Found, state_of
from perpkit.bot.live.order_purposes import orders_are
from perpkit.bot.live.price_band import on_tick
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.stored_orders import closes, is_stored, open_trade
from perpkit.bot.running_bot import message_of
from perpkit.record.journal import Intent, JournalEntry, Outcome
from perpkit.record.order_ids import Purpose, parse
from perpkit.risk.targets import Target

logger = logging.getLogger(__name__)


class TargetOrders:
    """Sends, looks up, cancels and books targets. The bot's lock must be held.

    :param closed: books what the trade database does not know
    """

    def __init__(self, bot: Any, sent: SentOrders, closed: ClosedOutside) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._sent = sent
        self._intents = sent.intents
        self._in_journal = OpenIntents(bot, sent)
        self._closed = closed
        self._resting: dict[str, float] = {}

    def open(self, pair: str | None = None) -> list[JournalEntry]:
        """Returns the targets that may be at the exchange, oldest first. Makes no request."""
        return self._intents.targets(pair)

    def amount(self, intent: Intent) -> float:
        """Returns its amount in base currency."""
        amount: float = self._exchange._contracts_to_amount(intent.pair, intent.amount)
        return amount

    def resting(self, intent: Intent) -> float | None:
        """Returns how much of it rests, in base currency: less than was asked for where the
        exchange has cut it. None if the last answer since `forget` was not that it rests."""
        return self._resting.get(intent.client_id)

    def forget(self) -> None:
        """Discards what `resting` knows, before a new look at all of them."""
        self._resting.clear()

    def trade_of(self, intent: Intent) -> Trade | None:
        """Returns the open trade that a target belongs to, or None."""
        trade = open_trade(intent.pair)
        return trade if trade is not None and closes(trade, intent) else None

    def place(self, trade: Trade, target: Target) -> None:
        """Sends a target; raises Freqtrade's errors, also if the journal cannot be written."""
        with orders_are(Purpose.TARGET, target.tag):
            sent = self._exchange.create_order(
                pair=trade.pair,
                ordertype="limit",
                side=trade.exit_side,
                amount=target.amount,
                rate=on_tick(self._exchange, trade.pair, target.price, trade.exit_side),
                leverage=trade.leverage,
                reduceOnly=True,
                time_in_force="GTC",
                initial_order=False,
            )
        self._note(str(sent.get("clientOrderId")), sent)
        logger.info(
            f"{trade.pair}: target {sent['id']} ({target.tag}) for {target.amount:g} rests at "
            f"{target.price:g}."
        )

    def follow(self, entry: JournalEntry) -> None:
        """Looks at a target (weight 1), and books it if it has ended.

        One that has filled in part is cancelled, so that it has ended, and one without a trade.

        :raises TemporaryError: it cannot be looked up or cancelled
        """
        intent, found = entry.intent, self._look_up(entry.intent)
        if found is None or state_of(found) is not Found.RESTING:
            self._settle(entry, found)
        elif found.get("filled") or self.trade_of(intent) is None:
            self.end(entry)
        elif entry.order_id is None:
            self._intents.settle(intent.client_id, Outcome.ANSWERED, str(found["id"]))

    def end(self, entry: JournalEntry) -> None:
        """Cancels a target, and books what has filled of it.

        :raises TemporaryError: it may still be there
        """
        intent, number = entry.intent, entry.order_id
        if number is None:
            found = self._look_up(intent)
            number = str(found["id"]) if found is not None else None
        if number is not None:
            try:
                self._exchange._api.cancel_order(number, intent.pair)
            except ccxt.OrderNotFound:
                pass  # it has filled before
            except ccxt.BaseError as error:  # it may have been carried out
                logger.warning(f"{intent.pair}: cancelling target {number}: {message_of(error)}")
        found = self._look_up(intent)
        if found is not None and state_of(found) is Found.RESTING:
            raise TemporaryError(f"target {number} of {intent.pair} has not been cancelled")
        if not self._settle(entry, found):
            raise TemporaryError(f"a target of {intent.pair} may still reach the exchange")

    def unbooked(self, intent: Intent) -> float:
        """Returns how much of a trade's amount a target has sold, or may still sell.

        That is all of it if it rests, as no fill is booked before it ends, or is not known.
        """
        try:
            found = self._look_up(intent)
        except Exception as error:  # whatever it is, the exit must go on
            logger.warning(f"A target of {intent.pair} is not known: {message_of(error)}")
            return self.amount(intent)
        if found is None:
            return self.amount(intent) if self._sent.may_arrive(intent) else 0.0
        if state_of(found) is Found.RESTING:
            return self.amount(intent)
        filled: float = found.get("filled") or 0.0
        return 0.0 if is_stored(intent.pair, str(found["id"])) else filled

    def end_unknown(self, seen: AtExchange) -> None:
        """Cancels this bot's targets in a snapshot that its journal has closed: the exchange may
        have answered once that it does not know them. Raises ccxt's errors."""
        known = {entry.intent.client_id for entry in self.open()}
        for order in seen.orders:
            sent = parse(order.client_id)
            if sent is None or sent.purpose is not Purpose.TARGET or order.client_id in known:
                continue
            if order.whose.may_be_cancelled:
                logger.warning(f"{order.pair}: the unknown target {order.id} is cancelled.")
                self._exchange._api.cancel_order(order.id, order.pair)

    def _look_up(self, intent: Intent) -> CcxtOrder | None:
        self._resting.pop(intent.client_id, None)
        if intent.pair not in self._exchange.markets:  # delisted: its orders have ended
            return None
        try:
            found = self._in_journal.look_up(intent)
        except ccxt.BaseError as error:
            raise TemporaryError(f"a target of {intent.pair}: {message_of(error)}") from error
        if found is not None:
            self._note(intent.client_id, found)
        return found

    def _note(self, client_id: str, found: CcxtOrder) -> None:
        if state_of(found) is Found.RESTING:
            self._resting[client_id] = (found["amount"] or 0.0) - (found.get("filled") or 0.0)

    def _settle(self, entry: JournalEntry, found: CcxtOrder | None) -> bool:
        """Books an order that does not rest, and closes its intent; returns whether it could."""
        intent = entry.intent
        if found is None:
            if self._sent.may_arrive(intent):
                return False
            self._intents.settle(intent.client_id, Outcome.MISSING, note="it is not there")
            return True
        number = str(found["id"])
        if state_of(found) is Found.EMPTY:
            self._intents.settle(intent.client_id, Outcome.CANCELLED, number, "it had ended")
            return True
        trade = self.trade_of(intent)
        if trade is None:
            self._intents.settle(intent.client_id, Outcome.CLOSED, number, "its trade is closed")
            return True
        try:
            self._closed.book_exit(trade, found, intent.tag)
        except Exception:
            Trade.rollback()
            raise
        # Last: if the bot is killed before this, it is looked at again.
        self._intents.settle(intent.client_id, Outcome.BOOKED, number)
        return True
