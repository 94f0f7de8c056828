"""What the probe relies on, in Freqtrade and ccxt. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
from copy import copy

import ccxt
import pandas as pd
import pytest
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.freqtradebot import FreqtradeBot

pytestmark = pytest.mark.contract

BTC = "BTC/USDT:USDT"


@pytest.fixture
def client(futures_exchange):
    """A copy of Freqtrade's client that keeps what it is asked; it answers with `told`."""
    client = copy(futures_exchange._api)
    client.asked, client.told = [], {}

    def fetch(url, method="GET", headers=None, body=None):
        client.asked.append(f"{method} {url}")
        return client.told

    client.fetch = fetch
    return client


def test_the_time_is_asked_of_the_futures_api(client):
    client.told = {"serverTime": 7}
    assert client.fetch_time() == 7
    assert client.asked == ["GET https://fapi.binance.com/fapi/v1/time"]


def test_the_book_is_asked_of_the_futures_api_and_knows_when_it_changed(client):
    client.told = {"lastUpdateId": 1, "E": 9, "T": 8, "bids": [["1", "2"]], "asks": []}
    assert client.fetch_order_book(BTC, 5)["timestamp"] == 8
    assert client.asked == ["GET https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=5"]


def test_the_running_prices_are_asked_of_the_futures_api_in_one_request(client):
    client.told = [{"symbol": "BTCUSDT", "price": "6000.01", "time": 7}]
    assert client.fetch_last_prices()[BTC] == {
        "symbol": BTC,
        "timestamp": 7,
        "datetime": "1970-01-01T00:00:00.007Z",
        "price": 6000.01,
        "side": None,
        "info": client.told[0],
    }
    assert client.asked == ["GET https://fapi.binance.com/fapi/v2/ticker/price"]


@pytest.mark.parametrize("told", ["half of an ans", '{"serverTi', None])
def test_of_text_that_is_not_json_there_is_no_time(client, told):
    client.told = told
    assert client.fetch_time() is None


def test_a_copy_has_settings_of_its_own(futures_exchange):
    api = futures_exchange._api
    client = copy(api)
    client.timeout, client.enableRateLimit, client.last_response_headers = 1, False, {}
    assert client.fetch_time.__self__ is client
    assert client.fapiPublicGetTime.__self__ is client
    assert client.session is api.session
    assert (api.timeout, api.enableRateLimit, api.last_response_headers) == (10_000, True, None)


def test_both_clients_keep_the_headers_and_time_of_their_last_request(futures_exchange):
    for api in (futures_exchange._api, futures_exchange._api_async):
        assert api.enableLastResponseHeaders
        assert api.last_response_headers is None
        assert api.lastRestRequestTimestamp == 0


def test_signed_requests_are_good_for_ten_seconds(client):
    assert client.options["recvWindow"] == 10_000


def test_the_time_that_requests_are_signed_with(client):
    client.milliseconds = lambda: 50_000
    client.options = {**client.options, "timeDifference": 2_000}
    assert client.nonce() == 48_000


def test_the_exchanges_status_is_that_of_another_host(client):
    """Hence the calendar is a file."""
    client.told = {"status": 0, "msg": "normal"}
    client.fetch_status()
    assert client.asked == ["GET https://api.binance.com/sapi/v1/system/status"]


def test_too_many_requests_are_told_apart():
    assert issubclass(ccxt.DDoSProtection, ccxt.NetworkError)
    assert issubclass(ccxt.RateLimitExceeded, ccxt.NetworkError)


def test_candles_are_read_without_a_copy(default_futures_config, futures_exchange):
    candles = pd.DataFrame({"date": [1]})
    futures_exchange._klines[(BTC, "1h", CandleType.FUTURES)] = candles
    dp = DataProvider(default_futures_config, futures_exchange)
    assert dp.ohlcv(BTC, "1h", copy=False) is candles
    assert dp.ohlcv("ETH/USDT:USDT", "1h", copy=False).empty


def test_the_watch_comes_after_the_candles_and_before_the_exits():
    source = inspect.getsource(FreqtradeBot.process)
    order = ["self.dataprovider.refresh(", "bot_loop_start", "exit_positions", "enter_positions"]
    places = [source.index(step) for step in order]
    assert places == sorted(places)
