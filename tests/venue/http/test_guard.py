"""A web page cannot drive the venue: by no name that is re-bound, and from no other origin."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers

from perpkit.venue.http.app import create_app
from perpkit.venue.http.guard import is_loopback_authority, objection
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.venue.conftest import NOW

HERE = "127.0.0.1:8900"
GAP = json.dumps({"symbol": "BTCUSDT", "change": -0.5}).encode()


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("localhost", True),
        ("localhost:8900", True),
        ("LocalHost:1", True),
        ("127.0.0.1", True),
        ("127.0.0.1:8900", True),
        ("127.8.9.10:8900", True),
        ("[::1]", True),
        ("[::1]:8900", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:8900", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1.nip.io:8900", False),
        ("evil.localhost", False),
        ("10.0.0.1:8900", False),
        ("0.0.0.0:8900", False),
        ("[::2]:8900", False),
        ("2130706433", False),
        ("127.1", False),
        ("localhost@evil.example", False),
        ("evil.example@localhost", False),
        ("localhost:8900:1", False),
        ("localhost, evil.example", False),
        ("localhost:port", False),
    ],
)
def test_what_is_the_loopback(authority, expected):
    assert is_loopback_authority(authority) is expected


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"host": HERE}, None),
        ({"host": HERE, "origin": "http://127.0.0.1:3000"}, None),
        ({"host": HERE, "origin": "https://localhost"}, None),
        ({"host": HERE, "sec-fetch-site": "same-origin"}, None),
        ({"host": HERE, "sec-fetch-site": "none"}, None),
        ({}, "Host must be of the loopback, got none"),
        ({"host": "evil.example"}, "Host must be of the loopback, got 'evil.example'"),
        ({"host": HERE, "origin": "null"}, "Origin must be of the loopback, got 'null'"),
        ({"host": HERE, "origin": ""}, "Origin must be"),
        ({"host": HERE, "origin": "https://evil.example"}, "Origin must be"),
        ({"host": HERE, "origin": "http://localhost.evil.example"}, "Origin must be"),
        ({"host": HERE, "origin": "http://[::1"}, "Origin must be"),
        ({"host": HERE, "origin": "file://localhost"}, "Origin must be"),
        ({"host": HERE, "origin": "chrome-extension://abc"}, "Origin must be"),
        ({"host": HERE, "sec-fetch-site": "cross-site"}, "Sec-Fetch-Site must be"),
    ],
)
def test_what_is_objected_to(headers, reason):
    found = objection(Headers(headers))
    assert found is None if reason is None else found is not None and found.startswith(reason)


def test_every_one_of_several_headers_counts():
    host, fine, evil = (b"host", HERE.encode()), (b"origin", b"http://[::1]"), b"http://e.example"
    assert objection(Headers(raw=[host, fine])) is None
    assert objection(Headers(raw=[host, fine, (b"origin", evil)])) is not None
    assert objection(Headers(raw=[host, (b"host", b"evil.example")])) is not None


# On a real connection


@pytest.fixture(scope="module")
def served(history):
    market = Market(history, VirtualClock(NOW), seed=7)
    with running_venue(market, app=create_app(market)) as url:
        yield market, urlsplit(url).port


def ask(port: int, line: str, *headers: str, body: bytes = b"") -> tuple[int, str, bytes]:
    """Status, head and body of the answer to a request as it is written here."""
    lines = [f"{line} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, rest = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), rest


REBOUND = ("Host: evil.example:8900",)
FOREIGN = (f"Host: {HERE}", "Origin: https://evil.example")


@pytest.mark.parametrize("headers", [REBOUND, FOREIGN, (f"Host: {HERE}", "Origin: null")])
@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("GET /fapi/v1/ping", {"code", "msg"}),
        ("POST /fapi/v1/order", {"code", "msg"}),
        ("GET /nothing", {"code", "msg"}),
        ("GET /controlled", {"code", "msg"}),
        ("GET /control", {"error"}),
        ("GET /control/state", {"error"}),
        ("POST /control/market/price", {"error"}),
        ("DELETE /control/faults", {"error"}),
    ],
)
def test_no_path_answers_a_page_from_elsewhere(served, headers, line, shape):
    market, port = served
    before = market.price("BTCUSDT")
    status, _, body = ask(port, line, *headers, "Content-Type: application/json", body=GAP)
    assert status == 403
    assert set(json.loads(body)) == shape
    assert market.price("BTCUSDT") == before
    assert len(market.faults) == 0


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_what_a_page_may_send_unasked_is_not_taken_for_json(served, kind):
    market, port = served
    headers = [f"Content-Type: {kind}"] if kind else []
    status, _, body = ask(port, "POST /control/market/price", f"Host: {HERE}", *headers, body=GAP)
    assert status == 415
    assert json.loads(body)["error"].startswith("content type must be application/json, got '")
    assert len(market.faults) == 0


def test_a_program_on_this_machine_is_answered(served):
    _, port = served
    for host in ("localhost", HERE, "[::1]:8900"):
        assert ask(port, "GET /fapi/v1/ping", f"Host: {host}")[::2] == (200, b"{}")


@pytest.mark.parametrize("path", ["/fapi/v1/ping", "/control/market/price"])
def test_no_page_is_given_leave(served, path):
    _, port = served
    origin = "Origin: http://localhost:3000"
    wish = "Access-Control-Request-Method: POST"
    status, head, _ = ask(port, f"OPTIONS {path}", f"Host: {HERE}", origin, wish)
    assert status == 405
    assert "access-control" not in head
    assert "access-control" not in ask(port, "GET /fapi/v1/ping", f"Host: {HERE}", origin)[1]


UPGRADE = (
    "GET /ws/btcusdt@bookTicker HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((f"Host: {HERE}",), 101),
        ((f"Host: {HERE}", "Origin: http://localhost:3000"), 101),
        ((f"Host: {HERE}", "Origin: https://evil.example"), 403),
        ((f"Host: {HERE}", "Origin: null"), 403),
        ((f"Host: {HERE}", "Sec-Fetch-Site: cross-site"), 403),
        (REBOUND, 403),
    ],
)
def test_a_page_from_elsewhere_opens_no_web_socket(served, headers, status):
    _, port = served
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join([*UPGRADE, *headers, "", ""]).encode())
        assert int(connection.recv(65_536).split()[1]) == status
