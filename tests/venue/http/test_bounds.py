"""Nothing is read that is too large, and no body is waited for without end."""

from __future__ import annotations

import asyncio
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from perpkit.venue.http import bounds
from perpkit.venue.http.app import create_app
from perpkit.venue.http.bounds import MAX_BODY, MAX_URL
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.venue.conftest import NOW

ORDER, PRICE = "/fapi/v1/order", "/control/market/price"
PIECE = b"x" * 50_000


@pytest.fixture(scope="module")
def market(history):
    return Market(history, VirtualClock(NOW), seed=7)


@pytest.fixture(scope="module")
def app(market):
    return create_app(market)


def ask(app, path: str, *pieces: bytes | None, query: str = "", **headers: str):
    """Status and body, and how many pieces of the request were read; None never comes."""
    read, sent = [], []

    async def receive():
        if len(read) == len(pieces):
            return {"type": "http.disconnect"}
        piece = pieces[len(read)]
        if piece is None:
            return await asyncio.Future()
        read.append(piece)
        return {"type": "http.request", "body": piece, "more_body": len(read) < len(pieces)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "raw_path": path.encode(), "root_path": "", "scheme": "http",
        "server": ("x", 1), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body), len(read)


@pytest.mark.parametrize("path", [ORDER, PRICE])
def test_what_says_that_it_is_too_large_is_not_read_at_all(app, path):
    status, body, read = ask(app, path, PIECE, content_length=str(400 * 1024**2))
    assert (status, read) == (413, 0)
    text = f"The body must be at most {MAX_BODY} bytes."
    assert body == ({"error": text} if path == PRICE else {"code": -1013, "msg": text})


@pytest.mark.parametrize("path", [ORDER, PRICE])
def test_what_turns_out_to_be_too_large_is_read_no_further(app, path):
    status, _, read = ask(app, path, *[PIECE] * 100, transfer_encoding="chunked")
    assert (status, read) == (413, MAX_BODY // len(PIECE) + 1)


@pytest.mark.parametrize("path", [ORDER, PRICE])
def test_a_body_that_does_not_come_is_given_up(app, path, monkeypatch):
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.01)
    status, _, read = ask(app, path, b"symbol=", None, content_length="20")
    assert (status, read) == (408, 1)


def test_a_body_that_is_cut_off_is_not_carried_out(app, market):
    async def gone():
        return {"type": "http.disconnect"}

    async def never(message):
        raise AssertionError(message)

    scope = {
        "type": "http", "method": "POST", "path": PRICE, "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(app(scope, gone, never))
    assert len(market.faults) == 0


def test_the_largest_that_is_read_is(app):
    status, body, _ = ask(app, ORDER, b"a=" + b"x" * (MAX_BODY - 2))
    assert (status, body["code"]) == (404, -5000)


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_URL - len(ORDER), 404), (MAX_URL - len(ORDER) + 1, 414)]
)
def test_an_address_has_an_end(app, size, status):
    assert ask(app, ORDER, b"", query="a=" + "x" * (size - 2))[0] == status


# On a real connection


@pytest.fixture(scope="module")
def url(market, app):
    with running_venue(market, app=app) as url:
        yield url


def endless():
    while True:
        yield PIECE


@pytest.mark.parametrize("path", [ORDER, PRICE])
def test_clients_learn_why(url, path):
    large = b"x" * (8 * 1024**2)
    assert httpx.post(url + path, content=large).status_code == 413
    assert httpx.post(url + path, content=endless()).status_code == 413
    assert requests.post(url + path, data=large, timeout=10).status_code == 413


def test_a_client_that_never_ends_holds_its_own_connection_only(url):
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as slow:
        head = f"POST {ORDER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"
        slow.sendall(head.encode() + b"symbol=")
        assert httpx.get(f"{url}/fapi/v1/ping").status_code == 200
