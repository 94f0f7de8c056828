"""Control of accounts: see them, open one, trade with an order, charge funding."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator, BeforeValidator, Field

from perpkit.venue import account_payloads as payloads
from perpkit.venue.account_terms import MAX_ACCOUNTS, checked_key, checked_wallet
from perpkit.venue.candles import Kind
from perpkit.venue.control import Body
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange import Exchange
from perpkit.venue.form import LONGEST


class NewAccount(Body):
    """:param wallet: USDT"""

    api_key: Annotated[str, AfterValidator(partial(checked_key, "api_key"))]
    secret: Annotated[str, AfterValidator(partial(checked_key, "secret"))]
    wallet: Annotated[Decimal, BeforeValidator(checked_wallet)]


class NewFill(Body):
    """Somebody trades with a resting order at its price; all that is left by default."""

    api_key: str
    order_id: int = Field(ge=0, le=LONGEST)
    quantity: Decimal | None = Field(default=None, gt=0, le=10**12, decimal_places=12)


class Settlement(Body):
    """:param rate: a fraction, paid by longs to shorts now"""

    symbol: str
    rate: Decimal = Field(ge=-1, le=1, decimal_places=10)


def add_account_control(app: FastAPI, exchange: Exchange) -> None:
    """Routes for an application that is mounted at /control."""
    engine = exchange.engine

    def shown(api_key: str) -> dict[str, Any]:
        account = engine.account(api_key)
        return {
            "api_key": api_key,
            **payloads.asset(engine.balance(account)),
            "positions": [payloads.position(v) for v in engine.positions(account)],
            "orders": [payloads.order(o) for o in engine.open_orders(account)],
            "algo_orders": [payloads.algo(a) for a in engine.open_algos(account)],
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
            return payloads.order(engine.fill_order(account, body.order_id, quantity, now))
        except VenueError as error:
            raise HTTPException(400, str(error)) from error

    @app.post("/funding")
    async def settle(body: Settlement) -> dict[str, str]:
        try:
            contract = engine.contract(body.symbol)
        except VenueError as error:
            raise HTTPException(400, str(error)) from error
        now = exchange.catch_up(body.symbol)
        mark = contract.price(exchange.market.price(body.symbol, Kind.MARK))
        engine.on_funding(body.symbol, body.rate, mark, now)
        return {"symbol": body.symbol, "rate": str(body.rate), "mark": payloads.number(mark)}

    @app.get("/breaches")
    async def breaches() -> list[dict[str, Any]]:
        exchange.catch_up()
        return [asdict(breach) for breach in exchange.checker.breaches]
