"""Signed endpoints of several orders at once: each is placed, changed or cancelled by itself.

An order that is refused has its code and message in the answer, in its place; the others are
carried out. The exchange handles a batch concurrently; here the list is carried out in its order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perpkit.venue.engine import Account, Refusal
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.form import read_objects, read_values
from perpkit.venue.http.handlers import Handler, Signed, known_symbol
from perpkit.venue.http.order_routes import amend_order, cancel_order, place_order
from perpkit.venue.http.signing import RequestParameters

_PATH = "/fapi/v1/batchOrders"
_MOST_PLACED, _MOST_CANCELLED = 5, 10


def add_batches(exchange: Exchange, signed: Signed) -> None:
    signed("POST", _PATH, trading=True)(_each(exchange, place_order))
    signed("PUT", _PATH, trading=True)(_each(exchange, amend_order))

    @signed("DELETE", _PATH, trading=True)
    def cancel(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(exchange.engine, sent)
        listed, name = sent.optional("orderIdList"), "orderId"
        if listed is None:
            listed, name = sent.text("origClientOrderIdList"), "origClientOrderId"
        orders = read_values(f"{name}List", listed)
        if not 1 <= len(orders) <= _MOST_CANCELLED:
            raise Refusal.CANCEL_BATCH_SIZE.error()
        return [
            _answer(cancel_order, exchange, account, symbol, RequestParameters({name: order}), now)
            for order in orders
        ]


def _each(exchange: Exchange, carry_out: Callable[..., Any]) -> Handler:
    """Carries out each of `batchOrders`."""

    def handler(account: Account, sent: RequestParameters, now: int) -> Any:
        listed = read_objects("batchOrders", sent.text("batchOrders"))
        orders = [RequestParameters(order) for order in listed]
        if not 1 <= len(orders) <= _MOST_PLACED:
            raise Refusal.BATCH_SIZE.error()
        answers = []
        for order in orders:
            # The batch as a whole has no symbol, and time goes on between its orders.
            now = exchange.catch_up(order.optional("symbol"))
            answers.append(_answer(carry_out, exchange, account, order, now))
        return answers

    return handler


def _answer(carry_out: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return carry_out(*arguments)
    except VenueError as refusal:
        return {"code": refusal.code, "msg": refusal.msg}
