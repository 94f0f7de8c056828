"""Faults of requests as clients meet them: over real sockets, and as Freqtrade's exceptions."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import ccxt
import httpx
import pytest
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import DDosProtection, TemporaryError
from freqtrade.resolvers import ExchangeResolver
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from perpkit.venue.faults.faults import REQUEST_KINDS, Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.http.traffic import Traffic
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.venue.conftest import NOW

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

K = FaultKind
PAIR = "BTC/USDT:USDT"
DEPTH = "/fapi/v1/depth?symbol=BTCUSDT&limit=5"
# s; the short one only where the venue keeps silent, for a busy machine is slow in all it does.
PATIENCE, IMPATIENCE = 30, 0.3
SILENT = {K.LATENCY, K.TIMEOUT, K.RESPONSE_LOST}


@pytest.fixture(scope="module")
def still_market(history):
    return Market(history, VirtualClock(NOW), seed=7)


@pytest.fixture(scope="module")
def base_url(still_market):
    with running_venue(still_market) as url:
        yield url


@pytest.fixture
def client(base_url):
    with httpx.Client(base_url=base_url, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def impatient(base_url):
    with httpx.Client(base_url=base_url, timeout=httpx.Timeout(PATIENCE, read=IMPATIENCE)) as it:
        yield it


@pytest.fixture
def fault(still_market):
    """Adds a fault for the length of a test."""
    added = []

    def add(kind, endpoint="*", **parameters):
        added.append(still_market.faults.add(Fault(kind, endpoint, parameters=parameters)))
        return added[-1]

    yield add
    for name in added:
        still_market.faults.remove(name)


def logged(client, kind) -> dict:
    """The last request, once the venue has noticed that it is over."""
    for _ in range(1000):
        total = client.get("/control/state").json()["requests"]["total"]
        entry = client.get("/control/log", params={"after": total - 1}).json()[0]
        if entry["faults"] == [kind]:
            return entry
    raise AssertionError(f"no {kind} in the log, but {entry}")


# What arrives


@pytest.mark.parametrize(
    ("kind", "parameters", "status", "code"),
    [
        (K.SERVER_ERROR, {"status": 500}, 500, -1000),
        (K.SERVER_ERROR, {}, 503, -1001),
        (K.RATE_LIMITED, {}, 429, -1003),
        (K.BANNED, {}, 418, -1003),
        (K.MAINTENANCE, {}, 503, 1),
    ],
)
def test_refusals_have_the_exchanges_code_and_never_reach_it(
    client, fault, kind, parameters, status, code
):
    fault(kind, **parameters)
    answer = client.get(DEPTH)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    entry = logged(client, kind)
    assert (entry["status"], entry["executed"]) == (status, None)


@pytest.mark.parametrize(("status", "title"), [(502, "Bad Gateway"), (504, "Gateway Time-out")])
def test_gateways_answer_in_html(client, fault, status, title):
    fault(K.SERVER_ERROR, status=status)
    answer = client.get(DEPTH)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "text/html; charset=utf-8",
    )  # fmt: skip
    assert title in answer.text


@pytest.mark.parametrize(("kind", "seconds"), [(K.RATE_LIMITED, 7), (K.BANNED, 600)])
def test_how_long_to_wait_is_told(client, fault, kind, seconds):
    fault(kind, retry_after_s=seconds)
    answer = client.get(DEPTH)
    assert answer.headers["Retry-After"] == str(seconds)
    if kind is K.BANNED:
        assert f"banned until {NOW + seconds * 1000}." in answer.json()["msg"]


def test_latency_delays_an_answer_that_is_otherwise_right(client, fault):
    fault(K.LATENCY, ms=120)
    began = time.monotonic()
    answer = client.get(DEPTH)
    assert time.monotonic() - began >= 0.12
    assert len(answer.json()["bids"]) == 5
    assert logged(client, K.LATENCY)["ms"] >= 120


def test_a_timeout_lasts_until_the_client_gives_up(client, impatient, fault):
    fault(K.TIMEOUT)
    with pytest.raises(httpx.ReadTimeout):
        impatient.get(DEPTH)
    entry = logged(client, K.TIMEOUT)
    assert (entry["status"], entry["executed"]) == (None, None)
    assert IMPATIENCE * 1000 * 0.9 < entry["ms"] < 20_000


def test_a_timeout_is_bounded(client, fault):
    fault(K.TIMEOUT, at_most_ms=50)
    with pytest.raises(httpx.ReadError, match="Connection reset by peer"):
        client.get(DEPTH)


@pytest.mark.parametrize("kind", [K.RESET, K.RESPONSE_LOST])
def test_the_tcp_connection_is_reset(base_url, fault, kind):
    fault(kind)
    host, port = base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(f"GET {DEPTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_truncated_is_half_of_what_was_promised(client, fault):
    whole = client.get(DEPTH).content
    fault(K.TRUNCATED)
    received: list[bytes] = []
    with client.stream("GET", DEPTH) as answer:
        assert answer.headers["content-length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message"):
            received.extend(answer.iter_raw())
    assert b"".join(received) == whole[: len(whole) // 2]


def test_malformed_is_a_whole_answer_that_is_not_json(client, fault):
    whole = client.get(DEPTH).content
    fault(K.MALFORMED)
    answer = client.get(DEPTH)
    assert (answer.status_code, answer.content) == (200, whole[: len(whole) // 2])
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [(K.RESPONSE_LOST, {}), (K.TRUNCATED, {}), (K.MALFORMED, {}),
     (K.SERVER_ERROR, {"executed": "yes"})],
)  # fmt: skip
def test_the_exchange_has_carried_out_what_the_client_does_not_learn(
    client, fault, kind, parameters
):
    fault(kind, **parameters)
    try:
        assert client.get(DEPTH).content[-2:] != b"]}"
    except httpx.TransportError:
        assert kind in (K.RESPONSE_LOST, K.TRUNCATED)
    entry = logged(client, kind)
    assert (entry["executed"], entry["weight"]) == (200, 2)


def test_a_lost_response_may_be_silence_instead(impatient, fault):
    fault(K.RESPONSE_LOST, after_ms=5000)
    with pytest.raises(httpx.ReadTimeout):
        impatient.get(DEPTH)


def test_other_endpoints_and_the_control_api_go_on(client, fault):
    fault(K.RESET, "GET */depth")
    with pytest.raises(httpx.ReadError):
        client.get(DEPTH)
    assert client.get("/fapi/v1/ping").json() == {}
    fault(K.RESET)
    assert client.get("/control/state").status_code == 200


@pytest.mark.parametrize("name", ["symbol", "SYMBOL"])
def test_a_form_is_read_for_its_symbol_and_still_reaches_the_routes(history, name):
    market = Market(history, VirtualClock(NOW))
    market.faults.add(Fault(K.RATE_LIMITED, symbol="BTCUSDT"))
    with running_venue(market) as url:
        answers = [
            httpx.post(f"{url}/fapi/v1/order", data={name: symbol, "signature": "s"})
            for symbol in ("BTCUSDT", "ETHUSDT")
        ]
        log = httpx.get(f"{url}/control/log").json()
    assert [a.status_code == 429 for a in answers] == [True, False]
    assert [entry["parameters"] for entry in log] == [
        {name: "BTCUSDT"}, {name: "ETHUSDT"},
    ]  # fmt: skip


def test_what_has_been_read_at_the_edge_is_there_for_the_routes(still_market):
    async def echo(scope, receive, send):
        await Response(await Request(scope, receive).body())(scope, receive, send)

    client = TestClient(Traffic(echo, still_market, Limiter(), RequestLog()))
    sent = b"symbol=BTCUSDT&side=BUY"
    assert client.post("/fapi/v1/order", content=sent).content == sent
    long = sent + b"Y" * 200_000
    assert client.request("DELETE", "/fapi/v1/order", content=long).content == long


def test_without_a_connection_to_cut_the_application_gives_no_answer(history):
    market = Market(history, VirtualClock(NOW))
    market.faults.add(Fault(K.RESPONSE_LOST, parameters={"after_ms": 60_000}))
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    app = create_app(market, wait=wait)

    async def ask() -> list:
        sent = []

        async def receive():
            return await asyncio.Future()

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/fapi/v1/ping", "query_string": b"",
            "headers": [], "client": ("127.0.0.1", 1), "raw_path": b"/fapi/v1/ping",
            "root_path": "", "scheme": "http", "server": ("x", 1), "http_version": "1.1",
        }  # fmt: skip
        await app(scope, receive, send)
        return sent

    assert asyncio.run(ask()) == []
    assert waited == [60.0]


# What Freqtrade makes of it


@pytest.fixture(scope="module")
def freqtrade_exchange(still_market):
    """Freqtrade's exchange object, its markets loaded over TLS."""
    with running_venue(still_market, tls=True) as url:
        config = {
            "runmode": RunMode.DRY_RUN,
            "dry_run": True,
            "trading_mode": "futures",
            "margin_mode": "isolated",
            "candle_type_def": CandleType.FUTURES,
            "stake_currency": "USDT",
            "timeframe": "5m",
            "entry_pricing": {"price_side": "other"},
            "exit_pricing": {"price_side": "other"},
            "exchange": {**overlay(url)["exchange"], "key": "", "secret": ""},
        }
        exchange = ExchangeResolver.load_exchange(config, validate=False)
        exchange.reload_markets(force=True)
        yield exchange
        exchange.close()


