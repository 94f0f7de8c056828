"""What other clients than Freqtrade use: checks, changes, forced orders, limits, margin."""

from __future__ import annotations

import pytest

from tests.venue.signed import BTC

ORDER = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


@pytest.fixture
def resting(market) -> dict:
    return {**ORDER, "price": f"{market.price(BTC) * 0.97:.1f}"}


def test_a_checked_order_is_not_placed(client, resting):
    answer = client("POST", "/fapi/v1/order/test", **resting)
    placed = client("POST", "/fapi/v1/order", **resting)
    assert answer.keys() == placed.keys()
    assert (answer["orderId"], answer["status"], answer["origQty"]) == (0, "NEW", "0.010")
    assert len(client("GET", "/fapi/v1/openOrders")) == 1
    filled = client(
        "POST", "/fapi/v1/order/test", symbol=BTC, side="BUY", type="MARKET", quantity=1
    )
    assert filled["executedQty"] == "0.000"
    assert client("GET", "/fapi/v1/userTrades", symbol=BTC) == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"quantity": "0.00001"}, -1111),
        ({"quantity": "500"}, -2019),
        ({"side": "UP"}, -1117),
        ({"type": "STOP_MARKET", "stopPrice": "1"}, -4120),
        ({"reduceOnly": "true"}, -2022),
        ({"symbol": "NOPE"}, -1121),
    ],
)
def test_a_checked_order_is_refused_as_if_it_were_placed(client, resting, sent, code):
    for path in ("/fapi/v1/order/test", "/fapi/v1/order"):
        assert client.refusal("POST", path, **{**resting, **sent}) == (400, code)


@pytest.mark.parametrize(
    ("method", "path", "more", "code"),
    [
        ("GET", "order", {}, -2013),
        ("GET", "openOrder", {}, -2013),
        ("PUT", "order", {"side": "BUY", "quantity": "0.02", "price": "100"}, -2013),
        ("DELETE", "order", {}, -2011),
    ],
)
def test_an_order_id_prevails_over_a_client_id(client, resting, method, path, more, code):
    placed = client("POST", "/fapi/v1/order", **resting, newClientOrderId="mine")
    sent = {"symbol": BTC, "orderId": 12345, "origClientOrderId": "mine", **more}
    assert client.refusal(method, f"/fapi/v1/{path}", **sent) == (400, code)
    assert client("GET", "/fapi/v1/order", symbol=BTC, origClientOrderId="mine") == {
        **client("GET", "/fapi/v1/order", symbol=BTC, orderId=placed["orderId"]),
        "status": "NEW",
    }


@pytest.mark.parametrize(("method", "code"), [("GET", -2013), ("DELETE", -2011)])
def test_an_algo_id_prevails_over_a_client_id(client, market, method, code):
    stop = {"symbol": BTC, "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
    trigger = f"{market.price(BTC) * 0.9:.1f}"
    path, mine = "/fapi/v1/algoOrder", {"clientAlgoId": "mine"}
    client("POST", path, algoType="CONDITIONAL", **stop, triggerPrice=trigger, **mine)
    assert client.refusal(method, path, algoId=12345, **mine) == (400, code)
    assert client("GET", path, **mine)["algoStatus"] == "NEW"


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("GET", "order", "'origClientOrderId' or 'orderId'"),
        ("GET", "openOrder", "'origClientOrderId' or 'orderId'"),
        ("PUT", "order", "'origClientOrderId' or 'orderId'"),
        ("DELETE", "order", "'origClientOrderId' or 'orderId'"),
        ("GET", "algoOrder", "'clientAlgoId' or 'algoId'"),
        ("DELETE", "algoOrder", "'clientAlgoId' or 'algoId'"),
    ],
)
def test_one_of_both_ids_must_be_sent(client, method, path, names):
    changed = {"side": "BUY", "quantity": "0.02", "price": "100"} if method == "PUT" else {}
    answer = client.raw(method, f"/fapi/v1/{path}", symbol=BTC, **changed)
    message = f"Param {names} must be sent, but both were empty/null!"
    assert answer.json() == {"code": -1102, "msg": message}


