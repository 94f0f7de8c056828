"""Whatever is sent to it, the venue answers, in its own words and never with a 500."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perpkit.venue.engine import Account
from perpkit.venue.engine.state import DEFAULT_LEVERAGE
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.cases import cases
from tests.venue.conftest import NOW

BTC = "BTCUSDT"
FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
FIXTURES = [HealthCheck.function_scoped_fixture]

ORDER = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
         "price": "20000"}  # fmt: skip

# What is meant by each name, so that requests come far enough to be carried out.
MEANT: dict[str, tuple[str, ...]] = {
    "symbol": (BTC, "ETHUSDT", "NOPE"),
    "pair": (BTC,),
    "interval": ("1h", "5m"),
    "period": ("1h", "5m"),
    "side": ("BUY", "SELL"),
    "type": ("MARKET", "LIMIT", "STOP_MARKET", "TRAILING_STOP_MARKET", "TAKE_PROFIT"),
    "algoType": ("CONDITIONAL",),
    "quantity": ("0.01", "1", "0.001"),
    "price": ("20000", "50000.1", "0.1"),
    "triggerPrice": ("20000", "90000"),
    "activatePrice": ("20000", "90000"),
    "callbackRate": ("0.1", "1", "10"),
    "timeInForce": ("GTC", "IOC", "FOK", "GTX", "GTD"),
    "positionSide": ("BOTH", "LONG", "SHORT"),
    "workingType": ("MARK_PRICE", "CONTRACT_PRICE"),
    "reduceOnly": ("true", "false"),
    "closePosition": ("true", "false"),
    "leverage": ("5", "20", "125"),
    "marginType": ("ISOLATED", "CROSSED"),
    "dualSidePosition": ("true", "false"),
    "multiAssetsMargin": ("true", "false"),
    "incomeType": ("FUNDING_FEE", "COMMISSION"),
    "limit": ("1", "5", "500", "1000"),
    "startTime": (str(NOW - 3_600_000), "0"),
    "endTime": (str(NOW), "1"),
    "fromId": ("1",),
    "orderId": ("1", str(NOW)),
    "algoId": ("1",),
    "origClientOrderId": ("mine",),
    "newClientOrderId": ("mine",),
    "clientAlgoId": ("mine",),
    "recvWindow": ("5000", "60000"),
    "amount": ("1", "0.5"),
    "countdownTime": ("0", "1000"),
    "contractType": ("PERPETUAL", "CURRENT_QUARTER"),
    "batchOrders": (f"[{json.dumps(ORDER)}]", "[{}]", "[[]]", '[{"symbol": {}}]'),
    "orderIdList": ("[1]", '["1", null]'),
    "autoCloseType": ("ADL", "LIQUIDATION"),
}
NASTY = (
    "", "0", "-1", "-0", "+5", " 5 ", "1_000", "\uff11\uff12", "1e5", "1e999999", "1E+2", ".5",
    "5.", "NaN", "Infinity", "-Infinity", "0x10", "null", "None", "[]", "{}", "\x00", "a\x00b",
    "\n", "9" * 19, "9" * 20, "9" * 21, "9" * 5000, "0." + "0" * 19 + "1", "0." + "9" * 40,
    "99999999999999999999.99999999999999999999", "9223372036854775807", "9223372036854775808",
    "币安人生USDT", "\ud7ff", "🚀", "BTCUSDT ", "btcusdt", "'; DROP TABLE", "%00", "%zz", "../..",
    "true", "TRUE", "maybe", "1700000000000",
)  # fmt: skip
# Those that are, or look like, numbers.
NUMBERS = (
    "", "0", "-1", "1_000", "\uff11\uff12", "1e999999", "NaN", "0.00000000000000000001",
    "99999999999999999999.99999999999999999999", "9223372036854775807", "9223372036854775808",
    "9" * 20, "9" * 5000, "8640000000000001", "\x00", "BTC\u5e01USDT",
)  # fmt: skip
JSON_NASTY = (
    None, True, False, 0, -1, 1, 1.5, 2**63, 10**30, 10**4000, -(10**30), 1e300, 5e-324,
    float("nan"), float("inf"), "", "x", "1e999999", "NaN", "\ud800", "\x00", "9" * 5000, BTC,
    "latency", [], ["latency"], [BTC] * 3, {}, {"a": {"b": [1]}}, NOW, NOW + 1,
)  # fmt: skip
ALGO = {"algoType": "CONDITIONAL", "symbol": BTC, "side": "SELL", "type": "STOP_MARKET",
        "quantity": "0.01", "triggerPrice": "10000"}  # fmt: skip
KLINES = {"symbol": BTC, "interval": "1h", "limit": "5", "startTime": "0", "endTime": str(NOW)}
STATISTICS = {"symbol": BTC, "period": "1h", "limit": "5", "startTime": str(NOW - 3_600_000)}
RANGE = {"symbol": BTC, "limit": "5", "startTime": str(NOW - 3_600_000), "endTime": str(NOW)}
# Requests that are carried out, to be spoilt in a parameter or two.
GOOD: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("POST", "/fapi/v1/order", ORDER),
    ("POST", "/fapi/v1/order", {"symbol": BTC, "side": "SELL", "type": "MARKET", "quantity": "1"}),
    ("POST", "/fapi/v1/algoOrder", ALGO),
    ("POST", "/fapi/v1/algoOrder",
     {**ALGO, "type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "90000"}),
    ("POST", "/fapi/v1/algoOrder", {**ALGO, "quantity": "", "closePosition": "true"}),
    ("POST", "/fapi/v1/order/test", ORDER),
    ("PUT", "/fapi/v1/order", {**ORDER, "orderId": str(NOW)}),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": f"[{json.dumps(ORDER)}]"}),
    ("PUT", "/fapi/v1/batchOrders",
     {"batchOrders": f"[{json.dumps({**ORDER, 'orderId': NOW})}]"}),
    ("DELETE", "/fapi/v1/batchOrders", {"symbol": BTC, "orderIdList": f"[{NOW}]"}),
    ("POST", "/fapi/v1/countdownCancelAll", {"symbol": BTC, "countdownTime": "1000"}),
    ("POST", "/fapi/v1/positionMargin", {"symbol": BTC, "amount": "1", "type": "1"}),
    ("GET", "/fapi/v1/positionMargin/history", {**RANGE, "type": "1"}),
    ("GET", "/fapi/v1/forceOrders", {**RANGE, "autoCloseType": "ADL"}),
    ("GET", "/fapi/v1/orderAmendment", {**RANGE, "orderId": str(NOW)}),
    ("GET", "/fapi/v1/rateLimit/order", {}),
    ("GET", "/fapi/v1/trades", {"symbol": BTC, "limit": "5"}),
    ("GET", "/fapi/v1/aggTrades", {**RANGE, "fromId": "1"}),
    ("GET", "/fapi/v1/continuousKlines", {**KLINES, "pair": BTC, "contractType": "PERPETUAL"}),
    ("GET", "/fapi/v1/order", {"symbol": BTC, "orderId": str(NOW)}),
    ("DELETE", "/fapi/v1/order", {"symbol": BTC, "orderId": str(NOW)}),
    ("DELETE", "/fapi/v1/allOpenOrders", {"symbol": BTC}),
    ("GET", "/fapi/v1/algoOrder", {"algoId": str(NOW + 10**15)}),
    ("DELETE", "/fapi/v1/algoOrder", {"algoId": str(NOW + 10**15)}),
    ("GET", "/fapi/v1/openOrders", {"symbol": BTC}),
    ("GET", "/fapi/v1/openAlgoOrders", {"symbol": BTC}),
    ("GET", "/fapi/v1/allOrders", {**RANGE, "orderId": "1"}),
    ("GET", "/fapi/v1/allAlgoOrders", {**RANGE, "algoId": "1"}),
    ("GET", "/fapi/v1/userTrades", {**RANGE, "fromId": "1"}),
    ("GET", "/fapi/v1/income", {**RANGE, "incomeType": "COMMISSION", "page": "1"}),
    ("GET", "/fapi/v2/positionRisk", {"symbol": BTC}),
    ("GET", "/fapi/v3/account", {}),
    ("GET", "/fapi/v1/leverageBracket", {"symbol": BTC}),
    ("GET", "/fapi/v1/commissionRate", {"symbol": BTC}),
    ("GET", "/fapi/v1/apiTradingStatus", {"symbol": BTC}),
    ("POST", "/fapi/v1/leverage", {"symbol": BTC, "leverage": "5"}),
    ("POST", "/fapi/v1/marginType", {"symbol": "ETHUSDT", "marginType": "ISOLATED"}),
    ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}),
    ("POST", "/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "true"}),
    ("GET", "/fapi/v1/klines", KLINES),
    ("GET", "/fapi/v1/markPriceKlines", KLINES),
    ("GET", "/fapi/v1/indexPriceKlines", {**KLINES, "pair": BTC}),
    ("GET", "/fapi/v1/premiumIndexKlines", KLINES),
    ("GET", "/fapi/v1/fundingRate", RANGE),
    ("GET", "/fapi/v1/depth", {"symbol": BTC, "limit": "5"}),
    ("GET", "/fapi/v1/ticker/24hr", {"symbol": BTC}),
    ("GET", "/fapi/v1/premiumIndex", {"symbol": BTC}),
    ("GET", "/futures/data/openInterestHist", STATISTICS),
    ("GET", "/futures/data/takerlongshortRatio", STATISTICS),
)  # fmt: skip
GOOD_CONTROL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("clock/advance", {"ms": 1}),
    ("faults", {"kind": "latency", "endpoint": "*", "symbol": BTC, "since": NOW + 10**9,
                "until": NOW + 10**10, "probability": 0.5, "times": 2, "parameters": {"ms": 1}}),
    ("faults/random", {"seed": 1, "days": 1, "kinds": ["reset"], "intensity": 2,
                       "symbols": [BTC]}),
    ("market/price", {"symbol": "XRPUSDT", "change": 0.01, "within_ms": 1000, "recovery": 1,
                      "mark_share": 0.5}),
    ("accounts", {"api_key": "new", "secret": "s", "wallet": "5"}),
    ("fills", {"api_key": "key", "order_id": NOW, "quantity": "0.001"}),
    ("funding", {"symbol": BTC, "rate": "0.0001"}),
    ("settings", {"api_key": "key", "symbol": BTC, "leverage": 5, "margin_type": "CROSSED",
                  "hedge": False, "multi_assets": False}),
)  # fmt: skip
CONTROL_PATHS = (
    "state", "log", "clock/advance", "faults", "faults/random", "market/price", "faults/f1",
    "faults/%00", "accounts", "fills", "funding", "settings", "breaches", "x",
)  # fmt: skip
VALUES = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
CONTROL_FIELDS: dict[str, tuple[Any, ...]] = {
    "kind": tuple(FaultKind),
    "kinds": (["reset"], ["latency", "price_gap"], list(FaultKind)),
    "endpoint": ("*", "GET *", "*" * 300, "[" * 100),
    "symbol": (BTC, "NOPE"),
    "symbols": ([BTC], []),
    "since": (NOW, NOW + 5, 0),
    "until": (NOW + 60_000,),
    "probability": (0.5, 1),
    "times": (1, 10**9),
    "parameters": ({"ms": 5}, {"change": -0.5}, {"code": -4400}, {"leverage": 3}, {"ms": "x"}),
    "seed": (1, -5),
    "days": (1, 1e9, 1e-300),
    "intensity": (1, 1440, 1e300),
    "ms": (1, 60_000, 10**15),
    "change": (-0.5, 0.1, -0.99, 10),
    "within_ms": (1, 60_000),
    "recovery": (0.5,),
    "mark_share": (0, 1),
    "api_key": ("key", "other", "k" * 200),
    "secret": ("s",),
    "wallet": ("100", 5, "1e999999", "0.000000001", "-1"),
    "order_id": (1, NOW),
    "quantity": ("0.001", 1, "1e-30", "1e30"),
    "rate": ("0.001", -1, 5, "1e-300"),
    "leverage": (5, 125, 1000),
    "margin_type": ("ISOLATED", "CROSSED", "BOTH"),
    "hedge": (True, False),
    "multi_assets": (True, False),
}


@dataclass
class Venue:
    exchange: Exchange
    http: httpx.AsyncClient
    runner: asyncio.Runner
    routes: tuple[str, ...]

    @property
    def account(self) -> Account:
        return self.exchange.engine.account("key")

    def ask(
        self, method: str, url: str, content: bytes = b"", headers: dict[str, Any] | None = None
    ) -> httpx.Response:
        return self.runner.run(self.http.request(method, url, content=content, headers=headers))

    def signed(
        self, method: str, path: str, sent: list[tuple[str, str]], **headers: str
    ) -> httpx.Response:
        content = urlencode([("timestamp", str(self.exchange.market.now())), *sent]).encode()
        signature = hmac.new(b"secret", content, sha256).hexdigest().encode()
        return self.send(method, path, content + b"&signature=" + signature, "key", **headers)

    def send(
        self, method: str, path: str, content: bytes, key: str, kind: str = FORM
    ) -> httpx.Response:
        """In the body where there is one, else in the query."""
        headers = {"X-MBX-APIKEY": key.encode("latin-1")}
        if method in ("POST", "PUT", "PATCH"):
            return self.ask(method, path, content, {**headers, "Content-Type": kind})
        query = "".join(chr(byte) if 32 < byte < 127 else f"%{byte:02X}" for byte in content)
        return self.ask(method, f"{path}?{query}", b"", headers)


@pytest.fixture(scope="module")
def venue(history) -> Iterator[Venue]:
    exchange = Exchange(Market(history, VirtualClock(NOW), seed=7))
    exchange.engine.add_account("key", "secret", Decimal(10_000), NOW)

    async def wait(_: float) -> None:
        return

    app = create_app(exchange.market, exchange=exchange, wait=wait)
    routers = [getattr(route, "original_router", app) for route in app.routes]
    paths = {route.path for each in routers for route in each.routes if hasattr(route, "methods")}
    assert "/fapi/v1/order" in paths
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 5))
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        yield Venue(exchange, http, runner, (*sorted(paths), "/fapi/v1/nothing", "/"))
        runner.run(http.aclose())


def state(account: Account) -> Any:
    """What a refused request must leave as it was."""
    return (
        account.wallet,
        account.hedge,
        account.multi_assets,
        {number: (o.status, o.executed) for number, o in account.orders.items()},
        {number: a.status for number, a in account.algos.items()},
        {
            (symbol, side): (p.amount, p.entry, p.isolated_wallet)
            for symbol, h in account.holdings.items()
            for side, p in h.positions.items()
            if p.amount
        },
        # A holding comes into being when it is asked for, as what it is by default.
        {s: h.leverage for s, h in account.holdings.items() if h.leverage != DEFAULT_LEVERAGE},
        [s for s, h in account.holdings.items() if h.isolated],
    )


@st.composite
def requests(draw: st.DrawFn, paths: tuple[str, ...]) -> tuple[str, str, list[tuple[str, str]]]:
    """Method, path and parameters: one that is good but for a word or two, or anything."""
    if draw(st.integers(0, 4)):
        method, path, good = draw(st.sampled_from(GOOD))
        sent = dict(good)
        spoilt = st.lists(st.sampled_from(sorted({*good, *MEANT})), max_size=2)
        for name in draw(spoilt):
            sent[name] = draw(VALUES | st.sampled_from(MEANT.get(name, ("1",))))
        return method, path, list(sent.items())
    path = draw(st.sampled_from(paths)).replace("{symbol}", BTC)
    name = draw(st.sampled_from(["x", f"{BTC}-metrics-9999-12-31.zip", "%00"]))
    names = draw(st.lists(st.sampled_from(sorted(MEANT)), max_size=9))
    sent = {each: draw(VALUES | st.sampled_from(MEANT[each])) for each in names}
    return draw(st.sampled_from(METHODS)), path.replace("{name}", name), list(sent.items())


def check(venue: Venue, answer: httpx.Response, before: Any) -> None:
    assert answer.status_code < 500, answer.text
    head = answer.request.method == "HEAD"
    if answer.status_code >= 400:
        if not head:
            refusal = answer.json()
            assert set(refusal) == {"code", "msg"}
            assert refusal["code"] < 0
        assert state(venue.account) == before
    elif not head and "json" in answer.headers["content-type"]:
        json.loads(answer.text, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize(
    ("method", "path", "good"), GOOD, ids=[f"{m} {p} {len(g)}" for m, p, g in GOOD]
)
def test_every_parameter_spoilt_in_turn(venue, method, path, good):
    for name in good:
        for value in NUMBERS:
            before = state(venue.account)
            sent = [*({**good, name: value}).items()]
            check(venue, venue.signed(method, path, sent), before)


@settings(cases(200), suppress_health_check=FIXTURES)
@given(data=st.data())
def test_the_exchange_never_fails(venue, data):
    method, path, sent = data.draw(requests(venue.routes))
    sent = [("timestamp", str(venue.exchange.market.now())), *sent]
    content = urlencode(sent).encode()
    if data.draw(st.integers(0, 9)) == 0:
        content += data.draw(st.binary(max_size=30))
    signature = hmac.new(b"secret", content, sha256).hexdigest()
    if data.draw(st.integers(0, 9)) == 0:
        signature = data.draw(st.sampled_from(["", "é", "%ff", "0" * 64, signature.upper()]))
    content += b"&signature=" + quote(signature, safe="%").encode()
    key = data.draw(st.sampled_from(["key"] * 8 + ["", "nobody", "k\xe9y", "k" * 300]))
    kind = data.draw(st.sampled_from([FORM] * 5 + ["text/plain", "x"]))
    before = state(venue.account)
    check(venue, venue.send(method, path, content, key, kind), before)


def check_control(venue: Venue, answer: httpx.Response) -> None:
    """That it is answered, and that the venue is none the worse for it."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error"}
    else:
        json.loads(answer.text, parse_constant=lambda name: pytest.fail(name))
    plan = venue.exchange.market.faults
    for name, _ in plan:
        plan.remove(name)
    assert venue.ask("GET", "/control/accounts").status_code == 200
    after = venue.signed("GET", "/fapi/v3/account", [])
    assert after.status_code == 200, after.text


