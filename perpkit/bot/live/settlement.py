"""Determines the outcome of orders that are open in the journal, and acts on it.

Runs before each cycle, so also after a restart before any pair is analysed. It settles orders
without an answer, and answered ones that the trade database lacks because the bot was killed before
it could store them. In most cycles there are none, and no request is made.
"""

from __future__ import annotations

import logging
from typing import Any

import ccxt
from freqtrade.exceptions import ExchangeError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Trade

from perpkit.bot.live.held import DUST, Sides
from perpkit.bot.live.lost_positions import LostPositions
from perpkit.bot.live.open_intents import OpenIntents
from perpkit.bot.live.order_matching import Found, state_of
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.bot.live.settled_stops import SettledStops
from perpkit.bot.live.stored_orders import add_order, closes, is_stored, lacks_fill, open_trade
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import warn
from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.record.journal import Intent, JournalEntry, Outcome
from perpkit.record.order_ids import ENTERS, Purpose

logger = logging.getLogger(__name__)

# An unknown entry that has been open for longer was priced for another market.
_FRESH_MS = MINUTE_MS
# The exchange no longer returns orders without fills after three days.
_REMEMBERED_MS = 3 * DAY_MS
# Entries first, then exits; stops come last so that they find the trades just created.
_RANK = {Purpose.ENTRY: 0, Purpose.ADDITION: 1, Purpose.STOP: 3}