def book(exchange):
    """Over ccxt's synchronous client (`requests`), as orders are sent."""
    return exchange.fetch_l2_order_book(PAIR, 5, count=0)


def candles(exchange):
    """Over the asynchronous one (`aiohttp`)."""
    coroutine = exchange._async_get_candle_history(PAIR, "5m", CandleType.FUTURES, None, count=0)
    return exchange.loop.run_until_complete(coroutine)


CCXT = {
    (K.LATENCY, "ms", 900): (ccxt.RequestTimeout, ccxt.RequestTimeout),
    (K.TIMEOUT, "at_most_ms", 30_000): (ccxt.RequestTimeout, ccxt.RequestTimeout),
    (K.RESPONSE_LOST, "after_ms", 5000): (ccxt.RequestTimeout, ccxt.RequestTimeout),
    (K.RESPONSE_LOST, "after_ms", 0): (ccxt.NetworkError, ccxt.ExchangeNotAvailable),
    (K.RESET, None, None): (ccxt.NetworkError, ccxt.ExchangeNotAvailable),
    (K.TRUNCATED, None, None): (ccxt.NetworkError, ccxt.ExchangeError),
    (K.SERVER_ERROR, "status", 500): (ccxt.OperationFailed, ccxt.OperationFailed),
    (K.SERVER_ERROR, "status", 502): (ccxt.ExchangeNotAvailable, ccxt.ExchangeNotAvailable),
    (K.SERVER_ERROR, "status", 503): (ccxt.OperationFailed, ccxt.OperationFailed),
    (K.SERVER_ERROR, "status", 504): (ccxt.RequestTimeout, ccxt.RequestTimeout),
    (K.RATE_LIMITED, None, None): (ccxt.DDoSProtection, ccxt.DDoSProtection),
    (K.BANNED, None, None): (ccxt.DDoSProtection, ccxt.DDoSProtection),
    (K.MAINTENANCE, None, None): (ccxt.OnMaintenance, ccxt.OnMaintenance),
    (K.REFUSED, "code", -4118): (ccxt.OperationRejected, ccxt.OperationRejected),
    (K.REFUSED, "code", -4400): (ccxt.PermissionDenied, ccxt.PermissionDenied),
    (K.REFUSED, "code", -4411): (ccxt.ExchangeError, ccxt.ExchangeError),
}


