"""Orders that are open in the journal, as the exchange reports them."""

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
    """Queries for settling them; positions are fetched once for all of them, until `forget`."""

    def __init__(self, bot: Any, sent: SentOrders) -> None:
        self.sent = sent
        self.intents = sent.intents
        self._exchange = bot.exchange
        self._held: dict[str, Sides] | None = None

    @property
    def explained(self) -> dict[str, float]:
        """The largest amounts that unsettled entries may have opened, by pair; negative for shorts.

        Of positions that the trade database does not know, the bot owns no more than that.
        """
        amounts: dict[str, float] = {}
        for entry in self.intents.open():
            intent = entry.intent
            if intent.purpose in ENTERS:
                amount = self._exchange._contracts_to_amount(intent.pair, intent.amount)
                signed = -amount if intent.side == "sell" else amount
                amounts[intent.pair] = amounts.get(intent.pair, 0.0) + signed
        return amounts

    def forget(self) -> None:
        """Discards the positions, so that they are fetched again."""
        self._held = None

    def look_up(self, intent: Intent) -> CcxtOrder | None:
        """Returns the order, amounts in base currency, or None if it does not exist.

        Raises ccxt's errors.
        """
        found = self.sent.look_up(intent)
        if found is not None:
            found = self._exchange._order_contracts_to_amount(found)
        return found

    def position(self, pair: str) -> Sides:
        if self._held is None:
            self._held = held_of(self._exchange, self._exchange.fetch_positions())
        return self._held.get(pair, NOTHING)

    def withdraw(self, intent: Intent, found: CcxtOrder) -> CcxtOrder:
        """Cancels an order and returns its final state."""
        number = str(found["id"])
        logger.warning(f"{intent.pair}: order {number}, which belongs to no trade, is cancelled.")
        params = {"stop": True} if intent.purpose is Purpose.STOP else {}
        self._exchange._api.cancel_order(number, intent.pair, params)
        ended = self.look_up(intent)
        if ended is None or state_of(ended) is Found.RESTING:
            raise ccxt.OrderNotFound(f"order {number} has not been confirmed as ended")
        return ended

    def age(self, intent: Intent) -> int:
        age: int = self._exchange._api.milliseconds() - intent.at
        return age
