"""Orders are cancelled when their countdown ends, in the venue's time, unless it is renewed."""

from __future__ import annotations

import pytest

from tests.venue.signed import BTC

PATH = "/fapi/v1/countdownCancelAll"


@pytest.fixture
def rest(client, market):
    """Places an order that rests."""

    def place(symbol: str = BTC) -> int:
        price = round(market.price(symbol) * 0.97, 1)
        return client(
            "POST",
            "/fapi/v1/order",
            symbol=symbol,
            side="BUY",
            type="LIMIT",
            timeInForce="GTC",
            quantity="0.1",
            price=price,
        )["orderId"]

    return place


def ids(client) -> list[int]:
    return [row["orderId"] for row in client("GET", "/fapi/v1/openOrders")]


def test_at_its_end_and_not_a_moment_before(client, clock, rest):
    order, set_at = rest(), clock.now()
    sent = {"symbol": BTC, "countdownTime": 20_000}
    assert client("POST", PATH, **sent) == {"symbol": BTC, "countdownTime": "20000"}
    clock.time = set_at + 19_999
    assert ids(client) == [order]
    clock.time = set_at + 60_000  # nobody looks in between
    ended = client("GET", "/fapi/v1/order", symbol=BTC, orderId=order)
    assert (ended["status"], ended["updateTime"]) == ("CANCELED", set_at + 20_000)


def test_each_call_begins_it_again(client, clock, rest):
    order = rest()
    for _ in range(5):
        client("POST", PATH, symbol=BTC, countdownTime=10_000)
        clock.time += 9_000
        assert ids(client) == [order]
    clock.time += 1_000
    assert ids(client) == []


def test_nothing_stops_it_but_0(client, clock, rest):
    order = rest()
    client("POST", PATH, symbol=BTC, countdownTime=10_000)
    client("POST", PATH, symbol=BTC, countdownTime=0)
    clock.time += 60_000
    assert ids(client) == [order]


def test_it_is_of_one_symbol_and_of_what_is_open_then(client, clock, market, rest):
    rest()
    kept = rest("ETHUSDT")
    trigger = round(market.price(BTC) * 0.9, 1)
    client(
        "POST",
        "/fapi/v1/algoOrder",
        algoType="CONDITIONAL",
        symbol=BTC,
        side="SELL",
        type="STOP_MARKET",
        quantity="0.01",
        triggerPrice=trigger,
    )
    client("POST", PATH, symbol=BTC, countdownTime=10_000)
    clock.time += 5_000
    rest()
    clock.time += 5_000
    assert ids(client) == [kept]
    assert len(client("GET", "/fapi/v1/openAlgoOrders")) == 1
    later = rest()
    clock.time += 600_000
    assert sorted(ids(client)) == sorted([kept, later])


def test_what_ended_without_orders_does_not_end_later_ones(client, clock, rest):
    client("POST", PATH, symbol=BTC, countdownTime=1_000)
    clock.time += 60_000
    order = rest()
    clock.time += 60_000
    assert [row["orderId"] for row in client("GET", "/fapi/v1/openOrders", symbol=BTC)] == [order]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"symbol": BTC}, -1102),
        ({"countdownTime": 1}, -1102),
        ({"symbol": "NOPE", "countdownTime": 1}, -1121),
        ({"symbol": BTC, "countdownTime": -1}, -1100),
        ({"symbol": BTC, "countdownTime": "x"}, -1100),
    ],
)
def test_refused(client, sent, code):
    assert client.refusal("POST", PATH, **sent) == (400, code)
