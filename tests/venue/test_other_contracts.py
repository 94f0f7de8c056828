"""Contracts margined in USDC, dated ones, TradFi and names outside ASCII: over HTTP, by ccxt and by
stock Freqtrade."""

from __future__ import annotations

import io
import json
import zipfile
from decimal import Decimal

import ccxt
import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.engine import bundled_brackets
from perpkit.venue.engine.brackets import UNKNOWN_PAIR
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from tests.freqtrade_cli import run_freqtrade
from tests.venue.other_contracts import renamed

PAIRS = (
    "BTC/USDC:USDC",
    "BTC/USDT:USDT-310328",
    "XAU/USDT:USDT",
    "币安人生/USDT:USDT",
    "龙虾/USDT:USDT",
)
CHEAP = "ABC/USDT:USDT"


@pytest.fixture(scope="module")
def base_url():
    """Up to the present, so that stock clients and the venue have the same time."""
    now = SystemClock().now()
    history = generate(seed=7, start=now // DAY_MS * DAY_MS - 12 * DAY_MS, days=14)
    others = {**renamed(history, PAIRS).pairs, **renamed(history, (CHEAP,), 1e-8).pairs}
    exchange = Exchange(Market(History({**history.pairs, **others}), SystemClock(), seed=7))
    exchange.engine.add_account("key", "secret", Decimal(100_000), now)
    app = create_app(exchange.market, exchange=exchange)
    with running_venue(exchange.market, app=app) as url:
        yield url


@pytest.fixture(scope="module")
def client(base_url):
    exchange = ccxt.binanceusdm({"apiKey": "key", "secret": "secret"})
    exchange.urls["api"] = {
        name: url.replace("https://fapi.binance.com", base_url)
        for name, url in exchange.urls["api"].items()
        if isinstance(url, str)
    }
    exchange.options["fetchMarkets"] = {"types": ["linear"]}
    exchange.has["fetchCurrencies"] = False
    exchange.load_markets()
    yield exchange
    exchange.session.close()


@pytest.mark.parametrize("pair", [*PAIRS, CHEAP])
def test_ccxt_reads_prices_candles_and_books(client, pair):
    assert client.market(pair)["active"]
    candles = client.fetch_ohlcv(pair, "1h", limit=5)
    assert len(candles) == 5
    ticker = client.fetch_ticker(pair)
    assert ticker["last"] > 0
    book = client.fetch_order_book(pair, 5)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.fetch_funding_rate(pair)["markPrice"] > 0


@pytest.mark.parametrize("pair", ["XAU/USDT:USDT", "龙虾/USDT:USDT", CHEAP])
def test_an_order_of_121_usdt_at_market_passes(client, pair):
    price = client.fetch_ticker(pair)["last"]
    amount = float(client.amount_to_precision(pair, 121 / price + 0.001))
    order = client.create_order(pair, "market", "buy", amount)
    filled = client.fetch_order(order["id"], pair)
    assert (filled["status"], filled["filled"]) == ("closed", amount)
    closed = client.create_order(pair, "market", "sell", amount, params={"reduceOnly": True})
    assert closed["status"] in ("open", "closed")


def test_no_order_takes_100_000_btc(client):
    with pytest.raises(ccxt.BaseError, match="-4005"):
        client.create_order("BTC/USDC:USDC", "market", "buy", 100_000)


def test_the_archive_serves_any_name(client):
    day = client.iso8601(client.milliseconds() - 3 * DAY_MS)[:10]
    base = client.urls["api"]["fapiPublic"].removesuffix("/fapi/v1")
    for symbol in ("龙虾USDT", "BTCUSDC", "XAUUSDT"):
        url = f"{base}/data/futures/um/daily/metrics/{symbol}/{symbol}-metrics-{day}.zip"
        answer = client.session.get(url)
        assert answer.status_code == 200, url
        (name,) = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert name == f"{symbol}-metrics-{day}.csv"
        assert client.session.get(f"{url}.CHECKSUM").status_code == 200


@pytest.mark.integration
def test_stock_freqtrade_lists_what_is_margined_in_its_stake_currency(base_url, configuration):
    listed = run_freqtrade(["list-pairs", *configuration(base_url), "--print-json"])
    assert listed.returncode == 0, listed.stdout
    pairs = set(json.loads(listed.stdout.splitlines()[-1]))
    assert pairs >= {"XAU/USDT:USDT", "币安人生/USDT:USDT", "龙虾/USDT:USDT", CHEAP}

    usdc = configuration(
        base_url,
        stake_currency="USDC",
        exchange={"pair_whitelist": ["BTC/USDC:USDC"]},
    )
    listed = run_freqtrade(["test-pairlist", *usdc, "--print-json"])
    assert listed.returncode == 0, listed.stdout
    assert json.loads(listed.stdout.splitlines()[-1]) == ["BTC/USDC:USDC"]


@pytest.mark.integration
def test_a_stock_pairlist_takes_tradfi_and_names_outside_ascii(base_url, configuration):
    wanted = ["XAU/USDT:USDT", "龙虾/USDT:USDT", CHEAP]
    arguments = configuration(base_url, exchange={"pair_whitelist": wanted})
    result = run_freqtrade(["test-pairlist", *arguments, "--print-json"])
    assert result.returncode == 0, result.stdout
    assert json.loads(result.stdout.splitlines()[-1]) == wanted


@pytest.mark.parametrize(
    ("pair", "leverage"),
    [
        ("龙虾/USDT:USDT", 10),
        ("XAU/USDT:USDT", 100),
        ("BTC/USDC:USDC", 125),
        ("BTC/USDT:USDT-260925", 50),
        ("BTC/USDT:USDT-310328", 50),
        ("NOBODY/USDT:USDT", 1),
        ("NOBODY/USDT:USDT-310328", 1),
    ],
)
def test_leverage_is_that_of_freqtrades_bundle(pair, leverage):
    brackets = bundled_brackets(pair)
    assert brackets.max_leverage == leverage
    assert (brackets is UNKNOWN_PAIR) == (leverage == 1)
