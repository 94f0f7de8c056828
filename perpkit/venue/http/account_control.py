"""Control of accounts: list them, open one, fill an order, settle funding."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator, BeforeValidator, Field

from perpkit.venue.engine import USDT, PositionView
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.account_terms import MAX_ACCOUNTS, checked_key, checked_wallets
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http import account_payloads, order_payloads
from perpkit.venue.http.control import Body
from perpkit.venue.http.form import LONGEST
from perpkit.venue.http.numbers import plain
from perpkit.venue.market.candles import PriceKind


class NewAccount(Body):
    """:param wallet: balances by asset; a single number is USDT"""

    api_key: Annotated[str, AfterValidator(partial(checked_key, "api_key"))]
    secret: Annotated[str, AfterValidator(partial(checked_key, "secret"))]
    wallet: Annotated[dict[str, Decimal], BeforeValidator(checked_wallets)]


class NewFill(Body):
    """A fill of a resting order at its price; by default of all that remains of it."""

    api_key: str
    order_id: int = Field(ge=0, le=LONGEST)
    quantity: Decimal | None = Field(default=None, gt=0, le=10**12, decimal_places=12)


class SettlementBody(Body):
    """:param rate: funding rate, a fraction that longs pay to shorts now"""

    symbol: str
    rate: Decimal = Field(ge=-1, le=1, decimal_places=10)


def _short(balance: dict[str, Any]) -> dict[str, Any]:
    """The balance in readable form: amounts without trailing zeros."""
    return {
        name: plain(Decimal(value)) if isinstance(value, str) and name != "asset" else value
        for name, value in balance.items()
    }


def add_account_control(app: FastAPI, exchange: Exchange) -> None:
    """Adds the routes of accounts to an application that is mounted at /control."""
    engine, instrument = exchange.engine, exchange.market.instrument

    def position(view: PositionView) -> dict[str, Any]:
        """The position with the fields of both versions (2 and 3) of the exchange's API."""
        grid = instrument(view.symbol)
        return {
            **account_payloads.position_v2(view, grid),
            **account_payloads.position_v3(view, grid),
        }

    def shown(api_key: str) -> dict[str, Any]:
        account = engine.account(api_key)
        return {
            "api_key": api_key,
            **_short(account_payloads.asset_v3(USDT, engine.balance(account))),
            "assets": [
                _short(account_payloads.asset_v3(asset, engine.balance(account, asset)))
                for asset in engine.assets(account)
            ],
            "positions": [position(v) for v in engine.positions(account)],
            "orders": [
                order_payloads.queried(o, instrument(o.symbol)) for o in engine.open_orders(account)
            ],
            "algo_orders": [
                order_payloads.listed_algo(a, instrument(a.symbol))
                for a in engine.open_algos(account)
            ],
        }

    @app.get("/accounts")
    async def accounts() -> list[dict[str, Any]]:
        exchange.catch_up()
        return [shown(account.api_key) for account in engine.accounts]

    @app.post("/accounts")
    async def open_account(body: NewAccount) -> dict[str, Any]:
        if len(engine.accounts) >= MAX_ACCOUNTS:
            raise HTTPException(400, f"there are {MAX_ACCOUNTS} accounts, which is the most")
        try:
            engine.add_account(body.api_key, body.secret, body.wallet, exchange.market.now())
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        exchange.catch_up()
        return shown(body.api_key)

    @app.post("/fills")
    async def fill(body: NewFill) -> dict[str, Any]:
        now = exchange.catch_up()
        try:
            account = engine.account(body.api_key)
            order = account.orders.get(body.order_id)
            quantity = body.quantity or (order.remaining if order else Decimal(0))
            if order is not None and quantity != engine.contract(order.symbol).quantity(quantity):
                step = engine.contract(order.symbol).step
                raise HTTPException(400, f"quantity must be a multiple of {step:f}, got {quantity}")
            filled = engine.fill_order(account, body.order_id, quantity, now)
            return order_payloads.queried(filled, instrument(filled.symbol))
        except VenueError as error:
            raise HTTPException(400, str(error)) from error

    @app.post("/funding")
    async def settle(body: SettlementBody) -> dict[str, str]:
        try:
            contract = engine.contract(body.symbol)
        except VenueError as error:
            raise HTTPException(400, str(error)) from error
        now = exchange.catch_up(body.symbol)
        mark = contract.price(exchange.market.price(body.symbol, PriceKind.MARK))
        engine.on_funding(body.symbol, body.rate, mark, now)
        return {"symbol": body.symbol, "rate": str(body.rate), "mark": plain(mark)}

    @app.get("/breaches")
    async def breaches() -> list[dict[str, Any]]:
        exchange.catch_up()
        return [asdict(breach) for breach in exchange.checker.breaches]
