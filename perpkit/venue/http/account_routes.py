"""Signed endpoints of USD-M futures: account, settings, and the router with all the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from perpkit.venue.engine import Account, Balance, PositionView, Refusal
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.order_faults import check_permission, locks
from perpkit.venue.http import account_payloads as payloads
from perpkit.venue.http import settings_payloads
from perpkit.venue.http.batch_routes import add_batches
from perpkit.venue.http.exchange_info import ORDER_LIMITS
from perpkit.venue.http.handlers import Handler, Signed, choice_of, known_symbol, optional_symbol
from perpkit.venue.http.history_routes import add_history
from perpkit.venue.http.numbers import plain
from perpkit.venue.http.order_routes import add_algos, add_orders
from perpkit.venue.http.signing import RequestParameters, authenticate, identify
from perpkit.venue.market.instruments import Instrument

SUCCESS = {"code": 200, "msg": "success"}


def account_router(exchange: Exchange) -> APIRouter:
    """Routes that trade on `exchange`; parameter names are the exchange's."""
    router, market = APIRouter(), exchange.market

    def signed(method: str, *paths: str, trading: bool = False) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            async def endpoint(request: Request) -> JSONResponse:
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
                    return JSONResponse(handler(account, parameters, now))
                finally:
                    exchange.checker.observe(exchange.engine, now)

            for path in paths:
                router.add_api_route(path, endpoint, methods=[method])
            return handler

        return register

    _add_listen_keys(router, exchange)
    _add_settings(exchange, signed)
    _add_account(exchange, signed)
    add_orders(exchange, signed)
    add_batches(exchange, signed)
    add_algos(exchange, signed)
    add_history(exchange, signed)
    return router


def _add_listen_keys(router: APIRouter, exchange: Exchange) -> None:
    market, keys = exchange.market, exchange.listen_keys

    def account_of(request: Request) -> Account:
        account = identify(
            exchange.engine,
            api_key=request.headers.get("x-mbx-apikey"),
            address=request.client.host if request.client else "",
            now=market.now(),
        )
        check_permission(market.faults, trading=False, now=market.now())
        return account

    @router.post("/fapi/v1/listenKey")
    async def open_key(request: Request) -> Any:
        return {"listenKey": keys.open(account_of(request), market.now())}

    @router.put("/fapi/v1/listenKey")
    async def extend_key(request: Request) -> Any:
        return {"listenKey": keys.extend(account_of(request), market.now())}

    @router.delete("/fapi/v1/listenKey")
    async def close_key(request: Request) -> Any:
        keys.close(account_of(request))
        return {}


