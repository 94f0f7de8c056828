"""Orders whose answer is lost are looked up at the exchange, not sent again.

Freqtrade takes an order without an answer for no order: it sends entries and stops again, knows
nothing of what the first ones became, and stores an answer that is not JSON under the id "None".
Here every order carries a client id of this bot's own, and when its answer does not arrive, or has
no id, the exchange is asked what became of it (GET /fapi/v1/order, /fapi/v1/algoOrder by client id;
weight 1). The exchange refuses a request older than its receive window, so that what is not there a
while later never will be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import ccxt
from freqtrade.persistence import KeyValueStore, Order
from sqlalchemy import select

from perpkit.bot.live.replaced import replace

logger = logging.getLogger(__name__)

TAG_KEY = "perpkit_order_tag"
# A request may be carried out so much later than the receive window says.
_MARGIN_MS = 5_000
# Errors that may come of an order that was carried out, but for those that say that it was not.
_UNANSWERED = ccxt.OperationFailed
_REFUSED = (ccxt.DDoSProtection, ccxt.RateLimitExceeded, ccxt.OnMaintenance, ccxt.InvalidNonce)
_OVER = ("canceled", "expired", "rejected")

CcxtOrder = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """An order that was sent.

    :param amount: in contracts, as sent
    :param closes: reduce-only, which can do no harm twice
    :param at: ms
    """

    client_id: str
    pair: str
    side: str
    amount: float
    stop: bool
    closes: bool
    at: int

    def resembles(self, other: Sent) -> bool:
        return (self.pair, self.side, self.stop, self.closes) == (
            other.pair,
            other.side,
            other.stop,
            other.closes,
        )


class OrderAnswers:
    """Takes the place of `create_order` and `fetch_order` of Freqtrade's ccxt client.

    :param bot: that runs
    :param tag: six characters by which the orders of this bot's database are known
    :param known: whether the database has an order, by pair and id
    """

    def __init__(self, bot: Any, tag: str, known: Callable[[str, str], bool]) -> None:
        self._api = bot.exchange._api
        self._tag = tag
        self._known = known
        self._unsettled: list[Sent] = []
        self.unanswered: set[str] = set()  # client ids
        self._send = replace(bot, "api.create_order", self.create_order)
        self._ask = replace(bot, "api.fetch_order", self.fetch_order)

    @property
    def unsettled(self) -> bool:
        """Whether there are orders of which nobody knows what became of them."""
        return bool(self._unsettled)

    def owns(self, client_id: str | None) -> bool:
        """Whether an order was sent by a bot with this database."""
        return client_id is not None and client_id.startswith(self._prefix)

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: dict[str, Any] | None = None,
    ) -> CcxtOrder:
        """As ccxt's. Raises what it raises, and `ccxt.RequestTimeout` for an entry that would
        perhaps be the second one."""
        params = dict(params or {})
        sent = Sent(
            client_id=self._prefix + token_hex(8),
            pair=symbol,
            side=side,
            amount=amount,
            stop="stopPrice" in params,
            closes=bool(params.get("reduceOnly")),
            at=self._api.milliseconds(),
        )
        if (earlier := self._settle(sent)) is not None:
            return earlier
        params["clientOrderId"] = sent.client_id
        try:
            order: CcxtOrder = self._send(symbol, type, side, amount, price, params)
        except _REFUSED:
            raise
        except _UNANSWERED as error:
            return self._find(sent, error)
        if order.get("id"):
            return order
        return self._find(sent, ccxt.BadResponse("an answer without an order"))

    def fetch_order(
        self, id: str, symbol: str | None = None, params: dict[str, Any] | None = None
    ) -> CcxtOrder:
        """As ccxt's, but of text that is not JSON it makes no order. Freqtrade would take such a
        one for a stop without a price, and cancel the stop to place another."""
        order: CcxtOrder = self._ask(id, symbol, params or {})
        if not order.get("id"):
            raise ccxt.BadResponse("an answer without an order")
        return order

    @property
    def _prefix(self) -> str:
        """The broker's id that ccxt would begin with (ten characters), and the tag."""
        broker: str = self._api.options["broker"]["future"]
        return broker + self._tag

    def _find(self, sent: Sent, error: ccxt.BaseError) -> CcxtOrder:
        """The order behind an answer that did not arrive.

        :raises ccxt.OperationFailed: `error`, when it is not there, or cannot be looked up
        """
        try:
            found = self._look_up(sent)
        except ccxt.BaseError:
            found = None
        if found is None:
            self._unsettled.append(sent)
            self.unanswered.add(sent.client_id)
            raise error
        logger.warning(f"The answer to an order for {sent.pair} was lost: found as {found['id']}.")
        return found

    def _settle(self, wanted: Sent) -> CcxtOrder | None:
        """The order that an earlier attempt at the same has become after all.

        :raises ccxt.RequestTimeout: for an entry while an earlier one may still be carried out
        """
        for sent in [each for each in self._unsettled if each.resembles(wanted)]:
            try:
                found = self._look_up(sent)
            except ccxt.BaseError:
                if not wanted.closes:
                    raise
                continue
            if found is None:
                if self._may_arrive(sent, wanted.at):
                    if not wanted.closes:
                        raise ccxt.RequestTimeout("an earlier order may still be carried out")
                    continue
                self._unsettled.remove(sent)
                continue
            self._unsettled.remove(sent)
            over = found["status"] in _OVER and not found["filled"]
            same = not sent.closes or sent.amount == wanted.amount
            if same and not over and not self._known(sent.pair, found["id"]):
                logger.warning(f"An order for {sent.pair} without an answer is {found['id']}.")
                return found
        return None

    def left_behind(self) -> Iterator[CcxtOrder]:
        """Orders in the book that were never answered for and are not sent again either.

        Those that cannot be looked up are kept for the next time.
        """
        now = self._api.milliseconds()
        for sent in [each for each in self._unsettled if not self._may_arrive(each, now)]:
            try:
                found = self._look_up(sent)
            except ccxt.BaseError:
                continue
            self._unsettled.remove(sent)
            if found is not None and found["status"] == "open":
                yield {**found, "symbol": sent.pair, "stop": sent.stop}

    def forget(self, pair: str) -> None:
        """Nobody waits any more for the answers to orders in this pair."""
        self._unsettled = [sent for sent in self._unsettled if sent.pair != pair]

    def _may_arrive(self, sent: Sent, now: int) -> bool:
        window: int = self._api.options["recvWindow"]
        return now - sent.at <= window + _MARGIN_MS

    def _look_up(self, sent: Sent) -> CcxtOrder | None:
        """None when the exchange does not have it; raises what ccxt raises."""
        params: dict[str, Any] = {"clientOrderId": sent.client_id}
        if sent.stop:
            params["stop"] = True
        try:
            return self.fetch_order("", sent.pair, params)
        except ccxt.OrderNotFound:
            return None

    def open_stops(self) -> Iterator[tuple[str, str]]:
        """Pair and id of the stops at the exchange that this bot has sent (weight 40)."""
        for stop in self._api.fapiPrivateGetOpenAlgoOrders():
            if self.owns(stop.get("clientAlgoId")):
                yield self._api.safe_symbol(stop["symbol"], None, None, "swap"), str(stop["algoId"])


def is_stored(pair: str, order_id: str) -> bool:
    """Whether the database has this order of the exchange."""
    which = select(Order.id).where(Order.ft_pair == pair, Order.order_id == order_id)
    return Order.session.scalars(which).first() is not None


def order_tag() -> str:
    """Of this bot's database, where it is kept; two bots on one account have two."""
    tag = KeyValueStore.get_string_value(TAG_KEY)
    if tag is None:
        tag = token_hex(3)
        KeyValueStore.store_value(TAG_KEY, tag)
    return tag
