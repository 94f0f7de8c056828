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
from tests.venue.conftest import START
from tests.venue.signed import Client

SOON = "ETHUSDT"


@pytest.fixture
def client(history, clock) -> Client:
    later = history.pairs[SOON].within(Lifetime(START + 39 * DAY_MS))
    market = Market(History({**history.pairs, SOON: later}), clock, seed=7)
    exchange = Exchange(market)
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    return Client(create_app(market, exchange=exchange), clock)


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


def test_it_trades_once_it_is_listed(client, clock):
    clock.time = START + 39 * DAY_MS + 60_000
    order = {"symbol": SOON, "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client("POST", "/fapi/v1/order", **order)["status"] == "FILLED"