def _add_settings(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    @signed("GET", "/fapi/v1/positionSide/dual")
    def position_mode(account: Account, _: RequestParameters, now: int) -> Any:
        return {"dualSidePosition": account.hedge}

    @signed("POST", "/fapi/v1/positionSide/dual", trading=True)
    def set_position_mode(account: Account, sent: RequestParameters, now: int) -> Any:
        engine.set_position_mode(account, hedge=_required_flag(sent, "dualSidePosition"))
        return SUCCESS

    @signed("GET", "/fapi/v1/multiAssetsMargin")
    def multi_assets(account: Account, _: RequestParameters, now: int) -> Any:
        return {"multiAssetsMargin": account.multi_assets}

    @signed("POST", "/fapi/v1/multiAssetsMargin", trading=True)
    def set_multi_assets(account: Account, sent: RequestParameters, now: int) -> Any:
        engine.set_multi_assets(account, multi_assets=_required_flag(sent, "multiAssetsMargin"))
        return SUCCESS

    @signed("POST", "/fapi/v1/marginType", trading=True)
    def set_margin_type(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        kind = choice_of(sent, "marginType", ("ISOLATED", "CROSSED"))
        if kind is None:
            raise Refusal.MANDATORY.error("marginType")
        engine.set_margin_type(account, symbol, isolated=kind == "ISOLATED")
        return SUCCESS

    @signed("POST", "/fapi/v1/leverage", trading=True)
    def set_leverage(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol, leverage = sent.text("symbol"), sent.integer("leverage")
        largest = engine.set_leverage(account, symbol, leverage)
        return {
            "leverage": leverage,
            "maxNotionalValue": plain(largest),
            "symbol": symbol,
        }

    @signed("POST", "/fapi/v1/positionMargin", trading=True)
    def position_margin(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        amount = sent.decimal("amount")
        kind = choice_of(sent, "type", ("1", "2"))
        for name, value in (("amount", amount), ("type", kind)):
            if value is None:
                raise Refusal.MANDATORY.error(name)
        assert amount is not None
        side = sent.text("positionSide", "BOTH")
        engine.change_margin(account, symbol, side, amount if kind == "1" else -amount, now)
        return {
            "amount": float(amount),
            "code": 200,
            "msg": "Successfully modify position margin.",
            "type": int(kind or 0),
        }

    @signed("GET", "/fapi/v1/rateLimit/order")
    def order_limits(account: Account, _: RequestParameters, now: int) -> Any:
        return ORDER_LIMITS

    @signed("GET", "/fapi/v1/accountConfig")
    def account_config(account: Account, _: RequestParameters, now: int) -> Any:
        return settings_payloads.account_config(account)

    @signed("GET", "/fapi/v1/symbolConfig")
    def symbol_config(account: Account, sent: RequestParameters, now: int) -> Any:
        return [
            settings_payloads.symbol_config(engine.positions(account, symbol)[0])
            for symbol in _chosen(exchange, sent)
        ]

    @signed("GET", "/fapi/v1/leverageBracket")
    def leverage_bracket(account: Account, sent: RequestParameters, now: int) -> Any:
        return [
            settings_payloads.brackets(symbol, engine.contract(symbol).brackets)
            for symbol in _chosen(exchange, sent)
        ]

    @signed("GET", "/fapi/v1/commissionRate")
    def commission_rate(account: Account, sent: RequestParameters, now: int) -> Any:
        return settings_payloads.commission_rate(account, known_symbol(engine, sent))


def _add_account(exchange: Exchange, signed: Signed) -> None:
    engine = exchange.engine

    def on_grid(views: list[PositionView]) -> list[tuple[PositionView, Instrument]]:
        return [(view, exchange.market.instrument(view.symbol)) for view in views]

    def every(account: Account, symbols: list[str]) -> list[tuple[PositionView, Instrument]]:
        """The positions of these symbols, flat ones included, as version 2 returns them."""
        return on_grid([view for s in symbols for view in engine.positions(account, s)])

    def balances(account: Account) -> dict[str, Balance]:
        return {asset: engine.balance(account, asset) for asset in engine.assets(account)}

    @signed("GET", "/fapi/v3/account")
    def account_v3(account: Account, _: RequestParameters, now: int) -> Any:
        views = on_grid(engine.positions(account))
        return payloads.account_v3(balances(account), views)

    @signed("GET", "/fapi/v2/account")
    def account_v2(account: Account, _: RequestParameters, now: int) -> Any:
        views = every(account, exchange.market.symbols)
        return payloads.account_v2(account, balances(account), views)

    @signed("GET", "/fapi/v2/balance", "/fapi/v3/balance")
    def balance(account: Account, _: RequestParameters, now: int) -> Any:
        return [payloads.balance_row(account.api_key, *each) for each in balances(account).items()]

    @signed("GET", "/fapi/v3/positionRisk")
    def position_risk_v3(account: Account, sent: RequestParameters, now: int) -> Any:
        only = optional_symbol(engine, sent)
        held = [view for view in engine.positions(account) if only in (None, view.symbol)]
        return [payloads.position_v3(*each) for each in on_grid(held)]

    @signed("GET", "/fapi/v2/positionRisk")
    def position_risk_v2(account: Account, sent: RequestParameters, now: int) -> Any:
        return [payloads.position_v2(*each) for each in every(account, _chosen(exchange, sent))]

    @signed("GET", "/fapi/v1/adlQuantile")
    def adl_quantile(account: Account, sent: RequestParameters, now: int) -> Any:
        only = optional_symbol(engine, sent)
        held = {view.symbol for view in engine.positions(account) if view.amount}
        return [
            payloads.adl_quantile(symbol, engine.positions(account, symbol))
            for symbol in exchange.market.symbols
            if symbol in held and only in (None, symbol)
        ]

    @signed("GET", "/fapi/v1/apiTradingStatus")
    def trading_status(account: Account, sent: RequestParameters, now: int) -> Any:
        only = optional_symbol(engine, sent)
        found = locks(exchange.market.faults, now)
        return settings_payloads.trading_status([f for f in found if only in (None, f.symbol)], now)

    @signed("GET", "/sapi/v1/account/apiRestrictions")
    def api_restrictions(account: Account, _: RequestParameters, now: int) -> Any:
        return settings_payloads.restrictions(account)


def _chosen(exchange: Exchange, sent: RequestParameters) -> list[str]:
    """The requested symbol, or all symbols when none is named."""
    only = optional_symbol(exchange.engine, sent)
    return exchange.market.symbols if only is None else [only]


def _required_flag(sent: RequestParameters, name: str) -> bool:
    sent.text(name)
    return sent.flag(name)