@pytest.mark.parametrize(("value", "accepted"), [("ACK", True), ("RESULT", True), ("FULL", False)])
@pytest.mark.parametrize("path", ["order", "algoOrder"])
def test_types_of_answers(client, path, value, accepted):
    sent = WHOLE if path == "algoOrder" else {**LONG, "positionSide": "BOTH"}
    answer = client.raw("POST", f"/fapi/v1/{path}", **sent, newOrderRespType=value)
    expected = None if accepted else -1136
    assert answer.json().get("code") == expected
    assert bool(client("GET", "/fapi/v1/openAlgoOrders")) is (accepted and path == "algoOrder")


WHOLE = {
    "symbol": BTC, "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET",
    "triggerPrice": 20_000, "closePosition": "true",
}  # fmt: skip
LONG = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1", "positionSide": "LONG"}
ALGO = {**WHOLE, "closePosition": "false", "quantity": "0.1", "positionSide": "LONG"}


@pytest.mark.parametrize(
    ("path", "sent", "hedge"),
    [
        ("algoOrder", WHOLE, False),
        ("order", LONG, True),
        ("order/test", LONG, True),
        ("algoOrder", ALGO, True),
    ],
)
@pytest.mark.parametrize("value", ["true", "false"])
def test_reduce_only_may_not_even_be_false(client, path, sent, hedge, value):
    """In hedge mode, or beside closePosition, the exchange refuses the parameter itself."""
    if hedge:
        client("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    answer = client.raw("POST", f"/fapi/v1/{path}", **sent, reduceOnly=value)
    assert answer.json() == {"code": -1106, "msg": "Parameter 'reduceonly' sent when not required."}
    client("POST", f"/fapi/v1/{path}", **sent)


def test_a_change_and_its_history(client, resting, market):
    order = client("POST", "/fapi/v1/order", **resting)["orderId"]
    price = f"{market.price(BTC) * 0.96:.1f}"
    change = {"symbol": BTC, "side": "BUY", "quantity": "0.02", "orderId": order}
    changed = client("PUT", "/fapi/v1/order", **change, price=price)
    assert (changed["orderId"], changed["origQty"], changed["status"]) == (order, "0.020", "NEW")
    assert "modifyId" not in changed
    client("PUT", "/fapi/v1/order", **change, price=resting["price"], modifyId=9)
    last, first = client("GET", "/fapi/v1/orderAmendment", symbol=BTC, orderId=order)
    assert (first["amendment"]["count"], last["amendment"]["count"]) == (1, 2)
    assert first["amendment"]["origQty"] == {"before": "0.010", "after": "0.020"}
    assert last["amendment"]["price"]["before"] == first["amendment"]["price"]["after"]
    assert last["amendment"]["modifyId"] == 9
    sent = {"symbol": BTC, "orderId": order}
    assert len(client("GET", "/fapi/v1/orderAmendment", **sent, limit=1)) == 1
    assert client.refusal("GET", "/fapi/v1/orderAmendment", **sent, limit=101) == (400, -1130)
    assert client.refusal("GET", "/fapi/v1/orderAmendment", symbol=BTC) == (400, -1102)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"orderId": 1}, -2013),
        ({"orderId": ""}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"side": ""}, -1102),
        ({"price": ""}, -1102),
        ({"quantity": ""}, -1102),
        ({"quantity": "x"}, -1100),
        ({"modifyId": "x"}, -1100),
        ({"reduceOnly": "maybe"}, -1130),
        ({"reduceOnly": "true"}, -5047),
    ],
)
def test_a_change_is_refused(client, resting, sent, code):
    order = client("POST", "/fapi/v1/order", **resting)["orderId"]
    change = {**resting, "orderId": order, "quantity": "0.02"}
    assert client.refusal("PUT", "/fapi/v1/order", **{**change, **sent}) == (400, code)
    assert client("GET", "/fapi/v1/openOrders")[0]["origQty"] == "0.010"


