"""Signed requests as they should not be: the exchange's codes, and nothing is carried out."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest

from tests.venue.signed import BTC, Client

FORM = "application/x-www-form-urlencoded"
ORDER = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01"


def signed(clock, sent: bytes, secret: bytes = b"secret") -> bytes:
    whole = sent + f"&timestamp={clock.now()}".encode()
    return whole + b"&signature=" + hmac.new(secret, whole, sha256).hexdigest().encode()


def post(client: Client, body: bytes, query: str = "", key: bytes = b"key", kind: str = FORM):
    headers = {"X-MBX-APIKEY": key, "Content-Type": kind}
    answer = client.http.request("POST", f"/fapi/v1/order?{query}", content=body, headers=headers)
    refusal = answer.json()
    return answer.status_code, refusal.get("code", refusal.get("status"))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"", (401, -2014)),
        (b"k\xe9y", (401, -2014)),
        ("kéy".encode(), (401, -2014)),
        (b"two words", (401, -2014)),
        (b"k" * 129, (401, -2014)),
        (b"nobody", (401, -2015)),
        (b"key", (200, "FILLED")),
    ],
)
def test_keys(client, clock, key, expected):
    assert post(client, signed(clock, ORDER.encode()), key=key) == expected


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (None, -1102),
        ("", -1102),
        *((wrong, -1022) for wrong in ("é", "%C3%A9", "signature", "0" * 64, "\U0001f680")),
        ("0" * 5000, -1022),
    ],
)
def test_signatures(client, clock, exchange, signature, code):
    body = f"{ORDER}&timestamp={clock.now()}"
    body += "" if signature is None else f"&signature={signature}"
    assert post(client, body.encode()) == (400, code)
    assert exchange.engine.account("key").orders == {}


def test_a_signature_is_not_case_sensitive(client, clock):
    body, _, signature = signed(clock, ORDER.encode()).rpartition(b"=")
    assert post(client, body + b"=" + signature.upper()) == (200, "FILLED")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"newClientOrderId=\xff", -1100),
        (b"newClientOrderId=%ff", -1100),
        (b"newClientOrderId=%00", -1100),
        (b"newClientOrderId=%zz", -4015),
        ("newClientOrderId=é".encode(), -4015),
        (b"quantity=1", -1101),
        (b"price=1", -1106),
        (b"recvWindow=5_000", -1100),
        (b"recvWindow=+5000", -1100),
        (b"recvWindow=99999999999999999999", -1130),
    ],
)
def test_parameters(client, clock, exchange, sent, code):
    assert post(client, signed(clock, ORDER.encode() + b"&" + sent)) == (400, code)
    assert exchange.engine.account("key").orders == {}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("quantity", "-1", -1100),
        ("quantity", "1e-2", -1100),
        ("quantity", "\uff11", -1100),
        ("quantity", "1_0", -1100),
        ("quantity", "0", -4003),
        ("quantity", "0.0000000000000000001", -1111),
        ("quantity", "99999999999999999999", -4005),
        ("price", "-5", -1100),
        ("price", "1e999999", -1100),
        ("price", "9" * 5000, -1100),
        ("price", "0", -4001),
        ("price", "99999999999999999999", -4002),
        ("price", "0.00000000000000000001", -1111),
    ],
)
def test_numbers_of_an_order(client, exchange, name, value, code):
    order = {
        "symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "20000",
        "quantity": "0.01",
    }  # fmt: skip
    assert client.refusal("POST", "/fapi/v1/order", **{**order, name: value}) == (400, code)
    assert exchange.engine.account("key").orders == {}


def test_what_is_sent_twice_counts_as_the_query_has_it(client, clock):
    """The signature is over the query followed by the body."""
    query = f"quantity=0.02&timestamp={clock.now()}"
    whole = (query + ORDER).encode()
    signature = hmac.new(b"secret", whole, sha256).hexdigest()
    headers = {"X-MBX-APIKEY": "key", "Content-Type": FORM}
    answer = client.http.post(
        f"/fapi/v1/order?{query}", content=f"{ORDER}&signature={signature}", headers=headers
    )
    assert answer.json()["executedQty"].startswith("0.02")


SENT = {"symbol": BTC, "side": "BUY", "quantity": "0.01", "price": "PRICE"}
CHANGED = {**SENT, "quantity": "0.02"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("POST", "order", {**SENT, "type": "LIMIT", "TIMEINFORCE": "GTC"}, "NEW"),
        ("GET", "order", {"SYMBOL": BTC, "orderid": "ID"}, "NEW"),
        ("GET", "openOrder", {"symbol": BTC, "origclientorderid": "mine"}, "NEW"),
        ("PUT", "order", {**CHANGED, "orderid": "ID"}, "NEW"),
        ("DELETE", "order", {"symbol": BTC, "OrderID": "ID", "recvwindow": "5000"}, "CANCELED"),
        ("DELETE", "batchOrders", {"symbol": BTC, "orderidlist": "[ID]"}, "CANCELED"),
        ("DELETE", "batchOrders", {"symbol": BTC, "origclientorderidlist": '["mine"]'}, "CANCELED"),
    ],
)
def test_case_of_names_does_not_matter(client, market, method, path, sent, status):
    price = f"{market.price(BTC) * 0.97:.1f}"
    order = {**SENT, "type": "LIMIT", "timeInForce": "GTC", "price": price}
    placed = client("POST", "/fapi/v1/order", **order, newclientorderid="mine")
    assert placed["clientOrderId"] == "mine"
    given = {
        name: value.replace("ID", str(placed["orderId"])).replace("PRICE", price)
        for name, value in sent.items()
    }
    answer = client(method, f"/fapi/v1/{path}", **given)
    assert (answer[0] if isinstance(answer, list) else answer)["status"] == status


@pytest.mark.parametrize("sent", [b"Quantity=0.01", b"SYMBOL=BTCUSDT", b"Timestamp=1"])
def test_names_that_differ_in_case_only_are_one_sent_twice(client, clock, exchange, sent):
    assert post(client, signed(clock, ORDER.encode() + b"&" + sent)) == (400, -1101)
    assert exchange.engine.account("key").orders == {}


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_only_a_form_is_read(client, clock, exchange, kind):
    assert post(client, signed(clock, ORDER.encode()), kind=kind) == (400, -1102)
    assert exchange.engine.account("key").orders == {}
