"""Signed endpoints of USD-M futures: settings, account, orders, conditional orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request

from perpkit.venue import account_payloads as payloads
from perpkit.venue.engine import Account, IncomeKind, NewAlgo, NewOrder, Refusal
from perpkit.venue.exchange import Exchange
from perpkit.venue.order_faults import check_permission
from perpkit.venue.signing import Parameters, authenticate

# What a signed endpoint does with the account, the parameters and the present (ms).
Handler = Callable[[Account, Parameters, int], Any]

SUCCESS = {"code": 200, "msg": "success"}


def account_router(exchange: Exchange) -> APIRouter:
    """Routes that trade on `exchange`; parameter names are the exchange's."""
    router, market = APIRouter(), exchange.market

    def signed(method: str, *paths: str, trading: bool = False) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            async def endpoint(request: Request) -> Any:
                account, parameters = authenticate(
                    exchange.engine,
                    api_key=request.headers.get("x-mbx-apikey"),
                    query=request.scope["query_string"],
                    body=await request.body(),
                    content_type=request.headers.get("content-type", ""),
                    now=market.server_time(),
                    address=request.client.host if request.client else "",
                    trading=trading,
                )
                check_permission(market.faults, trading=trading, now=market.now())
                now = exchange.catch_up(parameters.optional("symbol"))
                if method == "GET":
                    account = exchange.visibility.of(account, now)
                try:
                    return handler(account, parameters, now)
                finally:
                    exchange.checker.observe(exchange.engine, now)

            for path in paths:
                router.add_api_route(path, endpoint, methods=[method])
            return handler

        return register

    _add_settings(exchange, signed)
    _add_account(exchange, signed)
    _add_orders(exchange, signed)
    _add_algos(exchange, signed)
    return router


Signed = Callable[..., Callable[[Handler], Handler]]


