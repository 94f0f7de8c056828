"""Orders and fills that queries see late, while the engine has long had them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.faults.faults import FaultKind
from tests.venue.signed import BTC, buy, order, plan, rest, stop

ORDERS, FILLS = FaultKind.LATE_ORDERS, FaultKind.LATE_FILLS
RISK = ("GET", "/fapi/v2/positionRisk")
ACCOUNT = ("GET", "/fapi/v3/account")


def late(market, kind: FaultKind, ms: int = 1000, **settings) -> str:
    return plan(market, kind, parameters={"ms": ms}, **settings)


def position(client) -> tuple[Decimal, Decimal, Decimal]:
    """Amount, entry price and isolated margin of the first position."""
    row = client(*RISK, symbol=BTC)[0]
    return tuple(Decimal(row[name]) for name in ("positionAmt", "entryPrice", "isolatedWallet"))


def wallet(client) -> Decimal:
    (asset,) = (a for a in client(*ACCOUNT)["assets"] if a["asset"] == "USDT")
    return Decimal(asset["walletBalance"])


def ids(client, path: str, name: str = "orderId") -> list[int]:
    return [row[name] for row in client("GET", f"/fapi/v1/{path}", symbol=BTC)]


def sell(client, quantity: str = "0.1", **changes):
    return buy(client, side="SELL", quantity=quantity, **changes)


def test_a_late_order_does_not_exist_yet(client, market, clock):
    late(market, ORDERS)
    placed = rest(client, market)
    assert placed["status"] == "NEW"
    which = {"symbol": BTC, "orderId": placed["orderId"]}
    mine = {"symbol": BTC, "origClientOrderId": placed["clientOrderId"]}
    clock.time += 999
    for sent in (which, mine):
        assert client.refusal("GET", "/fapi/v1/order", **sent) == (400, -2013)
    assert ids(client, "openOrders") == ids(client, "allOrders") == []
    bound = client(*ACCOUNT)["totalOpenOrderInitialMargin"]
    assert Decimal(bound) == 0
    clock.time += 1
    for sent in (which, mine):
        assert client("GET", "/fapi/v1/order", **sent)["status"] == "NEW"
    assert ids(client, "openOrders") == ids(client, "allOrders") == [placed["orderId"]]
    assert Decimal(client(*ACCOUNT)["totalOpenOrderInitialMargin"]) > 0


def test_a_late_order_can_be_cancelled(client, market):
    late(market, ORDERS)
    placed = rest(client, market)
    gone = client("DELETE", "/fapi/v1/order", symbol=BTC, orderId=placed["orderId"])
    assert gone["status"] == "CANCELED"


def test_a_late_conditional_order_does_not_exist_yet(client, market, clock):
    buy(client)
    late(market, ORDERS)
    placed = stop(client, market)
    which = {"algoId": placed["algoId"]}
    assert client.refusal("GET", "/fapi/v1/algoOrder", **which) == (400, -2013)
    assert ids(client, "openAlgoOrders", "algoId") == ids(client, "allAlgoOrders", "algoId") == []
    clock.time += 1000
    assert client("GET", "/fapi/v1/algoOrder", **which)["algoStatus"] == "NEW"
    assert ids(client, "openAlgoOrders", "algoId") == [placed["algoId"]]


@pytest.mark.parametrize("isolated", [False, True])
def test_a_late_fill_has_not_happened_yet(client, market, clock, exchange, isolated):
    if isolated:
        client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
    late(market, FILLS)
    placed = buy(client)
    assert placed["status"] == "FILLED"
    clock.time += 999
    seen = order(client, placed)
    assert (seen["status"], Decimal(seen["executedQty"]), Decimal(seen["avgPrice"])) == (
        "NEW",
        0,
        0,
    )
    assert ids(client, "openOrders") == [placed["orderId"]]
    assert ids(client, "userTrades", "id") == []
    assert client("GET", "/fapi/v1/income") == []
    assert position(client) == (0, 0, 0)
    assert wallet(client) == 10_000
    clock.time += 1
    assert order(client, placed)["status"] == "FILLED"
    assert ids(client, "openOrders") == []
    assert len(ids(client, "userTrades", "id")) >= 1
    amount, _, margin = position(client)
    assert amount == Decimal("0.1")
    assert (margin > 0) is isolated
    assert wallet(client) < 10_000
    assert exchange.checker.breaches == []


@pytest.mark.parametrize("isolated", [False, True])
def test_queries_see_each_step_late_and_as_it_was(client, market, clock, isolated):
    if isolated:
        client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")

    def looks():
        return position(client), wallet(client), ids(client, "userTrades", "id")

    known = looks()
    for quantity, side in (
        ("0.05", "BUY"), ("0.03", "BUY"), ("0.02", "SELL"), ("0.1", "SELL"), ("0.04", "BUY"),
    ):  # fmt: skip
        name = late(market, FILLS)
        buy(client, side=side, quantity=quantity)
        (amount, entry, margin), money, trades = looks()
        assert (amount, entry, money, trades) == (known[0][0], known[0][1], *known[1:])
        assert margin == pytest.approx(known[0][2], rel=Decimal("0.001"))
        market.faults.remove(name)
        clock.time += 1000
        known = looks()
    assert known[0] == (0, 0, 0)


def test_a_stop_that_filled_is_seen_as_triggered(client, market, clock, exchange):
    buy(client)
    placed = stop(client, market)
    clock.time += 1
    late(market, FILLS, ms=60_000)
    gap = {"change": -0.3, "mark_share": 1.0}
    plan(market, FaultKind.PRICE_GAP, since=market.now() + 1, parameters=gap)
    clock.time += 1000
    seen = client("GET", "/fapi/v1/algoOrder", algoId=placed["algoId"])
    (truth,) = exchange.engine.account("key").algos.values()
    assert (seen["algoStatus"], truth.status) == ("TRIGGERED", "FINISHED")
    assert position(client)[0] == Decimal("0.1")
    clock.time += 60_000
    assert client("GET", "/fapi/v1/algoOrder", algoId=placed["algoId"])["algoStatus"] == "FINISHED"
    assert position(client)[0] == 0


def test_the_truth_decides(client, market):
    """A second stop for what queries do not show is taken; closing it twice is not."""
    late(market, FILLS, ms=60_000)
    buy(client)
    assert position(client)[0] == 0
    assert sell(client, reduceOnly="true")["status"] == "FILLED"
    refused = {"symbol": BTC, "side": "SELL", "type": "MARKET", "quantity": "0.1"}
    assert client.refusal("POST", "/fapi/v1/order", **refused, reduceOnly="true") == (400, -2022)


def test_other_symbols_are_not_late(client, market):
    late(market, ORDERS, symbol="ETHUSDT")
    late(market, FILLS, symbol="ETHUSDT")
    assert order(client, buy(client))["status"] == "FILLED"


def test_what_was_before_the_fault_is_not_late(client, market, clock):
    placed = buy(client)
    clock.time += 1
    late(market, ORDERS, ms=60_000)
    late(market, FILLS, ms=60_000)
    assert order(client, placed)["status"] == "FILLED"


@pytest.mark.parametrize("kind", [ORDERS, FILLS])
def test_the_dice_are_thrown_once_for_every_order(client, market, clock, kind):
    late(market, kind, ms=500, times=2)
    hidden = []
    for _ in range(4):
        placed = buy(client, quantity="0.001")
        for _ in range(3):
            answer = client.raw("GET", "/fapi/v1/order", symbol=BTC, orderId=placed["orderId"])
        hidden.append(answer.json().get("status") != "FILLED")
        clock.time += 1000
    assert hidden == [True, True, False, False]


def test_an_order_is_late_though_the_fault_is_gone(client, market, clock):
    name = late(market, ORDERS)
    placed = rest(client, market)
    which = {"symbol": BTC, "orderId": placed["orderId"]}
    assert client.refusal("GET", "/fapi/v1/order", **which) == (400, -2013)
    market.faults.remove(name)
    assert client.refusal("GET", "/fapi/v1/order", **which) == (400, -2013)
    clock.time += 1000
    assert client("GET", "/fapi/v1/order", **which)["status"] == "NEW"
