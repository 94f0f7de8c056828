"""Stream clients of others: each event once, in order, through cuts, with all its fields.

What happens while a client is cut off is missed, as at the exchange, which replays nothing. The
REST endpoints have it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import binance_sdk_derivatives_trading_usds_futures.websocket_streams.models as models
import pytest
from binance.async_client import AsyncClient
from binance.client import Client
from binance.ws.constants import WSListenerState
from binance.ws.streams import BinanceSocketManager
from binance_common.configuration import ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from websockets.asyncio.client import connect

from perpkit.venue.faults.faults import Fault, FaultKind
from tests.clients.desk import Desk
from tests.clients.fields import unexplained

BTC, ETH = "BTCUSDT", "ETHUSDT"
CUTS = 3
SECONDS = 20  # for what should come within a fraction of one


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


class Trader:
    """Trades by REST beside a stream, whose messages it keeps."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.key, self.secret = desk.account()
        self.rest = Client(self.key, self.secret, ping=False)
        self.rest.FUTURES_URL = f"{desk.url}/fapi"
        self.heard: list[dict[str, Any]] = []

    async def buy(self) -> int:
        """Returns the order's id; its events are in the market's next second."""
        self.desk.wait(1)
        order = await asyncio.to_thread(
            self.rest.futures_create_order, symbol=BTC, side="BUY", type="MARKET", quantity=0.01
        )
        return int(order["orderId"])

    async def seen(self, order: int) -> None:
        await until(lambda: order in self.filled())

    def filled(self) -> list[int]:
        return [m["o"]["i"] for m in self.orders() if m["o"]["X"] == "FILLED"]

    def orders(self) -> list[dict[str, Any]]:
        return [m for m in self.heard if m["e"] == "ORDER_TRADE_UPDATE"]

    def cut(self) -> None:
        market = self.desk.exchange.market
        market.faults.add(
            Fault(FaultKind.STREAM_CUT, endpoint="userData", since=market.now(), times=1)
        )

    async def through_cuts(
        self, gone: Callable[[], bool], back: Callable[[], Awaitable[None]]
    ) -> None:
        """Trades before, in and after each cut, then compares stream and REST.

        :param gone: whether the client has noticed the cut
        :param back: waits until it is connected again
        """
        heard, missed = [], []
        for _ in range(CUTS):
            order = await self.buy()
            await self.seen(order)
            heard.append(order)
            self.cut()
            await until(gone)
            missed.append(await self.buy())
            await back()
            order = await self.buy()
            await self.seen(order)
            heard.append(order)
        await asyncio.sleep(0.2)  # in which a second one of any would come
        assert self.filled() == heard
        states = [(m["o"]["i"], m["o"]["X"]) for m in self.orders()]
        assert states == [(order, state) for order in heard for state in ("NEW", "FILLED")]
        trades = [m["o"]["t"] for m in self.orders() if m["o"]["x"] == "TRADE"]
        assert trades == sorted(set(trades))
        changes = [m for m in self.heard if m["e"] == "ACCOUNT_UPDATE"]
        assert len(changes) == len(heard)
        # By REST nothing is missing, and the last event has the state that it has.
        rows = await asyncio.to_thread(self.rest.futures_account_trades, symbol=BTC)
        assert [row["orderId"] for row in rows] == sorted([*heard, *missed])
        (held,) = await asyncio.to_thread(self.rest.futures_position_information, symbol=BTC)
        assert float(changes[-1]["a"]["P"][0]["pa"]) == float(held["positionAmt"]) == 0.09


def test_python_binance_hears_each_event_once_through_cuts(desk: Desk):
    async def run() -> None:
        trader = Trader(desk)
        client = AsyncClient(trader.key, trader.secret)
        client.FUTURES_URL = f"{desk.url}/fapi"
        manager = BinanceSocketManager(client)
        manager.FSTREAM_URL = desk.url.replace("http", "ws", 1) + "/"
        try:
            async with manager.futures_user_socket() as socket:

                async def listen() -> None:
                    while True:
                        message = await socket.recv()
                        if message["e"] != "error":  # its word for a lost connection
                            trader.heard.append(message)

                def gone() -> bool:
                    return socket.ws_state == WSListenerState.RECONNECTING

                async def back() -> None:
                    await until(lambda: socket.ws_state == WSListenerState.STREAMING)

                listener = asyncio.create_task(listen())
                try:
                    await trader.through_cuts(gone, back)
                finally:
                    listener.cancel()
        finally:
            await client.close_connection()

    asyncio.run(run())


