"""Journals every order before its request is sent, and looks it up if no answer arrives.

Freqtrade treats an order without an answer as one that does not exist: it sends entries and stops
again, never learns what became of the first ones, and stores an answer that is not JSON under the
id "None". Here every order carries its own client id. If its answer does not arrive, or has no id,
the exchange is queried (GET /fapi/v1/order or /fapi/v1/algoOrder by client id; weight 1). The
exchange refuses requests older than their receive window, so an order that does not exist a while
later never will.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import ccxt
from freqtrade.exchange.exchange_types import CcxtOrder

from perpkit.bot.live.intents import Intents
from perpkit.bot.live.order_matching import Found, compare, is_empty, is_of_kind
from perpkit.bot.live.order_purposes import meaning_of
from perpkit.bot.live.price_band import refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_latch import LatchedError
from perpkit.bot.running_bot import message_of
from perpkit.record.journal import Intent, JournalEntry, JournalError, Outcome
from perpkit.record.order_ids import Purpose
from perpkit.record.whose import Whose, whose

logger = logging.getLogger(__name__)

# How much later than its receive window a request may still be carried out.
_MARGIN_MS = 5_000
# Classes of errors by which the exchange refuses an order. After others, which are outages, it may
# have been carried out.
_REFUSALS = (
    ccxt.ExchangeError,
    ccxt.DDoSProtection,
    ccxt.RateLimitExceeded,
    ccxt.OnMaintenance,
    ccxt.InvalidNonce,
)
# Error code of a duplicate client id: the request has arrived before.
_DUPLICATE = -4116


class SentOrders:
    """Replaces `create_order` and `fetch_order` of Freqtrade's ccxt client.

    :param bot: a running bot
    :param known: whether the database has an order, by pair and id
    """

    def __init__(self, bot: Any, intents: Intents, known: Callable[[str, str], bool]) -> None:
        self._api = bot.exchange._api
        self._strategy = str(bot.config.get("strategy", ""))
        self.intents = intents
        self._known = known
        self._send = replace(bot, "api.create_order", self.create_order)
        self._fetch = replace(bot, "api.fetch_order", self.fetch_order)

    @property
    def unanswered(self) -> bool:
        """Whether the outcome of any order is unknown."""
        return any(entry.outcome is Outcome.SENT for entry in self.intents.open())

    def whose(self, client_id: str | None, placed: int | None = None) -> Whose:
        """Returns the owner of an order; see `perpkit.record.whose.whose`.

        :raises JournalError: the journal cannot be read
        """
        if client_id is not None and self.intents.issued(client_id):
            return Whose.OURS
        return whose(client_id, self.intents.journal, placed)

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: dict[str, Any] | None = None,
    ) -> CcxtOrder:
        """Replaces ccxt's method and raises its errors.

        In addition `ccxt.RequestTimeout` for an entry that may duplicate an earlier one, and
        `ccxt.InvalidOrder` for one that cannot be written to the journal.
        """
        params = dict(params or {})
        intent = self._intent(symbol, type, side, amount, price, params)
        if (earlier := self._answered_before(intent)) is not None:
            return earlier
        self._write(intent)
        params["clientOrderId"] = intent.client_id
        try:
            order: CcxtOrder = self._send(symbol, type, side, amount, price, params)
        except Exception as error:
            if _is_refusal(error):
                self.intents.settle(intent.client_id, Outcome.REFUSED, note=message_of(error))
                raise
            return self._find(intent, error)
        if order and order.get("id"):
            self.intents.settle(intent.client_id, Outcome.ANSWERED, str(order["id"]))
            return order
        return self._find(intent, ccxt.BadResponse("the answer contains no order"))

    def fetch_order(
        self, id: str, symbol: str | None = None, params: dict[str, Any] | None = None
    ) -> CcxtOrder:
        """Replaces ccxt's method, but raises an error for an answer that is not JSON.

        Freqtrade would treat such an answer as a stop without a price, and replace that stop.
        """
        order: CcxtOrder | None = self._fetch(id, symbol, params or {})
        if not order or not order.get("id"):
            raise ccxt.BadResponse("the answer contains no order")
        return order

    def look_up(self, intent: Intent) -> CcxtOrder | None:
        """Returns an order, or None if the exchange does not have it; raises ccxt's errors."""
        params: dict[str, Any] = {"clientOrderId": intent.client_id}
        if intent.purpose is Purpose.STOP:
            params["stop"] = True
        try:
            return self.fetch_order("", intent.pair, params)
        except ccxt.OrderNotFound:
            return None

    def may_arrive(self, intent: Intent) -> bool:
        """Whether an order that does not exist yet may still be carried out."""
        window: int = self._api.options["recvWindow"]
        waited: int = self._api.milliseconds() - intent.at
        return waited <= window + _MARGIN_MS

    def book(self) -> None:
        """Settles answered orders of this process that the database has by now.

        By then Freqtrade has committed them and handled their fills; for orders of an earlier
        process that is not certain. Targets stay open until they end: see `target_orders`.
        """
        for entry in self.intents.unsettled():
            order_id, intent = entry.order_id, entry.intent
            if order_id is None or not self.intents.issued(intent.client_id):
                continue
            if self._known(intent.pair, order_id):
                self.intents.settle(intent.client_id, Outcome.BOOKED)

    def _intent(
        self,
        pair: str,
        type: str,
        side: str,
        amount: float,
        price: float | None,
        params: dict[str, Any],
    ) -> Intent:
        stop_price, reduce_only = params.get("stopPrice"), bool(params.get("reduceOnly"))
        meant = meaning_of(stop=stop_price is not None, reduce_only=reduce_only)
        broker: str = self._api.options["broker"]["future"]
        return Intent(
            client_id=self.intents.new_id(broker, meant.purpose),
            pair=pair,
            strategy=self._strategy,
            purpose=meant.purpose,
            side=side,
            type=type,
            amount=amount,
            price=price,
            stop_price=stop_price,
            reduce_only=reduce_only,
            leverage=meant.leverage,
            tag=meant.tag,
            at=self._api.milliseconds(),
        )

    def _write(self, intent: Intent) -> None:
        try:
            self.intents.write(intent)
        except JournalError as error:
            raise ccxt.InvalidOrder(f"It could not be written to the journal: {error}") from error

    def _find(self, intent: Intent, error: Exception) -> CcxtOrder:
        """Returns the order whose answer did not arrive.

        Raises `error` if the order does not exist or cannot be looked up.
        """
        try:
            found = self.look_up(intent)
        except ccxt.BaseError:
            raise error from None
        if found is None:
            if isinstance(error, ccxt.ExchangeError):  # ccxt refused it before any request
                self.intents.settle(intent.client_id, Outcome.REFUSED, note=message_of(error))
            raise error
        self.intents.settle(intent.client_id, Outcome.ANSWERED, str(found["id"]))
        logger.warning(
            f"The answer to an order for {intent.pair} was lost ({message_of(error)}): "
            f"the order is {found['id']}."
        )
        return found

    def _unanswered(self) -> list[JournalEntry]:
        return [entry for entry in self.intents.open() if entry.outcome is Outcome.SENT]

    def _answered_before(self, wanted: Intent) -> CcxtOrder | None:
        """Returns the order that resulted from an earlier attempt at the same, if any.

        :raises ccxt.RequestTimeout: an earlier entry may still be carried out, or has been
        """
        for entry in self._unanswered():
            sent = entry.intent
            if sent.pair != wanted.pair or not is_of_kind(sent.purpose, wanted.purpose):
                continue
            try:
                found = self.look_up(sent)
                answer = self._settle(sent, found, wanted)
            except ccxt.BaseError:
                if not wanted.reduce_only:
                    raise
                continue
            if answer is not None:
                logger.warning(f"The unanswered order for {sent.pair} is {answer['id']}.")
                return answer
        return None

    def _settle(self, sent: Intent, found: CcxtOrder | None, wanted: Intent) -> CcxtOrder | None:
        """Returns `found` if it is the wanted order; raises ccxt's errors and those of
        `_answered_before`."""
        if found is None:
            if not self.may_arrive(sent):
                self.intents.settle(sent.client_id, Outcome.MISSING)
            elif not wanted.reduce_only:
                raise ccxt.RequestTimeout("an earlier order may still be carried out")
            return None
        number = str(found["id"])
        if self._known(sent.pair, number):
            self.intents.settle(sent.client_id, Outcome.BOOKED, number)
            return None
        what = compare(sent, found, wanted)
        if what is Found.RESTING and sent.purpose is not Purpose.STOP:
            logger.warning(f"{sent.pair}: order {number}, which had no answer, is cancelled.")
            found = self._api.cancel_order(number, sent.pair)
            what = Found.EMPTY if is_empty(found) else Found.EFFECTIVE
        outcome = Outcome.CANCELLED if what is Found.EMPTY else Outcome.ANSWERED
        self.intents.settle(sent.client_id, outcome, number)
        if what is Found.EFFECTIVE and not wanted.reduce_only:
            raise ccxt.RequestTimeout("an earlier order has been carried out")
        return found if what is Found.ANSWER else None


def _is_refusal(error: Exception) -> bool:
    """Whether it is certain that the order does not exist.

    The exchange has refused it with one of its error codes, or the request was never sent. An error
    without a code may be of a server in between, which does not know.
    """
    if isinstance(error, LatchedError):
        return True
    return isinstance(error, _REFUSALS) and refusal_code(error) not in (None, _DUPLICATE)
