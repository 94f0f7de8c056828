"""A batch is its orders, one after the other; what is refused says so in its place."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Restrictions
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.market import Market
from tests.cases import cases
from tests.venue.conftest import CLOCK, HandClock
from tests.venue.signed import BTC, Client

PATH = "/fapi/v1/batchOrders"
ORDER = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


def several(client: Client, method: str, orders: list[object]) -> list[dict]:
    return client(method, PATH, batchOrders=json.dumps(orders))


def limit(market: Market, share: float, **more) -> dict:
    return {**ORDER, "price": f"{market.price(BTC) * share:.1f}0", **more}


def test_each_is_placed_or_refused_by_itself(client, market):
    orders = [
        limit(market, 0.97),
        limit(market, 0.97, quantity="0.00001"),
        limit(market, 0.96, symbol="NOPE"),
        {"symbol": "ETHUSDT", "side": "SELL", "type": "MARKET", "quantity": 0.1},
        limit(market, 0.96, reduceOnly=False),
    ]
    placed, small, unknown, eth, last = several(client, "POST", orders)
    assert [each.get("status") for each in (placed, eth, last)] == ["NEW", "FILLED", "NEW"]
    assert small["code"] == -1111
    assert unknown == {"code": -1121, "msg": "Invalid symbol."}
    assert len(client("GET", "/fapi/v1/openOrders")) == 2


def test_changed_and_cancelled(client, market):
    first, second = several(client, "POST", [limit(market, 0.97), limit(market, 0.96)])
    change = limit(market, 0.95)
    changes = [
        {**change, "orderId": first["orderId"], "modifyId": 5},
        {**change, "orderId": 1},
        {**change, "origClientOrderId": second["clientOrderId"]},
    ]
    changed = several(client, "PUT", changes)
    assert [each.get("price") or each["code"] for each in changed] == [
        change["price"],
        -2013,
        change["price"],
    ]
    assert changed[0]["modifyId"] == 5
    gone = client("DELETE", PATH, symbol=BTC, orderIdList=json.dumps([first["orderId"], 1]))
    assert [each.get("status") or each["code"] for each in gone] == ["CANCELED", -2011]
    named = json.dumps([second["clientOrderId"]])
    (gone,) = client("DELETE", PATH, symbol=BTC, origClientOrderIdList=named)
    assert gone["status"] == "CANCELED"
    assert client("GET", "/fapi/v1/openOrders") == []


def test_case_of_names_does_not_matter(client, market):
    written = {name.upper(): value for name, value in limit(market, 0.97).items()}
    (placed,) = several(client, "POST", [written])
    change = {**limit(market, 0.96), "orderid": placed["orderId"]}
    assert [each["price"] for each in several(client, "PUT", [change])] == [change["price"]]


def test_time_goes_on_between_its_orders(exchange, clock):
    class Running(HandClock):
        def now(self) -> int:
            self.time += 1
            return self.time

    exchange.market.clock = Running(clock.time)
    client = Client(create_app(exchange.market, exchange=exchange), exchange.market.clock)
    placed = several(client, "POST", [limit(exchange.market, 0.97)] * 3)
    times = [each["updateTime"] for each in placed]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("method", "sent", "code"),
    [
        ("POST", {}, -1102),
        ("POST", {"batchOrders": "["}, -1102),
        ("POST", {"batchOrders": "{}"}, -1102),
        ("POST", {"batchOrders": "[1]"}, -1102),
        ("POST", {"batchOrders": '[{"symbol": ["BTCUSDT"]}]'}, -1102),
        ("POST", {"batchOrders": '[{"quantity": NaN}]'}, -1102),
        ("POST", {"batchOrders": "[" * 3000}, -1102),
        ("POST", {"batchOrders": '[{"symbol": "\\u0000"}]'}, -1100),
        ("POST", {"batchOrders": json.dumps([ORDER, {**ORDER, "SYMBOL": BTC}])}, -1101),
        ("POST", {"batchOrders": "[]"}, -4082),
        ("POST", {"batchOrders": json.dumps([ORDER] * 6)}, -4082),
        ("PUT", {}, -1102),
        ("PUT", {"batchOrders": json.dumps([ORDER] * 6)}, -4082),
        ("DELETE", {"orderIdList": "[1]"}, -1102),
        ("DELETE", {"symbol": BTC}, -1102),
        ("DELETE", {"symbol": BTC, "orderIdList": "1"}, -1102),
        ("DELETE", {"symbol": BTC, "orderIdList": "[]"}, -4032),
        ("DELETE", {"symbol": BTC, "orderIdList": str([1] * 11)}, -4032),
        ("DELETE", {"symbol": "NOPE", "orderIdList": "[1]"}, -1121),
    ],
)
def test_refused_as_a_whole(client, method, sent, code):
    assert client.refusal(method, PATH, **sent) == (400, code)
    assert client("GET", "/fapi/v1/openOrders") == []


def test_a_key_that_may_not_trade(exchange, market, clock):
    may = Restrictions(trade=False)
    exchange.engine.add_account("reader", "r", Decimal(1), market.now(), restrictions=may)
    reader = Client(create_app(market, exchange=exchange), clock, "reader", "r")
    for method in ("POST", "PUT", "DELETE"):
        assert reader.refusal(method, PATH, batchOrders="[]") == (401, -2015)


sent_orders = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from([BTC, "ETHUSDT", "NOPE"]),
        "side": st.sampled_from(["BUY", "SELL"]),
        "type": st.sampled_from(["LIMIT", "MARKET", "STOP"]),
        "quantity": st.sampled_from(["0.1", "0.01", "3", "0.00001"]),
    },
    optional={
        "timeInForce": st.sampled_from(["GTC", "IOC", "GTX", "FOK"]),
        "price": st.sampled_from(["40000", "54000", "56000", "70000", "3000"]),
        "reduceOnly": st.sampled_from(["true", "false"]),
        "newClientOrderId": st.sampled_from(["mine", "other"]),
    },
)


@pytest.fixture(scope="module")
def desks(history) -> tuple[Client, Client]:
    """Two venues that are alike, each with its account; they go on from case to case."""

    def desk() -> Client:
        clock = HandClock(CLOCK)
        exchange = Exchange(Market(history, clock, seed=7))
        exchange.engine.add_account("key", "secret", Decimal(10_000), clock.now())
        return Client(create_app(exchange.market, exchange=exchange), clock)

    return desk(), desk()


@cases(25)
@given(orders=st.lists(sent_orders, min_size=1, max_size=5))
def test_it_is_as_its_orders_one_by_one(desks, orders):
    together, apart = desks
    answers = several(together, "POST", orders)
    assert answers == [apart.raw("POST", "/fapi/v1/order", **order).json() for order in orders]
    for path in ("/fapi/v1/openOrders", "/fapi/v3/account"):
        assert together("GET", path) == apart("GET", path)
