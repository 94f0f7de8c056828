"""Signed endpoints of orders and conditional orders: place, change, cancel, query."""

from __future__ import annotations

from typing import Any

from perpkit.venue.engine import Account, NewAlgo, NewOrder, OrderChange, Refusal
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.order_faults import check_lock
from perpkit.venue.http import order_payloads as payloads
from perpkit.venue.http.handlers import (
    Signed,
    choice_of,
    known_symbol,
    optional_integer,
    optional_symbol,
)
from perpkit.venue.http.signing import RequestParameters

_CANCELLED_ALL = {"code": 200, "msg": "The operation of cancel all open order is done."}
_RESPONSES = ("ACK", "RESULT")
_SELF_TRADES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


# Side and position side of orders that close a position in hedge mode.
_CLOSING = {("SELL", "LONG"), ("BUY", "SHORT")}


def place_order(exchange: Exchange, account: Account, sent: RequestParameters, now: int) -> Any:
    new = _new_order(account, sent)
    check_lock_of(exchange, new, closing=new.reduce_only, now=now)
    order = exchange.engine.place_order(account, new, now)
    return payloads.placed(order, exchange.market.instrument(order.symbol))


def amend_order(exchange: Exchange, account: Account, sent: RequestParameters, now: int) -> Any:
    symbol = known_symbol(exchange.engine, sent)
    change = OrderChange(
        side=sent.text("side"),
        quantity=sent.decimal("quantity"),
        price=sent.decimal("price"),
        price_match=sent.text("priceMatch", "NONE"),
        reduce_only=sent.flag("reduceOnly"),
        number=optional_integer(sent, "modifyId"),
    )
    which = order_of(sent, "orderId")
    order = exchange.engine.query_order(account, symbol, **which)
    check_lock(exchange.market.faults, symbol, closing=order.closing, now=now)
    order = exchange.engine.amend_order(account, symbol, change, now, **which)
    return payloads.amended(order, exchange.market.instrument(symbol), change.number)


def cancel_order(
    exchange: Exchange, account: Account, symbol: str, sent: RequestParameters, now: int
) -> Any:
    order = exchange.engine.cancel_order(account, symbol, now, **order_of(sent, "orderId"))
    return payloads.placed(order, exchange.market.instrument(symbol))