@pytest.mark.parametrize(("path", "good"), GOOD_CONTROL, ids=[p for p, _ in GOOD_CONTROL])
def test_every_field_spoilt_in_turn(venue, path, good):
    for name in good:
        for number, value in enumerate(JSON_NASTY):
            body = {**good, name: value}
            if path == "accounts" and name != "api_key":
                body["api_key"] = f"{name}-{number}"
            content = json.dumps(body).encode()
            headers = {"Content-Type": "application/json"}
            check_control(venue, venue.ask("POST", f"/control/{path}", content, headers))


@settings(cases(200), suppress_health_check=FIXTURES)
@given(data=st.data())
def test_the_control_api_never_fails(venue, data):
    path = data.draw(st.sampled_from(CONTROL_PATHS))
    method = data.draw(st.sampled_from(("GET", "POST", "POST", "POST", "DELETE", "PUT")))
    names = data.draw(st.lists(st.sampled_from(sorted(CONTROL_FIELDS)), max_size=8, unique=True))
    body = {
        name: data.draw(
            st.sampled_from(JSON_NASTY)
            if data.draw(st.integers(0, 9)) < 2
            else st.sampled_from(CONTROL_FIELDS[name])
        )
        for name in names
    }
    content = json.dumps(body).encode()
    if data.draw(st.integers(0, 9)) == 0:
        content = data.draw(
            st.sampled_from([b"", b"{", b"\xff", b"[" * 5000, b"1" * 5000, b"null"])
        )
    kind = data.draw(st.sampled_from(["application/json"] * 8 + ["text/plain", FORM]))
    query = data.draw(st.sampled_from(["", "?limit=0", "?after=-1", f"?limit={'9' * 30}"]))
    headers = {"Content-Type": kind}
    check_control(venue, venue.ask(method, f"/control/{path}{query}", content, headers))