def sdk_streams(desk: Desk) -> Any:
    url = desk.url.replace("http", "ws", 1)
    configuration = ConfigurationWebSocketStreams(stream_url=url)
    return DerivativesTradingUsdsFutures(config_ws_streams=configuration).websocket_streams


def test_the_sdk_hears_each_event_once_through_cuts(desk: Desk):
    async def run() -> None:
        trader = Trader(desk)
        closed: list[bool] = []
        key = await asyncio.to_thread(trader.rest.futures_stream_get_listen_key)

        def keep(event: Any) -> None:
            shown = json.loads(event.actual_instance.model_dump_json(by_alias=True))
            names = {v: k for k, v in models.user_data_stream_events_response
                     .USERDATASTREAMEVENTSRESPONSE_EVENT_SCHEMA_MAP.items()}  # fmt: skip
            trader.heard.append({"e": names[type(event.actual_instance)], **shown})

        async def open_stream() -> Any:
            """The SDK leaves it to its user to come back after a loss."""
            streams = sdk_streams(desk)
            await streams.create_connection()
            stream = await streams.user_data(key)
            stream.on("message", keep)
            streams.on_connection("close", lambda: closed.append(True))
            await streams.list_subscribe()  # answered after the subscription
            return streams

        now = await open_stream()
        every = [now]

        async def back() -> None:
            closed.clear()
            every.append(await open_stream())

        try:
            await trader.through_cuts(lambda: bool(closed), back)
        finally:
            for streams in every:
                await streams.close_connection()

    asyncio.run(run())


def test_python_binance_reads_market_streams(desk: Desk):
    async def run() -> None:
        client = AsyncClient("", "")
        manager = BinanceSocketManager(client)
        manager.FSTREAM_URL = desk.url.replace("http", "ws", 1) + "/"
        names = ["btcusdt@kline_1m", "ethusdt@markPrice@1s"]
        heard: list[dict[str, Any]] = []
        try:
            async with manager.futures_multiplex_socket(names) as socket:
                while {message["stream"] for message in heard} != {*names}:
                    desk.wait(1)
                    heard.append(await asyncio.wait_for(socket.recv(), SECONDS))
        finally:
            await client.close_connection()
        candles = [m["data"]["k"] for m in heard if m["stream"] == names[0]]
        assert all(candle["s"] == BTC and candle["i"] == "1m" for candle in candles)

    asyncio.run(run())


def test_python_binance_reads_candles_of_futures(desk: Desk):
    """`kline_futures_socket` asks for those of the continuous contract, and for no others."""

    async def run() -> None:
        client = AsyncClient("", "")
        manager = BinanceSocketManager(client)
        manager.FSTREAM_URL = desk.url.replace("http", "ws", 1) + "/"
        try:
            async with manager.kline_futures_socket("BTCUSDT") as socket:
                desk.wait(60)
                message = await asyncio.wait_for(socket.recv(), SECONDS)
        finally:
            await client.close_connection()
        of = [message["e"], message["ps"], message["ct"], message["k"]["i"]]
        assert of == ["continuous_kline", BTC, "PERPETUAL", "1m"]

    asyncio.run(run())


