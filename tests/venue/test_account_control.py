"""The control API's side of accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.app import create_app
from perpkit.venue.exchange import Exchange
from perpkit.venue.invariants import Limits
from tests.venue.test_account_routes import BTC, Client
from tests.venue.test_order_faults import buy, rest


@pytest.fixture
def client(market, clock):
    exchange = Exchange(market, Limits(unprotected_ms=1000))
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    return Client(create_app(market, exchange=exchange), clock)


def control(client, method: str, path: str, **body):
    answer = client.http.request(method, f"/control{path}", json=body or None)
    return answer.status_code, answer.json()


def test_an_account_is_opened_and_can_trade(client, clock):
    new = {"api_key": "new", "secret": "s", "wallet": "250"}
    assert control(client, "POST", "/accounts", **new)[1]["walletBalance"] == "250"
    other = Client(client.http.app, clock, "new", "s")
    buy(other, quantity="0.001")
    _, accounts = control(client, "GET", "/accounts")
    assert [account["api_key"] for account in accounts] == ["key", "new"]
    assert accounts[1]["positions"][0]["positionAmt"] == "0.001"


def test_somebody_trades_with_a_resting_order(client, market):
    placed = rest(client, market, away=0.04)
    half = {"api_key": "key", "order_id": placed["orderId"], "quantity": "0.05"}
    assert control(client, "POST", "/fills", **half)[1]["status"] == "PARTIALLY_FILLED"
    whole = {"api_key": "key", "order_id": placed["orderId"]}
    assert control(client, "POST", "/fills", **whole)[1]["status"] == "FILLED"


def test_funding_is_charged_now(client, market):
    buy(client)
    _, settled = control(client, "POST", "/funding", symbol=BTC, rate="0.01")
    (charge,) = client("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    expected = -Decimal("0.1") * Decimal(settled["mark"]) * Decimal("0.01")
    assert Decimal(charge["income"]) == pytest.approx(expected, rel=Decimal("1e-9"))


def test_breaches_are_told(client, clock):
    assert control(client, "GET", "/breaches")[1] == []
    buy(client)
    clock.time += 5000
    (breach,) = control(client, "GET", "/breaches")[1]
    assert (breach["invariant"], breach["symbol"]) == ("protected", BTC)


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/accounts", {"api_key": "key", "secret": "s", "wallet": "1"}, "api_key must be new"),
        ("/accounts", {"api_key": "k", "secret": "s", "wallet": "-1"}, "wallet"),
        ("/accounts", {"api_key": "k", "secret": "s", "wallet": "1", "x": 1}, "unknown field 'x'"),
        ("/accounts", {"api_key": "k", "wallet": "1"}, "secret must be given"),
        ("/fills", {"api_key": "nobody", "order_id": 1}, "-2015"),
        ("/fills", {"api_key": "key", "order_id": 1}, "-2011"),
        ("/funding", {"symbol": "NOPE", "rate": "0.01"}, "-1121"),
    ],
)
def test_what_cannot_be_done_is_said(client, path, body, text):
    status, answer = control(client, "POST", path, **body)
    assert status == 400
    assert text in answer["error"]