def add_orders(exchange: Exchange, signed: Signed) -> None:
    engine, instrument = exchange.engine, exchange.market.instrument

    @signed("POST", "/fapi/v1/order", trading=True)
    def place(account: Account, sent: RequestParameters, now: int) -> Any:
        return place_order(exchange, account, sent, now)

    @signed("POST", "/fapi/v1/order/test", trading=True)
    def check(account: Account, sent: RequestParameters, now: int) -> Any:
        new = _new_order(account, sent)
        check_lock_of(exchange, new, closing=new.reduce_only, now=now)
        order = engine.check_order(account, new, now)
        return payloads.placed(order, instrument(order.symbol))

    @signed("PUT", "/fapi/v1/order", trading=True)
    def amend(account: Account, sent: RequestParameters, now: int) -> Any:
        return amend_order(exchange, account, sent, now)

    @signed("GET", "/fapi/v1/order")
    def query(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        order = engine.query_order(account, symbol, now=now, **order_of(sent, "orderId"))
        return payloads.queried(order, instrument(symbol))

    @signed("GET", "/fapi/v1/openOrder")
    def query_open(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        order = engine.query_order(account, symbol, now=now, **order_of(sent, "orderId"))
        if not order.is_open:
            raise Refusal.NO_SUCH_ORDER.error()
        return payloads.queried(order, instrument(symbol))

    @signed("DELETE", "/fapi/v1/order", trading=True)
    def cancel(account: Account, sent: RequestParameters, now: int) -> Any:
        return cancel_order(exchange, account, known_symbol(engine, sent), sent, now)

    @signed("DELETE", "/fapi/v1/allOpenOrders", trading=True)
    def cancel_all(account: Account, sent: RequestParameters, now: int) -> Any:
        engine.cancel_all(account, known_symbol(engine, sent), now)
        return _CANCELLED_ALL

    @signed("POST", "/fapi/v1/countdownCancelAll", trading=True)
    def countdown(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol, after = known_symbol(engine, sent), sent.integer("countdownTime")
        engine.set_countdown(account, symbol, after, now)
        return {"symbol": symbol, "countdownTime": str(after)}

    @signed("GET", "/fapi/v1/openOrders")
    def open_orders(account: Account, sent: RequestParameters, now: int) -> Any:
        orders = engine.open_orders(account, optional_symbol(engine, sent))
        return [payloads.queried(order, instrument(order.symbol)) for order in orders]


def add_algos(exchange: Exchange, signed: Signed) -> None:
    engine, instrument = exchange.engine, exchange.market.instrument

    @signed("POST", "/fapi/v1/algoOrder", trading=True)
    def place(account: Account, sent: RequestParameters, now: int) -> Any:
        sent.text("algoType")
        choice_of(sent, "algoType", ("CONDITIONAL",))
        new = _new_algo(account, sent)
        check_lock_of(exchange, new, closing=new.reduce_only or new.close_position, now=now)
        algo = engine.place_algo(account, new, now)
        return payloads.placed_algo(algo, instrument(algo.symbol))

    @signed("GET", "/fapi/v1/algoOrder")
    def query(account: Account, sent: RequestParameters, now: int) -> Any:
        algo = engine.query_algo(account, now=now, **_which_algo(sent))
        return payloads.queried_algo(algo, instrument(algo.symbol))

    @signed("DELETE", "/fapi/v1/algoOrder", trading=True)
    def cancel(account: Account, sent: RequestParameters, now: int) -> Any:
        algo = engine.cancel_algo(account, now, **_which_algo(sent))
        return {
            "algoId": algo.id,
            "clientAlgoId": algo.client_id,
            "code": "200",
            "msg": "success",
        }

    @signed("DELETE", "/fapi/v1/algoOpenOrders", trading=True)
    def cancel_all(account: Account, sent: RequestParameters, now: int) -> Any:
        engine.cancel_all_algos(account, known_symbol(engine, sent), now)
        return _CANCELLED_ALL

    @signed("GET", "/fapi/v1/openAlgoOrders")
    def open_algos(account: Account, sent: RequestParameters, now: int) -> Any:
        choice_of(sent, "algoType", ("CONDITIONAL",))
        number = optional_integer(sent, "algoId")
        algos = engine.open_algos(account, optional_symbol(engine, sent))
        return [
            payloads.listed_algo(algo, instrument(algo.symbol))
            for algo in algos
            if number in (None, algo.id)
        ]


def check_lock_of(exchange: Exchange, new: NewOrder | NewAlgo, *, closing: bool, now: int) -> None:
    """Refuses opening orders, -4400, while account or symbol is locked."""
    symbol = exchange.engine.contract(new.symbol).symbol
    closing = closing or (new.side, new.position_side) in _CLOSING
    check_lock(exchange.market.faults, symbol, closing=closing, now=now)


def _new_order(account: Account, sent: RequestParameters) -> NewOrder:
    choice_of(sent, "newOrderRespType", _RESPONSES, Refusal.INVALID_RESPONSE_TYPE)
    choice_of(sent, "selfTradePreventionMode", _SELF_TRADES, Refusal.BAD_SELF_TRADE_MODE)
    sent.flag("priceProtect")  # used by conditional orders only, but validated here, too
    return NewOrder(
        symbol=sent.text("symbol"),
        side=sent.text("side"),
        type=sent.text("type"),
        quantity=sent.decimal("quantity"),
        price=sent.decimal("price"),
        time_in_force=sent.optional("timeInForce"),
        reduce_only=_reduce_only(sent, barred=account.hedge),
        position_side=sent.text("positionSide", "BOTH"),
        client_id=sent.optional("newClientOrderId"),
        price_match=sent.text("priceMatch", "NONE"),
        good_till=optional_integer(sent, "goodTillDate"),
    )


def _new_algo(account: Account, sent: RequestParameters) -> NewAlgo:
    choice_of(sent, "newOrderRespType", _RESPONSES, Refusal.INVALID_RESPONSE_TYPE)
    choice_of(sent, "selfTradePreventionMode", _SELF_TRADES, Refusal.BAD_SELF_TRADE_MODE)
    whole = sent.flag("closePosition")
    return NewAlgo(
        symbol=sent.text("symbol"),
        side=sent.text("side"),
        type=sent.text("type"),
        quantity=sent.decimal("quantity"),
        trigger_price=sent.decimal("triggerPrice"),
        price=sent.decimal("price"),
        time_in_force=sent.text("timeInForce", "GTC"),
        working_type=sent.text("workingType", "CONTRACT_PRICE"),
        reduce_only=_reduce_only(sent, barred=account.hedge or whole),
        close_position=whole,
        activate_price=sent.decimal("activatePrice"),
        callback_rate=sent.decimal("callbackRate"),
        position_side=sent.text("positionSide", "BOTH"),
        client_id=sent.optional("clientAlgoId"),
        price_match=sent.text("priceMatch", "NONE"),
        good_till=optional_integer(sent, "goodTillDate"),
        price_protect=sent.flag("priceProtect"),
    )


def _reduce_only(sent: RequestParameters, *, barred: bool) -> bool:
    """Reads `reduceOnly`; where it is barred, not even "false" may be sent."""
    if barred and sent.optional("reduceOnly") is not None:
        raise Refusal.NOT_REQUIRED.error("reduceonly")
    return sent.flag("reduceOnly")


def order_of(sent: RequestParameters, name: str) -> dict[str, Any]:
    """Identifies an order by the exchange's id or by the client's own."""
    number, client = _either(sent, name, "origClientOrderId")
    return {"order_id": number, "client_id": client}


def _which_algo(sent: RequestParameters) -> dict[str, Any]:
    number, client = _either(sent, "algoId", "clientAlgoId")
    return {"algo_id": number, "client_id": client}


def _either(sent: RequestParameters, name: str, client_name: str) -> tuple[int, str]:
    number, client = optional_integer(sent, name) or 0, sent.text(client_name, "")
    if not number and not client:
        raise VenueError(
            Refusal.MANDATORY.code,
            f"Param '{client_name}' or '{name}' must be sent, but both were empty/null!",
        )
    return number, client