def test_forced_orders_by_kind(client, exchange, clock):
    account, engine = exchange.engine.account("key"), exchange.engine
    for symbol, quantity in ((BTC, "0.01"), ("ETHUSDT", "0.1")):
        sent = {"symbol": symbol, "side": "BUY", "type": "MARKET", "quantity": quantity}
        client("POST", "/fapi/v1/order", **sent)
    for name in ("autoclose-1", "adl_autoclose"):  # a user may call an order so, too
        client("POST", "/fapi/v1/order", **{**sent, "newClientOrderId": name})
    assert client("GET", "/fapi/v1/forceOrders") == []
    engine.force_liquidation(account, BTC, clock.now())
    mark = engine.quote("ETHUSDT").mark
    engine.force_adl(account, "ETHUSDT", clock.now(), price=mark * 2)

    def kinds(**sent):
        return [row["clientOrderId"][:9] for row in client("GET", "/fapi/v1/forceOrders", **sent)]

    assert kinds() == ["autoclose", "adl_autoc"]
    assert kinds(autoCloseType="LIQUIDATION") == ["autoclose"]
    assert kinds(autoCloseType="ADL") == ["adl_autoc"]
    assert kinds(symbol=BTC) == ["autoclose"]
    assert kinds(symbol=BTC, autoCloseType="ADL") == []
    assert kinds(startTime=clock.now() + 1) == []
    clock.time += 8 * 86_400_000
    assert kinds() == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"autoCloseType": "BOTH"}, -1130),
        ({"symbol": "NOPE"}, -1121),
        ({"limit": 101}, -1130),
        ({"startTime": 2, "endTime": 1}, -1023),
        ({"startTime": 0, "endTime": 8 * 86_400_000}, -4165),
    ],
)
def test_forced_orders_are_refused(client, sent, code):
    assert client.refusal("GET", "/fapi/v1/forceOrders", **sent) == (400, code)


def test_the_limits_of_orders_are_those_of_exchange_info(client):
    limits = client("GET", "/fapi/v1/rateLimit/order")
    every = client("GET", "/fapi/v1/exchangeInfo")["rateLimits"]
    assert limits == [row for row in every if row["rateLimitType"] == "ORDERS"]
    assert [(row["intervalNum"], row["limit"]) for row in limits] == [(1, 1200), (10, 300)]


def test_margin_is_added_and_its_history_kept(client):
    client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
    client("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.01")

    def wallet() -> float:
        return float(client("GET", "/fapi/v2/positionRisk", symbol=BTC)[0]["isolatedWallet"])

    before = wallet()
    sent = {"symbol": BTC, "amount": "12.5", "type": 1}
    assert client("POST", "/fapi/v1/positionMargin", **sent) == {
        "amount": 12.5,
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": 1,
    }
    client("POST", "/fapi/v1/positionMargin", **{**sent, "amount": 2, "type": 2})
    assert wallet() == pytest.approx(before + 10.5)
    history = "/fapi/v1/positionMargin/history"
    rows = client("GET", history, symbol=BTC)
    assert [(row["type"], row["amount"]) for row in rows] == [(1, "12.50000000"), (2, "2.00000000")]
    assert [row["type"] for row in client("GET", history, symbol=BTC, type=2)] == [2]
    assert client.refusal("GET", history, symbol=BTC, type=3) == (400, -1130)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"amount": ""}, -1102),
        ({"type": ""}, -1102),
        ({"type": 3}, -1130),
        ({"amount": "-1"}, -1100),
        ({"amount": "0"}, -4055),
        ({"positionSide": "LONG"}, -4061),
        ({"symbol": "NOPE"}, -1121),
        ({}, -4049),
    ],
)
def test_margin_is_refused(client, sent, code):
    needed = {"symbol": BTC, "amount": "1", "type": 1}
    assert client.refusal("POST", "/fapi/v1/positionMargin", **{**needed, **sent}) == (400, code)
