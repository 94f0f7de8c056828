"""The control API's side of accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.exchange.account_terms import MAX_ACCOUNTS
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.invariants import InvariantLimits
from perpkit.venue.http.app import create_app
from tests.venue.signed import BTC, Client, buy, control, rest


@pytest.fixture
def client(market, clock):
    exchange = Exchange(market, InvariantLimits(unprotected_ms=1000))
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    client = Client(create_app(market, exchange=exchange), clock)
    client.engine = exchange.engine
    return client


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
        *(
            ("/accounts", {"api_key": "k", "secret": "s", "wallet": wallet}, "wallet must be 0 to")
            for wallet in ("1e999999", "1e13", 1e300, "NaN", "Infinity", "0.000000001", "x", None)
        ),
        *(
            (
                "/accounts",
                {"api_key": "k", "secret": "s", "wallet": wallet},
                "wallet must name each",
            )
            for wallet in ("1E5", "5BTC", "1USDT+2USDT", {"EUR": 1}, "1USDT+2USDC+3")
        ),
        ("/accounts", {"api_key": "k y", "secret": "s", "wallet": "1"}, "api_key must be 1 to 128"),
        ("/accounts", {"api_key": "", "secret": "s", "wallet": "1"}, "api_key must be 1 to 128"),
        ("/accounts", {"api_key": "k", "secret": "é", "wallet": "1"}, "secret must be 1 to 128"),
        ("/fills", {"api_key": "key", "order_id": 10**400}, "order_id: "),
        ("/fills", {"api_key": "key", "order_id": 1, "quantity": "1e-30"}, "quantity: "),
        ("/fills", {"api_key": "key", "order_id": 1, "quantity": "1e30"}, "quantity: "),
        ("/fills", {"api_key": "key", "order_id": 1, "quantity": "NaN"}, "quantity: "),
        *(
            ("/funding", {"symbol": BTC, "rate": rate}, "rate: ")
            for rate in ("1e999999", "1e-300", "NaN", "1.1", "-2")
        ),
        ("/fills", {"api_key": "nobody", "order_id": 1}, "-2015"),
        ("/fills", {"api_key": "key", "order_id": 1}, "-2011"),
        ("/funding", {"symbol": "NOPE", "rate": "0.01"}, "-1121"),
    ],
)
def test_what_cannot_be_done_is_said(client, path, body, text):
    status, answer = control(client, "POST", path, **body)
    assert status == 400
    assert text in answer["error"]


def test_a_fill_is_on_the_grid(client, market):
    placed = rest(client, market, away=0.04)
    finer = {"api_key": "key", "order_id": placed["orderId"], "quantity": "0.00001"}
    status, answer = control(client, "POST", "/fills", **finer)
    assert (status, answer["error"]) == (400, "quantity must be a multiple of 0.001, got 0.00001")


def test_the_accounts_have_an_end(client, market):
    engine = client.engine
    for number in range(MAX_ACCOUNTS - 1):
        engine.add_account(f"k{number}", "s", Decimal(0), market.now())
    new = {"api_key": "one-too-many", "secret": "s", "wallet": "1"}
    status, answer = control(client, "POST", "/accounts", **new)
    assert (status, answer["error"]) == (
        400,
        f"there are {MAX_ACCOUNTS} accounts, which is the most",
    )


def test_the_largest_wallet_is_still_counted_exactly(client, market, clock):
    new = {"api_key": "rich", "secret": "s", "wallet": "1000000000000"}
    assert control(client, "POST", "/accounts", **new)[0] == 200
    rich = Client(client.http.app, clock, "rich", "s")
    buy(rich, quantity="0.001")
    incomes = rich("GET", "/fapi/v1/income")
    paid = sum(Decimal(row["income"]) for row in incomes)
    (asset,) = (a for a in rich("GET", "/fapi/v3/account")["assets"] if a["asset"] == "USDT")
    assert Decimal(asset["walletBalance"]) == 10**12 + paid
    assert paid < 0


@pytest.mark.parametrize(
    "wallet", ["0BNFCR+500USDC+0.1BTC", {"BTC": "0.1", "BNFCR": 0, "USDC": 500}]
)
def test_an_account_in_credits_mode_is_opened(client, wallet):
    new = {"api_key": "eea", "secret": "s", "wallet": wallet}
    _, account = control(client, "POST", "/accounts", **new)
    held = {row["asset"]: Decimal(row["walletBalance"]) for row in account["assets"]}
    assert held == {"USDT": 0, "BNFCR": 0, "USDC": 500, "BTC": Decimal("0.1")}
    assert account["availableBalance"] > "500"


@pytest.mark.parametrize("wallet", ["900USDT+50.5USDC", {"USDT": 900, "USDC": "50.5"}])
def test_a_wallet_of_each_margin_asset(client, wallet):
    new = {"api_key": "both", "secret": "s", "wallet": wallet}
    opened = control(client, "POST", "/accounts", **new)[1]
    assert opened["walletBalance"] == "900"
    assert [(a["asset"], a["walletBalance"]) for a in opened["assets"]] == [
        ("USDT", "900"),
        ("USDC", "50.5"),
    ]
