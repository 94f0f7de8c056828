"""Faults of orders and accounts, as a user of the endpoints meets them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from perpkit.venue.faults.faults import Fault, FaultKind
from tests.venue.signed import BTC, MINUTE, buy, order, plan, rest, stop

HOUR = 60 * MINUTE


def falls(market) -> None:
    """The price goes down by a tenth, at once and for good."""
    gap = {"change": -0.1, "mark_share": 1.0}
    market.faults.add(Fault(FaultKind.PRICE_GAP, since=market.now() + 1, parameters=gap))


def test_a_stuck_order_waits_while_the_price_goes_through_it(client, market, clock):
    placed = rest(client, market)
    plan(market, FaultKind.STUCK_ORDERS, until=market.now() + HOUR)
    falls(market)
    clock.time += 10 * MINUTE
    assert order(client, placed)["status"] == "NEW"
    clock.time += HOUR
    assert order(client, placed)["status"] == "FILLED"


def test_an_order_that_fills_slowly_fills_a_share_at_a_time(client, market, clock):
    placed = rest(client, market)
    plan(market, FaultKind.SLOW_FILLS, parameters={"share": 0.2})
    falls(market)
    clock.time += MINUTE
    first = order(client, placed)
    assert first["status"] == "PARTIALLY_FILLED"
    assert Decimal(first["executedQty"]) % Decimal("0.02") == 0
    clock.time += 2 * HOUR
    assert order(client, placed)["status"] == "FILLED"


@pytest.mark.parametrize(
    ("kind", "status"),
    [(FaultKind.ORDER_EXPIRED, "EXPIRED"), (FaultKind.ORDER_CANCELLED, "CANCELED")],
)
def test_the_exchange_ends_orders(client, market, clock, kind, status):
    buy(client)
    placed, guard = rest(client, market, away=0.04), stop(client, market)
    plan(market, kind, until=market.now() + MINUTE)
    clock.time += MINUTE // 2
    assert order(client, placed)["status"] == status
    ended = client("GET", "/fapi/v1/algoOrder", algoId=guard["algoId"])
    assert ended["algoStatus"] == status
    clock.time += MINUTE
    assert order(client, rest(client, market, away=0.04))["status"] == "NEW"


def test_dice_are_thrown_once_for_an_order(client, market, clock):
    placed = [rest(client, market, away=0.04, quantity="0.001") for _ in range(40)]
    plan(market, FaultKind.ORDER_EXPIRED, probability=0.5)
    for _ in range(5):
        clock.time += 1000
        ended = sum(order(client, each)["status"] == "EXPIRED" for each in placed)
        assert 8 < ended < 32


def test_a_position_is_liquidated(client, market, clock, exchange):
    client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
    client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=5)
    buy(client)
    guard = stop(client, market)
    plan(market, FaultKind.LIQUIDATION, times=1)
    clock.time += 1000
    assert client("GET", "/fapi/v3/positionRisk") == []
    (forced,) = (
        each
        for each in client("GET", "/fapi/v1/allOrders", symbol=BTC)
        if each["clientOrderId"].startswith("autoclose-")
    )
    assert forced["status"] == "FILLED"
    assert client("GET", "/fapi/v1/algoOrder", algoId=guard["algoId"])["algoStatus"] == "EXPIRED"
    assert exchange.checker.breaches == []
    # The next position is left alone: the fault has struck once.
    buy(client)
    clock.time += 1000
    assert len(client("GET", "/fapi/v3/positionRisk")) == 1


@pytest.mark.parametrize(("permission", "may_read"), [("trade", True), ("read", False)])
def test_a_permission_is_removed(client, market, clock, permission, may_read):
    plan(
        market,
        FaultKind.PERMISSION_REMOVED,
        until=market.now() + MINUTE,
        parameters={"permission": permission},
    )
    sent = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (401, -2015)
    if may_read:
        client("GET", "/fapi/v3/account")
    else:
        assert client.refusal("GET", "/fapi/v3/account") == (401, -2015)
    clock.time += MINUTE
    buy(client)


@pytest.mark.parametrize(
    ("symbol", "where", "indicator", "others_trade"),
    [(None, "ACCOUNT", "TMV", False), (BTC, BTC, "GCR", True)],
)
def test_a_lock_lets_nothing_but_closing_orders_through(
    client, market, clock, symbol, where, indicator, others_trade
):
    assert client("GET", "/fapi/v1/apiTradingStatus")["indicators"] == {}
    buy(client)
    ends = market.now() + MINUTE
    plan(
        market,
        FaultKind.TRADING_LOCKED,
        symbol=symbol,
        until=ends,
        parameters={"indicator": "GCR"},
    )
    (row,) = client("GET", "/fapi/v1/apiTradingStatus")["indicators"][where]
    assert (row["isLocked"], row["indicator"]) == (True, indicator)
    assert row["plannedRecoverTime"] == ends
    sent = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (400, -4400)
    assert client.refusal("POST", "/fapi/v1/order", **{**sent, "symbol": "X"}) == (400, -1121)
    if others_trade:
        buy(client, symbol="ETHUSDT", quantity="1")
    stop(client, market)
    buy(client, side="SELL", quantity="0.05", reduceOnly="true")
    clock.time += MINUTE
    buy(client)
    assert client("GET", "/fapi/v1/apiTradingStatus")["indicators"] == {}


def test_a_lock_lets_no_opening_order_be_changed(client, market, clock):
    buy(client)
    opening = rest(client, market, away=0.03)
    price = round(market.price(BTC) * 1.03, 1)
    sent = {"side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "reduceOnly": "true"}
    closing = buy(client, **sent, price=price, quantity="0.05")
    plan(market, FaultKind.TRADING_LOCKED, until=market.now() + MINUTE)

    def twice(placed) -> dict:
        names = {name: placed[name] for name in ("symbol", "side", "orderId", "price")}
        return {**names, "quantity": str(2 * Decimal(placed["origQty"]))}

    assert client.refusal("PUT", "/fapi/v1/order", **twice(opening)) == (400, -4400)
    several = json.dumps([twice(opening)])
    (refused,) = client("PUT", "/fapi/v1/batchOrders", batchOrders=several)
    assert refused["code"] == -4400
    assert order(client, opening)["origQty"] == opening["origQty"]
    assert client("PUT", "/fapi/v1/order", **twice(closing))["origQty"] == "0.100"
    clock.time += MINUTE
    assert client("PUT", "/fapi/v1/order", **twice(opening))["origQty"] == "0.200"


def test_a_contract_that_is_delisted_takes_only_closing_orders(client, market, clock):
    buy(client)
    plan(market, FaultKind.DELISTING, until=market.now() + HOUR)
    clock.time += 10 * MINUTE
    buy(client, quantity="0.001")
    clock.time += 25 * MINUTE
    sent = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (400, -4140)
    buy(client, side="SELL", quantity="0.05", reduceOnly="true")
    clock.time += HOUR
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (400, -4141)


def test_a_clock_that_is_off_refuses_signed_requests(client, market):
    plan(market, FaultKind.CLOCK_SKEW, parameters={"ms": 20_000})
    assert client.refusal("GET", "/fapi/v3/account") == (400, -1021)


# Refused with a code


@pytest.mark.parametrize(
    ("parameters", "status", "refusal"),
    [
        (
            {"code": -4411},
            400,
            {"code": -4411, "msg": "Please sign TradFi-Perps agreement contract fapi."},
        ),
        ({"code": -2019}, 400, {"code": -2019, "msg": "Margin is insufficient."}),
        ({"code": -9000}, 400, {"code": -9000, "msg": "Refused with -9000."}),
        ({"code": -1008, "msg": "Busy.", "status": 503}, 503, {"code": -1008, "msg": "Busy."}),
    ],
)
def test_a_request_is_refused_with_any_code_and_not_carried_out(
    client, market, exchange, parameters, status, refusal
):
    kind = FaultKind.REFUSED
    plan(market, kind, endpoint="POST /fapi/v1/order", symbol=BTC, times=1, parameters=parameters)
    sent = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    client("GET", "/fapi/v3/account")
    assert buy(client, symbol="ETHUSDT", quantity="1")["status"] == "FILLED"
    answer = client.raw("POST", "/fapi/v1/order", **sent)
    assert (answer.status_code, answer.json()) == (status, refusal)
    assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "2"  # the exchange itself has refused it
    assert [o.symbol for o in exchange.engine.account("key").orders.values()] == ["ETHUSDT"]
    entry = client.http.get("/control/log").json()[-1]
    assert (entry["faults"], entry["status"], entry["executed"]) == (["refused"], status, status)
    assert buy(client)["status"] == "FILLED"


def test_a_position_in_profit_is_deleveraged(client, market, exchange, clock):
    buy(client)
    stop(client, market)
    plan(market, FaultKind.ADL, times=1, parameters={"share": 0.5})
    falls(market)
    clock.time += MINUTE
    (held,) = client("GET", "/fapi/v3/positionRisk", symbol=BTC)
    assert float(held["positionAmt"]) == 0.1  # at a loss: it is in nobody's way
    rises = {"change": 0.3, "mark_share": 1.0}
    market.faults.add(Fault(FaultKind.PRICE_GAP, since=market.now() + 1, parameters=rises))
    clock.time += MINUTE
    (held,) = client("GET", "/fapi/v3/positionRisk", symbol=BTC)
    assert float(held["positionAmt"]) == 0.05
    assert client("GET", "/fapi/v1/openAlgoOrders", symbol=BTC) == []
    (account,) = exchange.engine.accounts
    assert [o.client_id for o in account.orders.values()][-1] == "adl_autoclose"


def test_positions_that_were_opened_at_one_moment_are_each_liquidated(client, market, clock):
    buy(client)
    buy(client, symbol="ETHUSDT", quantity="1")
    plan(market, FaultKind.LIQUIDATION)
    clock.time += 1000
    assert client("GET", "/fapi/v3/positionRisk") == []


def test_a_position_is_deleveraged_once(client, market, clock):
    buy(client)
    rises = {"change": 0.1, "mark_share": 1.0}
    market.faults.add(Fault(FaultKind.PRICE_GAP, since=market.now() + 1, parameters=rises))
    plan(market, FaultKind.ADL, parameters={"share": 0.5})
    for _ in range(3):
        clock.time += 1000
        (held,) = client("GET", "/fapi/v3/positionRisk", symbol=BTC)
    assert float(held["positionAmt"]) == 0.05
    # One that has been turned is another position.
    buy(client, side="SELL", quantity="0.15")
    falls(market)
    clock.time += 1000
    (held,) = client("GET", "/fapi/v3/positionRisk", symbol=BTC)
    assert float(held["positionAmt"]) == -0.05
