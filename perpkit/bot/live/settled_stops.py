"""Settles stops that are open in the journal: each belongs to a trade, or is superfluous."""

from __future__ import annotations

import logging
from typing import Any

import ccxt
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.held import DUST
from perpkit.bot.live.open_intents import OpenIntents
from perpkit.bot.live.order_matching import Found, state_of
from perpkit.bot.live.stop_orders import is_covered
from perpkit.bot.live.stored_orders import add_order, open_trade
from perpkit.record.journal import JournalEntry, Outcome
from perpkit.record.order_ids import Purpose, parse

logger = logging.getLogger(__name__)


class SettledStops:
    """Settles the intents of stops. The bot's lock must be held."""

    def __init__(self, bot: Any, open_intents: OpenIntents) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._open = open_intents
        self._sent = open_intents.sent
        self._intents = open_intents.intents

    def attach(self, trade: Trade) -> None:
        """Attaches all its stops at the exchange to a trade that was just created, before its
        fill is booked; raises ccxt's errors."""
        for entry in self._intents.open(trade.pair):
            if entry.intent.purpose is Purpose.STOP and trade.exit_side == entry.intent.side:
                found = self._sent.look_up(entry.intent)
                if found is not None and state_of(found) is Found.RESTING:
                    self._attach_stop(
                        trade, entry, self._exchange._order_contracts_to_amount(found)
                    )

    def is_earlier(self, entry: JournalEntry) -> bool:
        order = parse(entry.intent.client_id)
        earlier = order is not None and order.nonce != self._intents.journal.nonce
        return earlier or entry.outcome is Outcome.SENT

    def settle(self, entry: JournalEntry, found: CcxtOrder) -> None:
        intent = entry.intent
        trade = open_trade(intent.pair)
        if trade is None:
            self._stop_of_no_trade(entry, found)
        elif not trade.has_open_position:
            return  # its fill has not been booked yet
        elif trade.exit_side != intent.side or self._is_covered(trade):
            self._drop(entry, found)
        else:
            self._attach_stop(trade, entry, found)
            if state_of(found) is Found.EFFECTIVE:
                self._bot.handle_stoploss_on_exchange(trade)
                Trade.commit()

    def _attach_stop(self, trade: Trade, entry: JournalEntry, found: CcxtOrder) -> None:
        number = str(found["id"])
        # A triggered stop is booked like any other when Freqtrade checks it.
        add_order(trade, entry.intent, {**found, "status": "open"})
        self._intents.settle(entry.intent.client_id, Outcome.ADOPTED, number)
        logger.warning(f"{trade.pair}: stop {number} was added to its trade.")

    def _is_covered(self, trade: Trade) -> bool:
        """Whether stops at the exchange cover the trade, not only those in the database."""
        if not is_covered(trade):
            return False
        live = [order for order in trade.open_sl_orders if self._is_live(order)]
        return sum(order.safe_amount for order in live) >= trade.amount - DUST

    def _is_live(self, order: Order) -> bool:
        try:
            found = self._sent.fetch_order(order.order_id, order.ft_pair, {"stop": True})
        except ccxt.OrderNotFound:
            return False
        return bool(found["status"] == "open")

    def _stop_of_no_trade(self, entry: JournalEntry, found: CcxtOrder) -> None:
        """Settles a stop without a trade; it stays if there is any position that it may cover."""
        intent = entry.intent
        if intent.pair in self._open.explained:
            return
        if state_of(found) is Found.EFFECTIVE:
            self._intents.settle(intent.client_id, Outcome.CLOSED, str(found["id"]))
        elif not self._open.position(intent.pair):
            self._drop(entry, found)
        else:
            note = "it covers a position without a trade"
            self._intents.settle(intent.client_id, Outcome.ADOPTED, str(found["id"]), note)

    def _drop(self, entry: JournalEntry, found: CcxtOrder) -> None:
        number = str(found["id"])
        if state_of(found) is Found.RESTING:
            self._open.withdraw(entry.intent, found)
        self._intents.settle(entry.intent.client_id, Outcome.CANCELLED, number, "one too many")
