"""Orders that are open in the journal, as the exchange knows them."""

from __future__ import annotations

import logging
from typing import Any

import ccxt
from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.bot.live.held import NOTHING, Sides, held_of
from perpkit.bot.live.order_matching import Found, state_of
from perpkit.bot.live.sent_orders import SentOrders
from perpkit.record.journal import Intent
from perpkit.record.order_ids import ENTERS, Purpose

logger = logging.getLogger(__name__)


class OpenIntents:
    """What settling them asks of the exchange; positions once for all of them, until `forget`."""

    def __init__(self, bot: Any, sent: SentOrders) -> None:
        self.sent = sent
        self.intents = sent.intents
        self._exchange = bot.exchange
        self._held: dict[str, Sides] | None = None

    @property
    def explained(self) -> dict[str, float]:
        """By pair, what entries that are not settled yet may have opened at most; negative for
        shorts. No more than that is the bot's, of what the trade database does not know."""
        amounts: dict[str, float] = {}
        for entry in self.intents.open():
            intent = entry.intent
            if intent.purpose in ENTERS:
                amount = self._exchange._contracts_to_amount(intent.pair, intent.amount)
                signed = -amount if intent.side == "sell" else amount
                amounts[intent.pair] = amounts.get(intent.pair, 0.0) + signed
        return amounts

    def forget(self) -> None:
        """Positions are to be read again."""
        self._held = None

    def look_up(self, intent: Intent) -> CcxtOrder | None:
        """Amounts in base currency; None when it is not there; raises what ccxt raises."""
        found = self.sent.look_up(intent)
        if found is not None:
            found = self._exchange._order_contracts_to_amount(found)
        return found

    def position(self, pair: str) -> Sides:
        if self._held is None:
            self._held = held_of(self._exchange, self._exchange.fetch_positions())
        return self._held.get(pair, NOTHING)

    def withdraw(self, intent: Intent, found: CcxtOrder) -> CcxtOrder:
        """Cancel it; what it has become."""
        number = str(found["id"])
        logger.warning(f"{intent.pair}: order {number}, which no trade has, is cancelled.")
        params = {"stop": True} if intent.purpose is Purpose.STOP else {}
        self._exchange._api.cancel_order(number, intent.pair, params)
        ended = self.look_up(intent)
        if ended is None or state_of(ended) is Found.RESTING:
            raise ccxt.OrderNotFound(f"order {number} cannot be seen to have ended")
        return ended

    def age(self, intent: Intent) -> int:
        age: int = self._exchange._api.milliseconds() - intent.at
        return age
