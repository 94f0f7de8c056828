"""Paths, requests and endings of real connections to a real server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.http.streams import routes
from perpkit.venue.http.streams.connection import Connection
from perpkit.venue.market.clock import SystemClock
from tests.venue.conftest import CLOCK

BTC = "btcusdt@markPrice@1s"


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock.starting_at(CLOCK)


@pytest.fixture
def url(market, exchange) -> Iterator[str]:
    with running_venue(market, app=create_app(market, exchange=exchange)) as base:
        yield base.replace("http", "ws", 1)


def asked(connection: ClientConnection, **request: Any) -> Any:
    """The answer to a request; what streams sent before it is passed over."""
    connection.send(json.dumps(request))
    while True:
        answer = json.loads(connection.recv(timeout=10))
        if "result" in answer or "error" in answer:
            return answer


@pytest.mark.parametrize("route", ["", "/market"])
def test_raw_and_combined_streams(url, route):
    with connect(f"{url}{route}/ws/{BTC}") as raw:
        assert json.loads(raw.recv(timeout=10))["e"] == "markPriceUpdate"
    candles = "btcusdt_perpetual@continuousKline_5m"
    with connect(f"{url}{route}/ws/{BTC}/btcusdt@kline_5m/{candles}") as raw:
        wanted = {"markPriceUpdate", "kline", "continuous_kline"}
        while wanted:
            wanted.discard(json.loads(raw.recv(timeout=10))["e"])
    with connect(f"{url}{route}/stream?streams={BTC}/btcusdt@kline_5m/{candles}") as combined:
        wanted = {BTC, "btcusdt@kline_5m", candles}
        while wanted:
            wanted.discard(json.loads(combined.recv(timeout=10))["stream"])


@pytest.mark.parametrize(
    ("route", "name"),
    [("", BTC), ("/market", BTC), ("/public", "btcusdt@bookTicker"), ("/private", "abc123")],
)
def test_a_connection_may_have_a_number_in_place_of_names(url, route, name):
    """As those of ccxt, on every route."""
    with connect(f"{url}{route}/ws/0") as raw:
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=1)["result"] == []
        assert asked(raw, method="SUBSCRIBE", params=[name], id=2)["result"] is None
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=3)["result"] == [name]


def test_subscribing_listing_and_leaving(url):
    with connect(f"{url}/ws") as raw:
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=1) == {"result": [], "id": 1}
        subscribe = {"method": "SUBSCRIBE", "params": [BTC], "id": "a1b2-c3"}
        assert asked(raw, **subscribe) == {"result": None, "id": "a1b2-c3"}
        assert json.loads(raw.recv(timeout=10))["e"] == "markPriceUpdate"
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=2) == {"result": [BTC], "id": 2}
        assert asked(raw, method="GET_PROPERTY", params=["combined"], id=3)["result"] is False
        assert asked(raw, method="SET_PROPERTY", params=["combined", True], id=4)["result"] is None
        assert json.loads(raw.recv(timeout=10))["stream"] == BTC
        assert asked(raw, method="UNSUBSCRIBE", params=[BTC], id=5) == {"result": None, "id": 5}
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=6) == {"result": [], "id": 6}


@pytest.mark.parametrize(
    ("text", "code", "msg"),
    [
        ("nonsense", 3, "Invalid JSON: expected value at line 1 column 1"),
        ("[]", 2, "a request is an object"),
        ("[" * 50_000, 3, "Invalid JSON"),
        ('{"id": 1}', 2, "missing field `method`"),
        ('{"method": "BUY", "id": 1}', 2, "unknown variant `BUY`, expected one of `SUBSCRIBE`"),
        ('{"method": "LIST_SUBSCRIPTIONS"}', 2, "request ID must be an unsigned integer"),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": -1}', 2, "request ID must be"),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": true}', 2, "request ID must be"),
        ('{"method": "SUBSCRIBE", "id": 1}', 2, "`params` must be a list"),
        ('{"method": "SUBSCRIBE", "params": [], "id": 1}', 2, "must be names of streams"),
        ('{"method": "SUBSCRIBE", "params": [5], "id": 1}', 2, "must be names of streams"),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@x"], "id": 1}', 2, "'btcusdt@x' is not"),
        ('{"method": "SET_PROPERTY", "params": ["x", true], "id": 1}', 0, "Unknown property"),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1, "expected Boolean"),
        ('{"method": "SET_PROPERTY", "params": [1, true], "id": 1}', 2, "must be a string"),
        ('{"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}', 2, "too many"),
    ],
)
def test_bad_requests_are_answered_and_change_nothing(url, text, code, msg):
    with connect(f"{url}/stream?streams={BTC}") as connection:
        connection.recv(timeout=10)
        connection.send(text)
        error = json.loads(connection.recv(timeout=10))["error"]
        assert error["code"] == code
        assert msg in error["msg"]
        assert asked(connection, method="LIST_SUBSCRIPTIONS", id=9)["result"] == [BTC]
        assert asked(connection, method="GET_PROPERTY", params=["combined"], id=9)["result"]


def test_of_several_streams_all_are_subscribed_to_or_none(url):
    with connect(f"{url}/ws") as raw:
        asked(raw, method="SUBSCRIBE", params=[BTC, "btcusdt@x"], id=1)
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=2)["result"] == []
        many = [f"{number:064d}" for number in range(1025)]
        answer = asked(raw, method="SUBSCRIBE", params=many[:500], id=3)
        assert answer["result"] is None
        answer = asked(raw, method="SUBSCRIBE", params=many[500:], id=4)
        assert "at most 1024 streams" in answer["error"]["msg"]


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/ws/btcusdt@nonsense", 400, "not one that this venue serves"),
        ("/public/ws/btcusdt@kline_5m", 400, "is on /market, not on /public"),
        ("/market/ws/a1@ALGO_UPDATE", 400, "is on /private, not on /market"),
        ("/ws?listenKey=a1&events=ORDERS!", 400, "listed symbol"),
        ("/private/ws/a1@ORDER_TRADE_UPDATES", 400, "listed symbol"),
        ("/ws/btcusdt@FOO", 400, "not one that this venue serves"),
        ("/ws/a1?events=ALGO_UPDATE", 400, "events=ALGO_UPDATE must follow a listenKey"),
        ("/ws?events=ALGO_UPDATE&listenKey=a1", 400, "must follow a listenKey"),
        ("/stream?streams=BTCUSDT@bookTicker", 400, "lower case"),
        ("/ws/" + "/".join(map(str, range(1025))), 400, "at most 1024 streams"),
        ("/nowhere/ws", 403, ""),
    ],
)
def test_bad_urls_are_refused(url, path, status, why):
    with pytest.raises(InvalidStatus) as caught, connect(url + path):
        pass
    response = caught.value.response
    assert response.status_code == status
    assert why in (response.body or b"").decode()


def test_a_refused_url_is_no_error_of_the_server(market, exchange, monkeypatch):
    errors = []
    logger = logging.getLogger("uvicorn.error")
    monkeypatch.setattr(logger, "error", lambda *words: errors.append(words))
    with (
        running_venue(market, app=create_app(market, exchange=exchange)) as base,
        pytest.raises(InvalidStatus),
        connect(base.replace("http", "ws", 1) + "/ws/nope@x"),
    ):
        pass
    assert errors == []


def test_a_name_that_comes_twice_is_one_stream(url):
    with connect(f"{url}/ws/" + "/".join(["1"] * 1025)) as raw:
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=1)["result"] == ["1"]


def test_a_failure_of_the_venue_is_answered_and_logged(url, market, monkeypatch, caplog):
    def fails(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(market, "book_time", fails)
    with connect(f"{url}/ws") as raw:
        # The first of them could be subscribed to.
        failed = asked(raw, method="SUBSCRIBE", params=[BTC, "btcusdt@bookTicker"], id=7)
        assert (failed["error"]["code"], failed["id"]) == (-1000, 7)
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=8)["result"] == []
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_to_send_is_logged(url, monkeypatch, caplog):
    async def fails(_: Connection) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "next_text", fails)
    with connect(f"{url}/ws") as raw, pytest.raises(ConnectionClosed):
        raw.recv(timeout=10)
    assert "ZeroDivisionError" in caplog.text


def test_a_listen_key_that_is_not_known_is_silent(url):
    with connect(f"{url}/private/ws?listenKey=abc123") as raw:
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=1)["result"] == ["abc123"]
        with pytest.raises(TimeoutError):
            raw.recv(timeout=0.2)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("listenKey=a1&events=ORDER_TRADE_UPDATE/ALGO_UPDATE",
         ["a1@ORDER_TRADE_UPDATE", "a1@ALGO_UPDATE"]),
        ("listenKey=a1&listenKey=b2&events=ACCOUNT_UPDATE/", ["a1", "b2@ACCOUNT_UPDATE"]),
        ("listenKey=a1&events=", ["a1"]),
        ("listenKey=a1&events=ORDER_TRADE_UPDATE&listenKey=b2&events=ACCOUNT_UPDATE",
         ["a1@ORDER_TRADE_UPDATE", "b2@ACCOUNT_UPDATE"]),
        ("listenKey=a1&events=listenKeyExpired&listenKey=b2", ["a1@listenKeyExpired", "b2"]),
        ("listenKey=a1/b2", ["a1", "b2"]),
        ("listenKey=a1/b2&events=ALGO_UPDATE", ["a1@ALGO_UPDATE", "b2@ALGO_UPDATE"]),
        ("streams=a1@ALGO_UPDATE/b2", ["a1@ALGO_UPDATE", "b2"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["ws", "stream"])
def test_listen_keys_and_events_of_a_url(url, mode, query, names):
    with connect(f"{url}/private/{mode}?{query}") as raw:
        assert asked(raw, method="LIST_SUBSCRIPTIONS", id=1)["result"] == names


def test_a_cut_is_a_reset(url, market):
    with connect(f"{url}/ws/{BTC}") as raw:
        raw.recv(timeout=10)
        market.faults.add(Fault(FaultKind.STREAM_CUT, since=market.now(), times=1))
        with pytest.raises(ConnectionClosed) as caught:
            raw.recv(timeout=10)
        assert caught.value.rcvd is None  # no closing frame came
        assert isinstance(caught.value.__cause__, ConnectionResetError)
    with connect(f"{url}/ws/{BTC}") as again:
        again.recv(timeout=10)


def test_a_client_that_reads_nothing_is_cut_off_at_the_end(monkeypatch):
    class Deaf:
        async def close(self) -> None:
            await asyncio.Event().wait()  # for room in the buffer

    monkeypatch.setattr(routes, "CLOSING_SECONDS", 0.01)
    line = Mock()
    connection = Connection(None, combined=False, opened=0, line=line)
    asyncio.run(routes._close(Deaf(), connection))
    line.reset.assert_called_once_with()


def test_a_message_that_is_too_long_or_binary_ends_the_connection(url):
    for message in ("x" * 70_000, b"binary"):
        with connect(f"{url}/ws") as raw:
            raw.send(message)
            with pytest.raises(ConnectionClosed):
                raw.recv(timeout=10)