def test_the_sdk_hears_each_trade_once_and_goes_on_after_a_cut(desk: Desk):
    """Trades of the market: those of the time without a connection are asked for by REST."""

    async def run() -> None:
        heard: list[Any] = []
        closed: list[bool] = []

        async def open_stream() -> Any:
            streams = sdk_streams(desk)
            await streams.create_connection()
            stream = await streams.aggregate_trade_streams(BTC.lower())
            stream.on("message", heard.append)
            streams.on_connection("close", lambda: closed.append(True))
            await streams.list_subscribe()  # answered after the subscription
            return streams

        async def hear_more() -> None:
            before = len(heard)
            desk.wait(10)
            await until(lambda: len(heard) >= before + 10)

        every = [await open_stream()]
        try:
            await hear_more()
            desk.exchange.market.faults.add(
                Fault(
                    FaultKind.STREAM_CUT,
                    endpoint="btcusdt@aggTrade",
                    since=desk.exchange.market.now(),
                    times=1,
                )
            )
            await until(lambda: bool(closed))
            before_cut = len(heard)
            desk.wait(10)
            every.append(await open_stream())
            await hear_more()
        finally:
            for streams in every:
                await streams.close_connection()
        ids = [trade.a for trade in heard]
        rest = Client("", "", ping=False)
        rest.FUTURES_URL = f"{desk.url}/fapi"
        rows = await asyncio.to_thread(
            rest.futures_aggregate_trades, symbol=BTC, fromId=ids[0], limit=1000
        )
        again = [row["a"] for row in rows].index(ids[before_cut])
        assert again > before_cut  # by which REST has more
        expected = rows[:before_cut] + rows[again:]
        assert [[t.a, t.p, t.q, t.T, t.m] for t in heard] == [
            [row[name] for name in "apqTm"] for row in expected
        ]

    asyncio.run(run())


SCHEMAS = {
    "kline": "KlineCandlestickStreamsResponse",
    "continuous_kline": "ContinuousContractKlineCandlestickStreamsResponse",
    "aggTrade": "AggregateTradeStreamsResponse",
    "bookTicker": "IndividualSymbolBookTickerStreamsResponse",
    "depthUpdate": "PartialBookDepthStreamsResponse",
    "markPriceUpdate": "MarkPriceStreamResponse",
    "ORDER_TRADE_UPDATE": "OrderTradeUpdate",
    "TRADE_LITE": "TradeLite",
    "ACCOUNT_UPDATE": "AccountUpdate",
    "ALGO_UPDATE": "AlgoUpdate",
    "ACCOUNT_CONFIG_UPDATE": "AccountConfigUpdate",
    "listenKeyExpired": "ListenKeyExpired",
}


@pytest.fixture(scope="module")
def messages(desk: Desk) -> dict[str, list[dict[str, Any]]]:
    """Messages of every kind as they came, by the event's name."""

    async def collect() -> dict[str, list[dict[str, Any]]]:
        trader = Trader(desk)
        key = await asyncio.to_thread(trader.rest.futures_stream_get_listen_key)
        url = desk.url.replace("http", "ws", 1)
        market = ("kline_1m", "aggTrade", "bookTicker", "depth5", "markPrice")
        streams = [f"btcusdt@{each}" for each in market]
        names = "/".join([*streams, "btcusdt_perpetual@continuousKline_1m", key])
        found: dict[str, list[dict[str, Any]]] = {}
        async with connect(f"{url}/stream?streams={names}", proxy=None) as socket:
            await trader.buy()
            for call, sent in [
                (trader.rest.futures_change_leverage, {"symbol": BTC, "leverage": 5}),
                (trader.rest.futures_create_algo_order, {
                    "symbol": BTC, "side": "SELL", "type": "TRAILING_STOP_MARKET",
                    "callbackRate": 1, "quantity": 0.01, "algoType": "CONDITIONAL"}),
            ]:  # fmt: skip
                await asyncio.to_thread(call, **sent)
            desk.gap(BTC, -0.02)
            await asyncio.sleep(0.2)
            desk.gap(BTC, 1 / 0.98 - 1)
            desk.settle()
            desk.wait(3700)
            while found.keys() != SCHEMAS.keys():
                message = json.loads(await asyncio.wait_for(socket.recv(), SECONDS))["data"]
                found.setdefault(message["e"], []).append(message)
        return found

    return asyncio.run(collect())


@pytest.mark.parametrize("event", SCHEMAS)
def test_every_field_of_the_sdk_is_served(messages, event):
    """The models are made from the exchange's documentation."""
    model = getattr(models, SCHEMAS[event])
    for message in messages[event]:
        parsed = model.model_validate(message, strict=True)
        assert list(unexplained(parsed, message, event)) == []