def _add_settings(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    @signed("GET", "/fapi/v1/positionSide/dual")
    def position_mode(account: Account, _: Parameters, now: int) -> Any:
        return {"dualSidePosition": account.hedge}

    @signed("POST", "/fapi/v1/positionSide/dual", trading=True)
    def set_position_mode(account: Account, sent: Parameters, now: int) -> Any:
        engine.set_position_mode(account, hedge=sent.flag("dualSidePosition"))
        return SUCCESS

    @signed("GET", "/fapi/v1/multiAssetsMargin")
    def multi_assets(account: Account, _: Parameters, now: int) -> Any:
        return {"multiAssetsMargin": account.multi_assets}

    @signed("POST", "/fapi/v1/multiAssetsMargin", trading=True)
    def set_multi_assets(account: Account, sent: Parameters, now: int) -> Any:
        engine.set_multi_assets(account, multi_assets=sent.flag("multiAssetsMargin"))
        return SUCCESS

    @signed("POST", "/fapi/v1/marginType", trading=True)
    def set_margin_type(account: Account, sent: Parameters, now: int) -> Any:
        kind = sent.text("marginType").upper()
        if kind not in ("ISOLATED", "CROSSED"):
            raise Refusal.INVALID_PARAMETER.error("marginType")
        engine.set_margin_type(account, sent.text("symbol"), isolated=kind == "ISOLATED")
        return SUCCESS

    @signed("POST", "/fapi/v1/leverage", trading=True)
    def set_leverage(account: Account, sent: Parameters, now: int) -> Any:
        symbol, leverage = sent.text("symbol"), sent.integer("leverage")
        largest = engine.set_leverage(account, symbol, leverage)
        return {
            "leverage": leverage,
            "maxNotionalValue": payloads.number(largest),
            "symbol": symbol,
        }

    @signed("GET", "/fapi/v1/leverageBracket")
    def leverage_bracket(account: Account, sent: Parameters, now: int) -> Any:
        only = sent.optional("symbol")
        return [
            payloads.brackets(symbol, engine.contract(symbol).brackets)
            for symbol in ([only] if only else exchange.market.symbols)
        ]


def _add_account(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    @signed("GET", "/fapi/v2/account", "/fapi/v3/account")
    def whole_account(account: Account, _: Parameters, now: int) -> Any:
        return payloads.account(account, engine.balance(account), engine.positions(account))

    @signed("GET", "/fapi/v2/balance", "/fapi/v3/balance")
    def balance(account: Account, _: Parameters, now: int) -> Any:
        return [payloads.balance_row(account.api_key, engine.balance(account))]

    @signed("GET", "/fapi/v2/positionRisk", "/fapi/v3/positionRisk")
    def position_risk(account: Account, sent: Parameters, now: int) -> Any:
        return [payloads.position(v) for v in engine.positions(account, sent.optional("symbol"))]

    @signed("GET", "/fapi/v1/income")
    def income(account: Account, sent: Parameters, now: int) -> Any:
        kind = sent.optional("incomeType")
        if kind is not None and kind not in list(IncomeKind):
            raise Refusal.INVALID_PARAMETER.error("incomeType")
        rows = engine.income(
            account,
            symbol=sent.optional("symbol"),
            kind=None if kind is None else IncomeKind(kind),
            start=sent.integer("startTime", 0),
            end=sent.integer("endTime", now),
        )
        return [payloads.income(row) for row in rows[: sent.integer("limit", 100)]]

    @signed("GET", "/fapi/v1/userTrades")
    def user_trades(account: Account, sent: Parameters, now: int) -> Any:
        rows = engine.user_trades(
            account,
            sent.text("symbol"),
            order_id=sent.integer("orderId", 0) or None,
            start=sent.integer("startTime", 0),
            end=sent.integer("endTime", now),
        )
        return [payloads.trade(row) for row in rows[: sent.integer("limit", 500)]]

    @signed("GET", "/fapi/v1/commissionRate")
    def commission_rate(account: Account, sent: Parameters, now: int) -> Any:
        return {
            "symbol": engine.contract(sent.text("symbol")).symbol,
            "makerCommissionRate": payloads.number(account.maker),
            "takerCommissionRate": payloads.number(account.taker),
        }

    @signed("GET", "/sapi/v1/account/apiRestrictions")
    def api_restrictions(account: Account, _: Parameters, now: int) -> Any:
        return payloads.restrictions(account)


def _add_orders(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    @signed("POST", "/fapi/v1/order", trading=True)
    def place(account: Account, sent: Parameters, now: int) -> Any:
        return payloads.order(engine.place_order(account, _new_order(sent), now))

    @signed("GET", "/fapi/v1/order", "/fapi/v1/openOrder")
    def query(account: Account, sent: Parameters, now: int) -> Any:
        return payloads.order(
            engine.query_order(account, sent.text("symbol"), **_which(sent, "orderId"))
        )

    @signed("DELETE", "/fapi/v1/order", trading=True)
    def cancel(account: Account, sent: Parameters, now: int) -> Any:
        return payloads.order(
            engine.cancel_order(account, sent.text("symbol"), now, **_which(sent, "orderId"))
        )

    @signed("DELETE", "/fapi/v1/allOpenOrders", trading=True)
    def cancel_all(account: Account, sent: Parameters, now: int) -> Any:
        engine.cancel_all(account, sent.text("symbol"), now)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    @signed("GET", "/fapi/v1/openOrders")
    def open_orders(account: Account, sent: Parameters, now: int) -> Any:
        return [payloads.order(o) for o in engine.open_orders(account, sent.optional("symbol"))]

    @signed("GET", "/fapi/v1/allOrders")
    def all_orders(account: Account, sent: Parameters, now: int) -> Any:
        first, start = sent.integer("orderId", 0), sent.integer("startTime", 0)
        rows = [
            order
            for order in engine.orders(account, sent.text("symbol"))
            if order.id >= first and order.created >= start
        ]
        limit = sent.integer("limit", 500)
        return [payloads.order(o) for o in (rows[:limit] if first or start else rows[-limit:])]


def _add_algos(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    @signed("POST", "/fapi/v1/algoOrder", trading=True)
    def place(account: Account, sent: Parameters, now: int) -> Any:
        if sent.text("algoType") != "CONDITIONAL":
            raise Refusal.INVALID_PARAMETER.error("algoType")
        return payloads.algo(engine.place_algo(account, _new_algo(sent), now))

    @signed("GET", "/fapi/v1/algoOrder")
    def query(account: Account, sent: Parameters, now: int) -> Any:
        return payloads.algo(engine.query_algo(account, **_which_algo(sent)))

    @signed("DELETE", "/fapi/v1/algoOrder", trading=True)
    def cancel(account: Account, sent: Parameters, now: int) -> Any:
        algo = engine.cancel_algo(account, now, **_which_algo(sent))
        return {
            "algoId": algo.id,
            "clientAlgoId": algo.client_id,
            "code": "200",
            "msg": "success",
        }

    @signed("DELETE", "/fapi/v1/algoOpenOrders", trading=True)
    def cancel_all(account: Account, sent: Parameters, now: int) -> Any:
        engine.cancel_all_algos(account, sent.text("symbol"), now)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    @signed("GET", "/fapi/v1/openAlgoOrders")
    def open_algos(account: Account, sent: Parameters, now: int) -> Any:
        return [payloads.algo(a) for a in engine.open_algos(account, sent.optional("symbol"))]

    @signed("GET", "/fapi/v1/allAlgoOrders")
    def all_algos(account: Account, sent: Parameters, now: int) -> Any:
        symbol = sent.text("symbol")
        return [payloads.algo(a) for a in account.algos.values() if a.symbol == symbol]


def _new_order(sent: Parameters) -> NewOrder:
    return NewOrder(
        symbol=sent.text("symbol"),
        side=sent.text("side"),
        type=sent.text("type"),
        quantity=sent.decimal("quantity"),
        price=sent.decimal("price"),
        time_in_force=sent.optional("timeInForce"),
        reduce_only=sent.flag("reduceOnly"),
        position_side=sent.text("positionSide", "BOTH"),
        client_id=sent.optional("newClientOrderId"),
    )


def _new_algo(sent: Parameters) -> NewAlgo:
    return NewAlgo(
        symbol=sent.text("symbol"),
        side=sent.text("side"),
        type=sent.text("type"),
        quantity=sent.decimal("quantity"),
        trigger_price=sent.decimal("triggerPrice"),
        price=sent.decimal("price"),
        time_in_force=sent.text("timeInForce", "GTC"),
        working_type=sent.text("workingType", "CONTRACT_PRICE"),
        reduce_only=sent.flag("reduceOnly"),
        close_position=sent.flag("closePosition"),
        activate_price=sent.decimal("activatePrice"),
        callback_rate=sent.decimal("callbackRate"),
        position_side=sent.text("positionSide", "BOTH"),
        client_id=sent.optional("clientAlgoId"),
    )


def _which(sent: Parameters, name: str) -> dict[str, Any]:
    """The order that is meant, by id or by the client's own."""
    number, client = sent.integer(name, 0), sent.text("origClientOrderId", "")
    if not number and not client:
        raise Refusal.MANDATORY.error(name)
    return {"order_id": number, "client_id": client}


def _which_algo(sent: Parameters) -> dict[str, Any]:
    number, client = sent.integer("algoId", 0), sent.text("clientAlgoId", "")
    if not number and not client:
        raise Refusal.MANDATORY.error("algoId")
    return {"algo_id": number, "client_id": client}
