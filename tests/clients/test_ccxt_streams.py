"""ccxt's streams (ccxt.pro), with which Freqtrade follows candles: market data and user data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro
import pytest

from perpkit.venue.overlay import overlay
from tests.clients.checks import Each, Near, differences, one_of
from tests.clients.desk import BTC_PRICE, Desk

BTC = "BTC/USDT:USDT"
SECONDS = 20  # for what should come within a fraction of one

Client = ccxt.pro.binance


@asynccontextmanager
async def connected(desk: Desk) -> AsyncIterator[Client]:
    key, secret = desk.account()
    config = overlay(desk.url)["exchange"]["ccxt_config"]
    client = Client(config | {"apiKey": key, "secret": secret})
    client.options["defaultType"] = "swap"
    # It puts the route before `/ws` itself.
    client.urls["api"]["ws"] = {"linear": desk.url.replace("http", "ws", 1) + "/ws"}
    await client.load_markets()
    try:
        yield client
    finally:
        await client.close()


def run(desk: Desk, use: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with connected(desk) as client:
            await use(client)

    asyncio.run(whole())


async def first(desk: Desk, watching: Coroutine[Any, Any, Any]) -> Any:
    """The first answer, while the clock goes on."""
    task = asyncio.ensure_future(watching)
    async with asyncio.timeout(SECONDS):
        while not task.done():
            desk.wait(1)
            await asyncio.wait({task}, timeout=0.1)
    return task.result()


CANDLE = [int, float, float, float, Near(BTC_PRICE), float]
MARK = {"symbol": BTC, "markPrice": Near(BTC_PRICE), "indexPrice": Near(BTC_PRICE)}

TRADE = {"id": str, "symbol": BTC, "price": Near(BTC_PRICE), "amount": float, "timestamp": int,
         "side": one_of("buy", "sell")}  # fmt: skip


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        (lambda c: c.watch_ohlcv(BTC, "1m"), [CANDLE]),
        (lambda c: c.watch_bids_asks([BTC]), {BTC: {"bid": Near(BTC_PRICE), "bidVolume": float}}),
        (lambda c: c.watch_mark_price(BTC), MARK),
        (lambda c: c.watch_mark_prices(), {BTC: MARK}),
        (lambda c: c.watch_trades(BTC), Each(TRADE)),
        (lambda c: c.watch_trades(BTC, params={"name": "aggTrade"}), Each(TRADE)),
    ],
    ids=["candles", "bids and asks", "mark price", "mark prices", "trades", "aggregated trades"],
)
def test_market_data(desk: Desk, watch, expected):
    async def use(client: Client) -> None:
        found = list(differences(await first(desk, watch(client)), expected))
        assert not found, "\n".join(found)

    run(desk, use)


def test_what_happens_to_an_order(desk: Desk):
    async def use(client: Client) -> None:
        account = desk.exchange.engine.account(client.apiKey)
        watching = asyncio.ensure_future(client.watch_orders(BTC))
        async with asyncio.timeout(SECONDS):
            while account.listener is None:
                await asyncio.sleep(0.02)
            placed = await client.create_order(BTC, "limit", "buy", 0.01, 48_000)
            (order,) = await watching
        assert [order[name] for name in ("id", "status", "price")] == [placed["id"], "open", 48_000]

    run(desk, use)
