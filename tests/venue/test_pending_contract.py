"""A contract that is listed soon: known to the exchange, and not to be traded yet."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.history import History
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.market import Market
from tests.venue.conftest import DAYS, START
from tests.venue.http.streams.listening import listening, sent
from tests.venue.signed import Client

SOON = "ETHUSDT"


@pytest.fixture
def listed(history, clock):
    """An exchange with the contract listed on a day of the history, or after it."""

    def on(day: int) -> Exchange:
        later = history.pairs[SOON].within(Lifetime(START + day * DAY_MS))
        market = Market(History({**history.pairs, SOON: later}), clock, seed=7)
        exchange = Exchange(market)
        exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
        return exchange

    return on


def client_of(exchange: Exchange) -> Client:
    return Client(create_app(exchange.market, exchange=exchange), exchange.market.clock)


@pytest.fixture
def client(listed) -> Client:
    return client_of(listed(39))


def test_it_takes_no_orders_and_says_so(client):
    order = {"symbol": SOON, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client.refusal("POST", "/fapi/v1/order", **order) == (400, -4141)
    stop = {**order, "type": "STOP_MARKET", "algoType": "CONDITIONAL", "triggerPrice": "5000"}
    assert client.refusal("POST", "/fapi/v1/algoOrder", **stop) == (400, -4141)


def test_it_can_be_prepared_for(client):
    assert client("POST", "/fapi/v1/leverage", symbol=SOON, leverage=3)["leverage"] == 3
    client("POST", "/fapi/v1/marginType", symbol=SOON, marginType="ISOLATED")
    assert client("GET", "/fapi/v1/openOrders", symbol=SOON) == []
    assert client("GET", "/fapi/v1/symbolConfig", symbol=SOON)[0]["leverage"] == 3


@pytest.mark.parametrize("day", [39, DAYS + 1])  # with candles to come, and without any
def test_it_has_no_trades_yet(listed, day):
    client = client_of(listed(day))
    for asked in ({}, {"fromId": 1}, {"startTime": START + 30 * DAY_MS}, {"endTime": START}):
        assert client("GET", "/fapi/v1/aggTrades", symbol=SOON, **asked) == []
    assert client.refusal("GET", "/fapi/v1/trades", symbol=SOON) == (400, -4108)


@pytest.mark.parametrize("day", [39, DAYS + 1])
def test_its_streams_may_be_subscribed_to(listed, clock, day):
    def test(ear):
        kinds = ("aggTrade", "kline_5m", "markPrice", "bookTicker", "depth5")
        connection = ear.connect(*(f"ethusdt@{kind}" for kind in kinds))
        ear.turn(60_000)
        assert (len(connection.streams), sent(connection)) == (5, [])

    listening(listed(day), clock, test)


def test_it_trades_once_it_is_listed(client, clock):
    clock.time = START + 39 * DAY_MS + 60_000
    order = {"symbol": SOON, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client("POST", "/fapi/v1/order", **order)["status"] == "FILLED"
