"""The past over HTTP: how a client pages through it, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.engine import IncomeKind
from tests.venue.conftest import CLOCK, HandClock
from tests.venue.served_fields import Session
from tests.venue.signed import Client

BTC, ETH = "BTCUSDT", "ETHUSDT"
HOUR = 3_600_000
DAY = 24 * HOUR
HISTORIES = ("userTrades", "allOrders", "allAlgoOrders", "income")


@pytest.fixture(scope="module")
def session(history) -> Session:
    """Twelve hours of a trade, a cancelled order and a cancelled stop an hour, in two symbols."""
    session = Session(history, HandClock(CLOCK))
    client = session.client
    for hour in range(12):
        symbol, quantity = (BTC, "0.002") if hour % 4 else (ETH, "0.02")
        side = "BUY" if hour % 2 else "SELL"
        order = {"symbol": symbol, "side": side, "quantity": quantity}
        client("POST", "/fapi/v1/order", type="MARKET", **order)
        away = round(session.market.price(symbol) * (0.96 if side == "BUY" else 1.04), 1)
        limit = {"type": "LIMIT", "timeInForce": "GTC", "price": away}
        rests = client("POST", "/fapi/v1/order", **{**order, "quantity": "0.02"}, **limit)
        client("DELETE", "/fapi/v1/order", symbol=symbol, orderId=rests["orderId"])
        stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": away}
        algo = client("POST", "/fapi/v1/algoOrder", **{**order, "side": _other(side)}, **stop)
        client("DELETE", "/fapi/v1/algoOrder", algoId=algo["algoId"])
        session.clock.time += HOUR
    return session


@pytest.fixture
def traded(session: Session) -> Client:
    return session.client


@pytest.fixture
def fresh(history) -> Session:
    return Session(history, HandClock(CLOCK))


def _other(side: str) -> str:
    return "SELL" if side == "BUY" else "BUY"


def paged(client: Client, path: str, key: str, parameter: str, limit: int) -> list[dict]:
    """As a client does: from the id behind the last one that it has seen."""
    seen: list[dict] = []
    first = 0
    for _ in range(200):
        page = client("GET", f"/fapi/v1/{path}", symbol=BTC, limit=limit, **{parameter: first})
        if not page:
            return seen
        seen += page
        first = page[-1][key] + 1
    raise AssertionError("the pager does not end")


@pytest.mark.parametrize(
    ("path", "key", "parameter"),
    [
        ("userTrades", "id", "fromId"),
        ("allOrders", "orderId", "orderId"),
        ("allAlgoOrders", "algoId", "algoId"),
    ],
)
@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_a_pager_by_id(traded, path, key, parameter, limit):
    everything = traded("GET", f"/fapi/v1/{path}", symbol=BTC)
    assert len(everything) >= 9
    assert paged(traded, path, key, parameter, limit) == everything


@pytest.mark.parametrize("limit", [3, 1000])
def test_a_pager_of_incomes(traded, limit):
    sent = {"startTime": CLOCK - DAY}
    everything = traded("GET", "/fapi/v1/income", limit=1000, **sent)
    assert {row["incomeType"] for row in everything} >= {"COMMISSION", "REALIZED_PNL"}
    by_page: list[dict] = []
    for number in range(1, 100):
        page = traded("GET", "/fapi/v1/income", limit=limit, page=number, **sent)
        if not page:
            break
        by_page += page
    assert by_page == everything
    by_time: dict[int, dict] = {}
    start = sent["startTime"]
    while True:
        page = traded("GET", "/fapi/v1/income", limit=limit, startTime=start)
        new = [row for row in page if row["tranId"] not in by_time]
        if not new:
            break
        by_time |= {row["tranId"]: row for row in new}
        start = page[-1]["time"]  # again: several rows may share it
    assert list(by_time.values()) == everything


@pytest.mark.parametrize("path", HISTORIES)
def test_the_most_recent_come_without_a_start_and_the_oldest_with_one(traded, path):
    sent = {"symbol": BTC}
    everything = traded("GET", f"/fapi/v1/{path}", limit=1000, **sent)
    assert traded("GET", f"/fapi/v1/{path}", limit=2, **sent) == everything[-2:]
    early = traded("GET", f"/fapi/v1/{path}", limit=2, startTime=CLOCK - DAY, **sent)
    assert early == everything[:2]


def test_how_many_rows_without_a_limit(fresh):
    client, (account,) = fresh.client, fresh.exchange.engine.accounts
    client("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.002")
    account.incomes += account.incomes * 200
    assert len(client("GET", "/fapi/v1/income")) == 100
    account.fills += account.fills * 1200
    assert len(client("GET", "/fapi/v1/userTrades", symbol=BTC)) == 500
    assert len(client("GET", "/fapi/v1/userTrades", symbol=BTC, limit=1000)) == 1000


@pytest.mark.parametrize("path", HISTORIES)
@pytest.mark.parametrize(
    ("sent", "codes"),
    [
        ({"limit": 0}, {-1130}),
        ({"limit": -1}, {-1130, -1100}),
        ({"limit": 1001}, {-1130}),
        ({"limit": "ten"}, {-1100}),
        ({"limit": "1.5"}, {-1100}),
        ({"startTime": -1}, {-1130, -1100}),
        ({"startTime": 2, "endTime": 1}, {-1023}),
        ({"symbol": "NOPEUSDT"}, {-1121}),
    ],
)
def test_refused_alike(traded, path, sent, codes):
    status, code = traded.refusal("GET", f"/fapi/v1/{path}", **{"symbol": BTC, **sent})
    assert status == 400
    assert code in codes


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("userTrades", {}, -1102),
        ("allOrders", {}, -1102),
        ("allAlgoOrders", {}, -1102),
        ("userTrades", {"symbol": BTC, "fromId": 1, "startTime": 1}, -1106),
        ("userTrades", {"symbol": BTC, "startTime": 0, "endTime": 8 * DAY}, -4165),
        ("allOrders", {"symbol": BTC, "startTime": 0, "endTime": 8 * DAY}, -4165),
        ("allAlgoOrders", {"symbol": BTC, "startTime": 0, "endTime": 8 * DAY}, -4165),
        ("income", {"page": 0}, -1130),
        ("income", {"incomeType": "GIFT"}, -1130),
        ("income", {"incomeType": "funding_fee"}, -1130),
    ],
)
def test_refused(traded, path, sent, code):
    assert traded.refusal("GET", f"/fapi/v1/{path}", **sent) == (400, code)


@pytest.mark.parametrize("kind", list(IncomeKind))
def test_every_type_of_income_may_be_asked_for(traded, kind):
    rows = traded("GET", "/fapi/v1/income", incomeType=kind.value)
    assert {row["incomeType"] for row in rows} <= {kind.value}


def test_unfilled_orders_are_forgotten_after_three_days(fresh):
    client, clock = fresh.client, fresh.clock
    order = {"symbol": BTC, "side": "BUY", "quantity": "0.002"}
    price = fresh.market.price(BTC)
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": round(price * 0.96, 1)}
    filled = client("POST", "/fapi/v1/order", type="MARKET", **order)["orderId"]
    ended = client("POST", "/fapi/v1/order", **{**order, "quantity": "0.02"}, **limit)["orderId"]
    client("DELETE", "/fapi/v1/order", symbol=BTC, orderId=ended)
    stop = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": limit["price"]}
    algo = client("POST", "/fapi/v1/algoOrder", **{**order, "side": "SELL"}, **stop)["algoId"]
    client("DELETE", "/fapi/v1/algoOrder", algoId=algo)

    clock.time += 3 * DAY
    assert client("GET", "/fapi/v1/order", symbol=BTC, orderId=ended)["status"] == "CANCELED"
    assert client("GET", "/fapi/v1/algoOrder", algoId=algo)["algoStatus"] == "CANCELED"
    assert len(client("GET", "/fapi/v1/allOrders", symbol=BTC)) == 2

    clock.time += 1
    assert client.refusal("GET", "/fapi/v1/order", symbol=BTC, orderId=ended) == (400, -2013)
    assert client.refusal("GET", "/fapi/v1/algoOrder", algoId=algo) == (400, -2013)
    shown = client("GET", "/fapi/v1/allOrders", symbol=BTC)
    assert [row["orderId"] for row in shown] == [filled]
    assert client("GET", "/fapi/v1/allAlgoOrders", symbol=BTC) == []
    assert Decimal(shown[0]["executedQty"]) == Decimal("0.002")