def test_the_table_is_of_all_kinds_that_raise():
    assert {kind for kind, _, _ in CCXT} == REQUEST_KINDS - {K.MALFORMED}


@pytest.mark.parametrize(("case", "classes"), CCXT.items(), ids=lambda c: "-".join(map(str, c)))
@pytest.mark.parametrize("call", [book, candles])
def test_freqtrade_meets_the_exceptions_of_the_real_exchange(
    freqtrade_exchange, fault, call, case, classes
):
    kind, name, value = case
    for api in (freqtrade_exchange._api, freqtrade_exchange._api_async):
        api.timeout = (IMPATIENCE if kind in SILENT and value else PATIENCE) * 1000
    fault(kind, **({name: value} if name else {}))
    with pytest.raises(TemporaryError) as caught:
        call(freqtrade_exchange)
    expected = classes[call is candles]
    assert type(caught.value.__cause__) is expected
    assert isinstance(caught.value, DDosProtection) is (expected is ccxt.DDoSProtection)


def test_a_malformed_answer_raises_nothing_in_freqtrade(freqtrade_exchange, fault):
    """ccxt takes text for an answer: the book is empty, and the candles are nonsense."""
    assert book(freqtrade_exchange)["bids"]
    fault(K.MALFORMED)
    assert book(freqtrade_exchange)["bids"] == []
    assert {row[4] for row in candles(freqtrade_exchange)[3]} == {None}