class Settlement:
    """Settles open intents; made once for a running live bot. The bot's lock must be held."""

    def __init__(self, bot: Any, sent: SentOrders) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        self._sent = sent
        self._intents = sent.intents
        self._open = OpenIntents(bot, sent)
        self._stops = SettledStops(bot, self._open)
        self._lost = LostPositions(bot, sent.intents, self._stops.attach)
        self._trying = Trying()

    @property
    def explained(self) -> dict[str, float]:
        """See `OpenIntents`."""
        return self._open.explained

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        if pair in self.explained:
            return "the outcome of an earlier entry is not known yet"
        return None

    def run(self) -> None:
        """Settles all open intents that can be settled now. Never raises."""
        self._open.forget()
        for pair in sorted({entry.intent.pair for entry in self._intents.open()}):
            if not self._pair(pair):
                return  # the exchange cannot be reached: no attempt for the others

    def settle(self, pair: str) -> None:
        """Tries again at once to settle a pair with a position that the database does not know."""
        self._open.forget()
        self._pair(pair)

    def _pair(self, pair: str) -> bool:
        """Settles the intents of a pair; returns whether the exchange could be reached.

        Targets are not among them: they rest for as long as their trade, see `target_orders`.
        """
        reached = True
        entries = self._intents.unsettled(pair)
        for entry in sorted(entries, key=lambda e: _RANK.get(e.intent.purpose, 2)):
            with self._trying(f"Settling order {entry.intent.client_id}"):
                try:
                    self._settle(entry)
                except ccxt.NetworkError:
                    reached = False
                    self._protect_unread(entry.intent)
                    raise
                except Exception:
                    Trade.rollback()
                    raise
        return reached

    def _settle(self, entry: JournalEntry) -> None:
        intent, order_id = entry.intent, entry.order_id
        if order_id is not None and is_stored(intent.pair, order_id):
            self._book(intent, order_id)
            return
        found = self._open.look_up(intent)
        if found is None:
            self._not_there(entry)
            return
        number = str(found["id"])
        if is_stored(intent.pair, number):
            self._book(intent, number)
        elif state_of(found) is Found.EMPTY:
            self._intents.settle(intent.client_id, Outcome.CANCELLED, number, "it had ended")
        elif intent.purpose in ENTERS:
            self._entry(entry, found)
        elif intent.purpose is Purpose.STOP:
            self._stops.settle(entry, found)
        else:
            self._exit(entry, found)

    def _book(self, intent: Intent, number: str) -> None:
        """Settles an order that the database has, and books its fill if that is missing.

        Freqtrade stores an order first; its fill and its stop follow some requests later. The bot
        may have been killed in between.
        """
        trade = open_trade(intent.pair)
        order = None if trade is None else trade.select_order_by_order_id(number)
        if trade is not None and order is not None and lacks_fill(trade, order):
            logger.warning(f"{intent.pair}: the fill of order {number} is booked.")
            # A message about an entry would also cancel the stop.
            notify = order.ft_order_side == trade.exit_side
            self._bot.update_trade_state(trade, number, order.to_ccxt_object(), send_msg=notify)
            Trade.commit()
        self._intents.settle(intent.client_id, Outcome.BOOKED, number)

    # Entries

    def _entry(self, entry: JournalEntry, found: CcxtOrder) -> None:
        intent, trade = entry.intent, open_trade(entry.intent.pair)
        if state_of(found) is Found.RESTING and self._open.age(intent) > _FRESH_MS:
            found = self._open.withdraw(intent, found)
            if state_of(found) is Found.EMPTY:
                self._intents.settle(intent.client_id, Outcome.CANCELLED, str(found["id"]))
                return
        if trade is None:
            self._adopt(entry, found)
        elif trade.entry_side == intent.side:
            self._attach(trade, entry, found)
        else:
            note = "it has closed some of a trade in the other direction"
            self._intents.settle(intent.client_id, Outcome.CLOSED, str(found["id"]), note)

    def _adopt(self, entry: JournalEntry, found: CcxtOrder) -> None:
        try:
            held = self._open.position(entry.intent.pair)
        except ExchangeError:
            price = found.get("average") or entry.intent.price or 0.0
            self._lost.protect(entry.intent, found.get("filled") or 0.0, price)
            raise
        message = self._lost.take(entry, found, held)
        self._open.forget()
        if message:
            warn(self._bot, message)

    def _not_there(self, entry: JournalEntry) -> None:
        """Settles an order that never arrived or is forgotten: the position then decides."""
        intent = entry.intent
        if self._sent.may_arrive(intent):
            self._protect_unread(intent)
            return
        forgotten = entry.outcome is Outcome.ANSWERED or self._open.age(intent) > _REMEMBERED_MS
        if forgotten and intent.purpose in ENTERS:
            held = self._open.position(intent.pair)
            if amount := self._explained_by(intent, held):
                price = held.price_of(intent.side == "sell")
                self._adopt(entry, self._as_found(entry, amount, price))
                return
        note = "the exchange has forgotten it" if forgotten else "it never arrived"
        self._intents.settle(intent.client_id, Outcome.MISSING, note=note)

    def _explained_by(self, intent: Intent, held: Sides) -> float:
        """Returns the position of a pair without a trade if this intent alone can explain it."""
        amount = held.of(intent.side == "sell")
        largest = self._exchange._contracts_to_amount(intent.pair, intent.amount)
        if open_trade(intent.pair) is not None or not DUST < amount <= largest + DUST:
            return 0.0
        return amount

    def _as_found(self, entry: JournalEntry, amount: float, price: float) -> CcxtOrder:
        """Returns the order that the exchange would have returned for a filled entry."""
        intent, cost = entry.intent, amount * price
        rate = self._exchange.get_fee(symbol=intent.pair, taker_or_maker="taker")
        currency = self._bot.config["stake_currency"]
        return {
            "id": entry.order_id or intent.client_id,
            "symbol": intent.pair,
            "side": intent.side,
            "type": intent.type,
            "status": "closed",
            "amount": amount,
            "filled": amount,
            "remaining": 0.0,
            "price": intent.price or price,
            "average": price,
            "cost": cost,
            "timestamp": intent.at,
            "lastTradeTimestamp": intent.at,
            "fee": {"cost": cost * rate, "currency": currency, "rate": rate},
            "info": {},
        }

    def _protect_unread(self, intent: Intent) -> None:
        """Places a stop for a position that can only stem from an entry whose look-up failed."""
        if intent.purpose not in ENTERS:
            return
        try:
            held = self._open.position(intent.pair)
        except ExchangeError:
            return
        if amount := self._explained_by(intent, held):
            self._lost.protect(intent, amount, held.price_of(intent.side == "sell"))

    # Exits

    def _exit(self, entry: JournalEntry, found: CcxtOrder) -> None:
        intent, number = entry.intent, str(found["id"])
        trade = open_trade(intent.pair)
        if trade is not None and closes(trade, intent):
            self._attach(trade, entry, found)
        elif state_of(found) is Found.RESTING:
            self._open.withdraw(intent, found)
            self._intents.settle(
                intent.client_id, Outcome.CANCELLED, number, "it belongs to no trade"
            )
        else:
            self._intents.settle(intent.client_id, Outcome.CLOSED, number, "it belongs to no trade")

    def _attach(self, trade: Trade, entry: JournalEntry, found: CcxtOrder) -> None:
        """Adds an order to the trade that lacks it, so that it is handled like any other."""
        intent, number = entry.intent, str(found["id"])
        add_order(trade, intent, found)
        logger.warning(
            f"{trade.pair}: order {number} ({intent.purpose.name}) was added to its trade."
        )
        if found["status"] != "open":
            self._bot.update_trade_state(trade, number, found)
            Trade.commit()
        # Last: if the bot is killed before this, the order is settled again.
        self._intents.settle(intent.client_id, Outcome.ADOPTED, number)

    # Stops

    def attach_earlier_stops(self, trade: Trade) -> None:
        """Adds stops to a trade that seems to have none, leaving out those that were just sent.

        Raises ccxt's errors.
        """
        for entry in self._intents.open(trade.pair):
            if entry.intent.purpose is Purpose.STOP and self._stops.is_earlier(entry):
                self._settle(entry)
