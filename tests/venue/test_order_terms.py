"""priceMatch, goodTillDate, break-even and assets over HTTP."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.market.market import Market
from tests.venue.conftest import HandClock
from tests.venue.signed import BTC, Client

LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "quantity": "0.01", "timeInForce": "GTC"}
STOP = {
    "symbol": BTC, "algoType": "CONDITIONAL", "side": "SELL", "type": "STOP", "quantity": "0.01",
    "triggerPrice": 20_000, "reduceOnly": "true",
}  # fmt: skip
HOUR = 3_600_000


def test_a_limit_is_taken_from_the_book(client: Client):
    book = client.http.get("/fapi/v1/depth", params={"symbol": BTC, "limit": 20}).json()
    order = client("POST", "/fapi/v1/order", **LIMIT, priceMatch="QUEUE_5")
    assert (order["priceMatch"], order["status"]) == ("QUEUE_5", "NEW")
    assert Decimal(order["price"]) == Decimal(book["bids"][4][0])
    sent = {**LIMIT, "priceMatch": "OPPONENT", "price": 100}
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (400, -1106)
    algo = client("POST", "/fapi/v1/algoOrder", **STOP, priceMatch="OPPONENT", priceProtect="TRUE")
    assert (algo["priceMatch"], algo["priceProtect"]) == ("OPPONENT", True)


def test_an_order_is_good_till_its_second(client: Client, clock: HandClock):
    price = int(
        float(client.http.get("/fapi/v1/ticker/price", params={"symbol": BTC}).json()["price"])
    )
    till = clock.now() + HOUR + 999
    sent = {**LIMIT, "timeInForce": "GTD", "price": price // 2}
    assert client.refusal("POST", "/fapi/v1/order", **sent) == (400, -1102)
    assert client.refusal("POST", "/fapi/v1/order", **sent, goodTillDate=clock.now()) == (
        400,
        -5040,
    )
    order = client("POST", "/fapi/v1/order", **sent, goodTillDate=till)
    assert (order["timeInForce"], order["goodTillDate"]) == ("GTD", till // 1000 * 1000)
    clock.time += HOUR - 10_000
    which = {"symbol": BTC, "orderId": order["orderId"]}
    assert client("GET", "/fapi/v1/order", **which)["status"] == "NEW"
    clock.time += 20_000
    assert client("GET", "/fapi/v1/order", **which)["status"] == "EXPIRED"


def test_a_position_shows_its_break_even_price_and_its_rank(client: Client):
    client("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.01")
    (held,) = client("GET", "/fapi/v3/positionRisk", symbol=BTC)
    entry, even = Decimal(held["entryPrice"]), Decimal(held["breakEvenPrice"])
    assert float(even) == pytest.approx(float(entry) * 1.0005)
    assert held["adl"] in range(5)
    (rank,) = client("GET", "/fapi/v1/adlQuantile")
    assert rank == {"symbol": BTC, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": held["adl"]}}


def test_every_asset_of_an_account_is_shown(
    client: Client,
    exchange: Exchange,
    market: Market,
):
    exchange.engine.add_account(
        "two", "secret", {"USDT": Decimal(100), "USDC": Decimal(50)}, market.now()
    )
    client._key = "two"
    rows = client("GET", "/fapi/v3/balance")
    assert [(r["asset"], float(r["balance"])) for r in rows] == [("USDT", 100), ("USDC", 50)]
    account = client("GET", "/fapi/v3/account")
    assert [row["asset"] for row in account["assets"]] == ["USDT", "USDC"]
    assert float(account["totalWalletBalance"]) == 100
    client("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    assert float(client("GET", "/fapi/v3/account")["totalWalletBalance"]) == 150
