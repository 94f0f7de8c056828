"""A running venue as ccxt sees it, and the ends it comes to."""

import asyncio
import json
import socket
import urllib.request
from pathlib import Path

import ccxt
import pytest

from perpkit.durations import HOUR_MS
from perpkit.venue.http.server import _Line, bind, running_venue
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.overlay import overlay

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def base_url(market):
    with running_venue(market) as url:
        yield url


@pytest.fixture
def binance(base_url):
    exchange = overlay(base_url)["exchange"]["ccxt_config"]
    client = ccxt.binance({**exchange, "options": {**exchange["options"], "defaultType": "swap"}})
    yield client
    client.session.close()


def test_ccxt_parses_the_markets(binance, history):
    markets = binance.load_markets()
    assert {m for m in markets if markets[m]["swap"]} == {p.instrument.pair for p in history}
    btc = markets["BTC/USDT:USDT"]
    assert btc["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-8, "quote": 1e-8}
    assert btc["limits"]["cost"]["min"] == 50
    assert btc["active"]
    assert btc["linear"]


def test_ccxt_reads_candles_funding_tickers_and_books(binance, history, market):
    pair, symbol = "ETH/USDT:USDT", "ETHUSDT"
    series = history.pairs[symbol].candles(PriceKind.LAST, "1h")
    since = int(series.time[100])
    rows = binance.fetch_ohlcv(pair, "1h", since=since, limit=3)
    assert [row[0] for row in rows] == [since, since + HOUR_MS, since + 2 * HOUR_MS]
    assert [row[4] for row in rows] == series.close[100:103].tolist()
    mark = binance.fetch_ohlcv(pair, "1h", since=since, limit=1, params={"price": "mark"})
    assert mark[0][4] == history.pairs[symbol].candles(PriceKind.MARK, "1h").close[100]
    funding = binance.fetch_funding_rate_history(pair, since=since, limit=2)
    settled = history.pairs[symbol].funding
    row = int(settled.time.searchsorted(since))
    assert [f["fundingRate"] for f in funding] == settled.rate[row : row + 2].tolist()
    assert binance.fetch_ticker(pair)["last"] == market.price(symbol)
    book = binance.fetch_order_book(pair, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert binance.fetch_funding_rate(pair)["markPrice"] == pytest.approx(
        market.price(symbol, PriceKind.MARK)
    )
    assert binance.fetch_bids_asks([pair])[pair]["bid"] == book["bids"][0][0]


def test_the_address_is_free_again_after_the_block(market):
    with running_venue(market) as url:
        port = int(url.rsplit(":", 1)[1])
        with urllib.request.urlopen(f"{url}/fapi/v1/ping") as answer:
            assert json.load(answer) == {}
    bind("127.0.0.1", port).close()


def test_the_server_ends_when_the_block_fails(market):
    urls = []

    def fail() -> None:
        with running_venue(market) as url:
            urls.append(url)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    bind("127.0.0.1", int(urls[0].rsplit(":", 1)[1])).close()


def test_an_address_in_use_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"^cannot listen on 127.0.0.1:{port}: Address already"):
            bind("127.0.0.1", port)


def test_the_overlay_in_the_repository_is_the_one_for_port_8900():
    stored = json.loads((REPOSITORY / "config.venue.json").read_text())
    assert stored == overlay("http://127.0.0.1:8900")


def test_the_overlay_leaves_no_address_of_the_exchange():
    base = "http://127.0.0.1:1"
    client = ccxt.binance(overlay(base)["exchange"]["ccxt_config"])
    assert set(client.urls["api"]) == set(ccxt.binance().urls["api"])
    assert all(url.startswith(base) for url in client.urls["api"].values())


def test_a_line_that_waits_for_a_client_that_reads_nothing_is_reset():
    async def run() -> None:
        lost = asyncio.Event()

        class Protocol(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.set()

        ours, theirs = socket.socketpair()
        with theirs:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(Protocol, sock=ours)
            transport.write(bytes(2**22))
            transport.close()
            _Line(transport).reset()
            async with asyncio.timeout(10):
                await lost.wait()

    asyncio.run(run())
