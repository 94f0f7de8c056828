"""What has become of orders that are open in the journal, and what follows from it.

Asked before each cycle, so also after a restart, before any pair is analysed: an order without an
answer, and one with an answer that the trade database lacks, as the bot was killed before it could
be written there. In most cycles there is none, and nothing is requested.
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
from perpkit.bot.live.stored_orders import add_order, is_stored, lacks_fill, open_trade
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import warn
from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.record.journal import Intent, JournalEntry, Outcome
from perpkit.record.order_ids import ENTERS, Purpose

logger = logging.getLogger(__name__)

# An entry that waits in the book for so long without being known was meant for another price.
_FRESH_MS = MINUTE_MS
# The exchange forgets orders without fills after three days.
_REMEMBERED_MS = 3 * DAY_MS
# Positions first, then what closes them; stops find the trades that were made.
_RANK = {Purpose.ENTRY: 0, Purpose.ADDITION: 1, Purpose.STOP: 3}


class Settlement:
    """Made once for a running live bot. The bot's lock is held whenever it is asked."""

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
        """Why there is to be no entry in this pair, if there is a reason."""
        if pair in self.explained:
            return "it is not known yet what has become of an earlier entry"
        return None

    def run(self) -> None:
        """Settle what can be settled now. Never raises."""
        self._open.forget()
        for pair in sorted({entry.intent.pair for entry in self._intents.open()}):
            if not self._pair(pair):
                return  # the exchange cannot be reached: the others need not wait for that, too

    def settle(self, pair: str) -> None:
        """For a position of the pair that the database does not know: try again, and at once."""
        self._open.forget()
        self._pair(pair)

    def _pair(self, pair: str) -> bool:
        """Whether the exchange could be reached."""
        reached = True
        entries = self._intents.open(pair)
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
            self._intents.settle(intent.client_id, Outcome.CANCELLED, number, "it was over")
        elif intent.purpose in ENTERS:
            self._entry(entry, found)
        elif intent.purpose is Purpose.STOP:
            self._stops.settle(entry, found)
        else:
            self._exit(entry, found)

    def _book(self, intent: Intent, number: str) -> None:
        """Freqtrade stores an order first; what it filled, and the stop that goes with it, are in
        the trade some requests later. Where the bot was killed between the two, it is done now."""
        trade = open_trade(intent.pair)
        order = None if trade is None else trade.select_order_by_order_id(number)
        if trade is not None and order is not None and lacks_fill(trade, order):
            logger.warning(f"{intent.pair}: the fill of order {number} is booked.")
            # Of an entry, a message would come with a cancel of the stop.
            says = order.ft_order_side == trade.exit_side
            self._bot.update_trade_state(trade, number, order.to_ccxt_object(), send_msg=says)
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
            self._take(entry, found)
        elif trade.entry_side == intent.side:
            self._attach(trade, entry, found)
        else:
            note = "it has closed some of a trade in the other direction"
            self._intents.settle(intent.client_id, Outcome.CLOSED, str(found["id"]), note)

    def _take(self, entry: JournalEntry, found: CcxtOrder) -> None:
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
        """It never arrived, or the exchange has forgotten it: then the position decides."""
        intent = entry.intent
        if self._sent.may_arrive(intent):
            self._protect_unread(intent)
            return
        forgotten = entry.outcome is Outcome.ANSWERED or self._open.age(intent) > _REMEMBERED_MS
        if forgotten and intent.purpose in ENTERS:
            held = self._open.position(intent.pair)
            if amount := self._explained_by(intent, held):
                price = held.price_of(intent.side == "sell")
                self._take(entry, self._as_found(entry, amount, price))
                return
        note = "the exchange has forgotten it" if forgotten else "it never arrived"
        self._intents.settle(intent.client_id, Outcome.MISSING, note=note)

    def _explained_by(self, intent: Intent, held: Sides) -> float:
        """What is held in a pair without a trade, where this intent alone can have opened it."""
        amount = held.of(intent.side == "sell")
        most = self._exchange._contracts_to_amount(intent.pair, intent.amount)
        if open_trade(intent.pair) is not None or not DUST < amount <= most + DUST:
            return 0.0
        return amount

    def _as_found(self, entry: JournalEntry, amount: float, price: float) -> CcxtOrder:
        """What the exchange would have said of a filled entry."""
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
        """While an entry cannot be looked up, a position that it alone explains has its stop."""
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
        if trade is not None and self._is_of(trade, intent):
            self._attach(trade, entry, found)
        elif state_of(found) is Found.RESTING:
            self._open.withdraw(intent, found)
            self._intents.settle(intent.client_id, Outcome.CANCELLED, number, "of no trade")
        else:
            self._intents.settle(intent.client_id, Outcome.CLOSED, number, "of no trade")

    def _is_of(self, trade: Trade, intent: Intent) -> bool:
        opened: int = int(trade.open_date_utc.timestamp() * 1000)
        return trade.exit_side == intent.side and intent.at >= opened

    def _attach(self, trade: Trade, entry: JournalEntry, found: CcxtOrder) -> None:
        """An order that its trade lacks becomes one of it, and is looked after as any other."""
        intent, number = entry.intent, str(found["id"])
        add_order(trade, intent, found)
        logger.warning(f"{trade.pair}: order {number} ({intent.purpose.name}) is of its trade.")
        if found["status"] != "open":
            self._bot.update_trade_state(trade, number, found)
            Trade.commit()
        # Last: until then it is settled once more where the bot is killed.
        self._intents.settle(intent.client_id, Outcome.ADOPTED, number)

    # Stops

    def attach_earlier_stops(self, trade: Trade) -> None:
        """What the database lacks of a position that seems to have no stop, without what was sent
        just now; raises what ccxt raises."""
        for entry in self._intents.open(trade.pair):
            if entry.intent.purpose is Purpose.STOP and self._stops.is_earlier(entry):
                self._settle(entry)
