"""What an account's key may do, set by the control API."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from tests.venue.signed import BTC, Client, control

RESTRICTIONS = ("GET", "/sapi/v1/account/apiRestrictions")
ORDER = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}


@pytest.fixture
def client(market, clock):
    exchange = Exchange(market)
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    return Client(create_app(market, exchange=exchange), clock)


@pytest.mark.parametrize(
    ("permission", "field"),
    [
        ("withdraw", "enableWithdrawals"),
        ("internal_transfer", "enableInternalTransfer"),
        ("universal_transfer", "permitsUniversalTransfer"),
        ("spot", "enableSpotAndMarginTrading"),
        ("margin", "enableMargin"),
        ("options", "enableVanillaOptions"),
        ("portfolio_margin", "enablePortfolioMarginTrading"),
        ("fix_trade", "enableFixApiTrade"),
        ("fix_read", "enableFixReadOnly"),
    ],
)
def test_each_right_is_said_by_its_name(client, permission, field):
    before = client(*RESTRICTIONS)
    assert before[field] is False
    assert control(client, "POST", "/permissions", api_key="key", **{permission: True})[0] == 200
    assert client(*RESTRICTIONS) == {**before, field: True}
    # None of it is a right to trade futures, or takes it away.
    client("POST", "/fapi/v1/order", **ORDER)


def test_a_key_that_may_no_longer_trade(client):
    control(client, "POST", "/permissions", api_key="key", trade=False)
    assert client(*RESTRICTIONS)["enableFutures"] is False
    assert client.refusal("POST", "/fapi/v1/order", **ORDER) == (401, -2015)
    client("GET", "/fapi/v1/openOrders")


def test_a_key_that_may_not_read(client):
    control(client, "POST", "/permissions", api_key="key", read=False)
    assert client.refusal(*RESTRICTIONS) == (401, -2015)


@pytest.mark.parametrize(
    ("addresses", "bound", "refused"),
    [(["127.0.0.1"], True, False), (["10.0.0.1", "::1"], True, True), ([], False, False)],
)
def test_addresses(client, addresses, bound, refused):
    shown = control(client, "POST", "/permissions", api_key="key", addresses=addresses)[1]
    assert shown["ipRestrict"] is bound
    assert client.raw("GET", "/fapi/v1/openOrders").status_code == (401 if refused else 200)


def test_the_right_to_trade_ends_at_its_time(client, clock):
    ends = clock.now() + 1000
    control(client, "POST", "/permissions", api_key="key", made=123, expires=ends)
    said = client(*RESTRICTIONS)
    assert (said["createTime"], said["tradingAuthorityExpirationTime"]) == (123, ends)
    client("POST", "/fapi/v1/order", **ORDER)
    clock.time += 1000
    assert client.refusal("POST", "/fapi/v1/order", **ORDER) == (401, -2015)
    client("GET", "/fapi/v1/openOrders")
    control(client, "POST", "/permissions", api_key="key", expires=0)
    client("POST", "/fapi/v1/order", **ORDER)
    assert "tradingAuthorityExpirationTime" not in client(*RESTRICTIONS)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"api_key": "key"}, "one of addresses, "),
        ({"api_key": "nobody", "trade": False}, "-2015"),
        ({"trade": False}, "api_key must be given"),
        ({"api_key": "key", "trade": "perhaps"}, "trade: "),
        ({"api_key": "key", "addresses": ["home"]}, "addresses must be IP addresses, got 'home'"),
        ({"api_key": "key", "addresses": "127.0.0.1"}, "addresses: "),
        ({"api_key": "key", "made": -1}, "made: "),
        ({"api_key": "key", "fly": True}, "unknown field 'fly'"),
    ],
)
def test_what_cannot_be_set_is_said(client, body, text):
    status, answer = control(client, "POST", "/permissions", **body)
    assert status == 400
    assert text in answer["error"]
