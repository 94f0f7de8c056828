"""Signed endpoints over HTTP: who may, when, and what comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fastapi import FastAPI

from perpkit.venue.engine import Restrictions
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.market import Market
from tests.venue.conftest import HandClock
from tests.venue.signed import BTC, MINUTE, Client


@pytest.fixture
def exchange(market: Market) -> Exchange:
    exchange = Exchange(market)
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    reader = Restrictions(trade=False, addresses=frozenset({"127.0.0.1"}))
    exchange.engine.add_account("reader", "r", Decimal(0), market.now(), restrictions=reader)
    elsewhere = Restrictions(addresses=frozenset({"10.0.0.1"}))
    exchange.engine.add_account("far", "f", Decimal(0), market.now(), restrictions=elsewhere)
    return exchange


@pytest.fixture
def app(market: Market, exchange: Exchange) -> FastAPI:
    app = create_app(market, exchange=exchange)
    return app


@pytest.fixture
def client(app: FastAPI, clock: HandClock) -> Client:
    return Client(app, clock)


class TestSigning:
    PATH = ("GET", "/fapi/v3/account")

    @pytest.mark.parametrize(
        ("key", "secret", "expected"),
        [
            ("key", "secret", None),
            ("", "secret", (401, -2014)),
            ("nobody", "secret", (401, -2015)),
            ("key", "wrong", (400, -1022)),
            ("reader", "r", None),
            ("far", "f", (401, -2015)),
        ],
    )
    def test_who(self, app, clock, key, secret, expected):
        client = Client(app, clock, key, secret)
        if expected is None:
            assert client(*self.PATH)["assets"][0]["asset"] == "USDT"
        else:
            assert client.refusal(*self.PATH) == expected

    @pytest.mark.parametrize(
        ("ahead_ms", "window", "code"),
        [
            (0, {}, None),
            (999, {}, None),
            (1000, {}, -1021),
            (-5000, {}, None),
            (-5001, {}, -1021),
            (-5001, {"recvWindow": 6000}, None),
            (0, {"recvWindow": 60_001}, -1131),
            (0, {"recvWindow": 0}, -1131),
        ],
    )
    def test_when(self, client, clock, ahead_ms, window, code):
        sent = {"timestamp": clock.now() + ahead_ms, **window}
        if code is None:
            client(*self.PATH, **sent)
        else:
            assert client.refusal(*self.PATH, **sent) == (400, code)

    def test_a_key_that_may_only_read(self, app, clock):
        reader = Client(app, clock, "reader", "r")
        order = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        assert reader.refusal("POST", "/fapi/v1/order", **order) == (401, -2015)
        assert reader("GET", "/sapi/v1/account/apiRestrictions")["enableFutures"] is False
        assert reader("GET", "/sapi/v1/account/apiRestrictions")["ipRestrict"] is True


@pytest.mark.parametrize(
    ("method", "path", "sent", "code"),
    [
        ("POST", "/fapi/v1/order", {}, -1102),
        ("POST", "/fapi/v1/order", {"symbol": BTC, "side": "BUY", "type": "MARKET"}, -1102),
        ("GET", "/fapi/v1/order", {"symbol": BTC}, -1102),
        ("GET", "/fapi/v1/order", {"symbol": BTC, "orderId": "x"}, -1100),
        ("GET", "/fapi/v1/order", {"symbol": BTC, "orderId": 7}, -2013),
        ("GET", "/fapi/v1/order", {"symbol": "NOPE", "orderId": 7}, -1121),
        ("DELETE", "/fapi/v1/order", {"symbol": BTC, "orderId": 7}, -2011),
        ("GET", "/fapi/v1/algoOrder", {}, -1102),
        ("DELETE", "/fapi/v1/algoOrder", {"algoId": 7}, -2011),
        ("POST", "/fapi/v1/algoOrder", {"algoType": "VP"}, -1130),
        ("POST", "/fapi/v1/marginType", {"symbol": BTC, "marginType": "BOTH"}, -1130),
        ("POST", "/fapi/v1/marginType", {"symbol": BTC, "marginType": "CROSSED"}, -4046),
        ("POST", "/fapi/v1/leverage", {"symbol": BTC, "leverage": 999}, -4028),
        ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "maybe"}, -1130),
        ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
        ("GET", "/fapi/v1/income", {"incomeType": "GIFT"}, -1130),
        (
            "POST",
            "/fapi/v1/order",
            {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "NaN"},
            -1100,
        ),
    ],
)
def test_what_is_refused_and_how(client, method, path, sent, code):
    assert client.refusal(method, path, **sent) == (400, code)


def test_a_round_trip(client, clock, exchange):
    client("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
    client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=3)
    entry = client(
        "POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.010"
    )
    assert (entry["status"], entry["executedQty"]) == ("FILLED", "0.010")

    (position,) = client("GET", "/fapi/v3/positionRisk")
    assert position["positionAmt"] == "0.010"
    assert Decimal(position["isolatedMargin"]) > 0
    assert Decimal(position["entryPrice"]) == Decimal(entry["avgPrice"])
    assert client("GET", "/fapi/v1/symbolConfig", symbol=BTC)[0]["marginType"] == "ISOLATED"
    assert Decimal(position["liquidationPrice"]) < Decimal(position["entryPrice"])

    trigger = int(float(entry["avgPrice"]) * 0.9)
    stop = client(
        "POST",
        "/fapi/v1/algoOrder",
        algoType="CONDITIONAL",
        symbol=BTC,
        side="SELL",
        type="STOP_MARKET",
        quantity="0.010",
        triggerPrice=trigger,
        reduceOnly="true",
    )
    assert stop["algoStatus"] == "NEW"
    assert [a["algoId"] for a in client("GET", "/fapi/v1/openAlgoOrders")] == [stop["algoId"]]

    clock.time += MINUTE
    closed = client(
        "POST",
        "/fapi/v1/order",
        symbol=BTC,
        side="SELL",
        type="MARKET",
        quantity="0.010",
        reduceOnly="true",
    )
    client("DELETE", "/fapi/v1/algoOrder", algoId=stop["algoId"])
    assert client("GET", "/fapi/v3/positionRisk") == []
    trades = client("GET", "/fapi/v1/userTrades", symbol=BTC)
    assert [t["orderId"] for t in trades] == [entry["orderId"], closed["orderId"]]
    incomes = client("GET", "/fapi/v1/income")
    total = sum(Decimal(row["income"]) for row in incomes)
    (asset,) = client("GET", "/fapi/v3/account")["assets"]
    assert Decimal(asset["walletBalance"]) == 10_000 + total
    assert exchange.checker.breaches == []


def test_what_happened_while_nobody_asked(client, clock, exchange):
    """A stop triggers, and funding is charged, at their own times and not when one looks."""
    client("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.010")
    clock.time += 24 * 60 * MINUTE
    charges = client("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert len(charges) == 3
    assert all(row["time"] % (8 * 60 * MINUTE) == 0 for row in charges)
    rates = client("GET", "/fapi/v1/fundingRate", symbol=BTC, startTime=charges[0]["time"])
    for charge, rate in zip(charges, rates, strict=False):
        expected = -Decimal("0.01") * Decimal(rate["markPrice"]) * Decimal(rate["fundingRate"])
        assert float(charge["income"]) == pytest.approx(float(expected), rel=2e-3)


def test_the_same_past_however_often_one_looks(market, clock, history):
    """Looking once after a day gives what looking every minute gives."""
    ends = []
    for steps in (1, 288):
        hand = HandClock(clock.time)
        exchange = Exchange(Market(history, hand, seed=7))
        exchange.engine.add_account("key", "secret", Decimal(10_000), hand.now())
        app = create_app(exchange.market, exchange=exchange)
        client = Client(app, hand)
        client("POST", "/fapi/v1/order", symbol=BTC, side="BUY", type="MARKET", quantity="0.1")
        price = exchange.market.price(BTC)
        for way in (-1, 1):
            client(
                "POST",
                "/fapi/v1/order",
                symbol=BTC,
                side="SELL" if way > 0 else "BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity="0.05",
                price=round(price * (1 + way * 0.01), 1),
            )
        for _ in range(steps):
            hand.time += 24 * 60 * MINUTE // steps
            exchange.catch_up()
        account = exchange.engine.accounts[0]
        ends.append(
            (
                [(o.status, o.executed) for o in account.orders.values()],
                account.wallet.quantize(Decimal("0.01")),
            )
        )
    assert ends[0] == ends[1]


class TestCredits:
    """The answers that a bot of an account in credits mode reads."""

    @pytest.fixture
    def european(self, app, exchange, market, clock) -> Client:
        wallets = {"BNFCR": Decimal(600), "USDC": Decimal(300), "BTC": Decimal("0.01")}
        exchange.engine.add_account("eea", "e", wallets, market.now())
        return Client(app, clock, "eea", "e")

    def test_each_asset_is_shown_and_the_totals_are_of_all(self, european, market):
        account = european("GET", "/fapi/v3/account")
        rows = {row["asset"]: row for row in account["assets"]}
        assert {a: Decimal(r["walletBalance"]) for a, r in rows.items()} == {
            "USDT": 0,
            "BNFCR": 600,
            "USDC": 300,
            "BTC": Decimal("0.01"),
        }
        worth = Decimal(market.price(BTC, PriceKind.MARK)) * Decimal("0.95")
        expected = pytest.approx(900 + worth / 100)
        for total in ("totalWalletBalance", "totalMarginBalance", "availableBalance"):
            assert Decimal(account[total]) == expected
        assert Decimal(rows["BNFCR"]["availableBalance"]) == expected
        assert Decimal(rows["BTC"]["availableBalance"]) == pytest.approx(expected.expected / worth)
        for path in ("/fapi/v2/balance", "/fapi/v3/balance"):
            shown = {row["asset"]: row for row in european("GET", path)}
            assert Decimal(shown["BNFCR"]["balance"]) == 600
            assert Decimal(shown["BNFCR"]["availableBalance"]) == expected
        assert european("GET", "/fapi/v2/account")["multiAssetsMargin"] is True
        assert european("GET", "/fapi/v1/accountConfig")["multiAssetsMargin"] is True

    def test_what_is_traded_is_shown_in_credits(self, european):
        order = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        european("POST", "/fapi/v1/order", **order)
        assert {r["asset"] for r in european("GET", "/fapi/v1/income")} == {"BNFCR"}
        [trade] = european("GET", "/fapi/v1/userTrades", symbol=BTC)
        assert (trade["commissionAsset"], trade["marginAsset"]) == ("BNFCR", "BNFCR")
        [position] = european("GET", "/fapi/v3/positionRisk")
        assert position["marginAsset"] == "BNFCR"
        rows = {r["asset"]: r for r in european("GET", "/fapi/v3/account")["assets"]}
        assert Decimal(rows["BNFCR"]["initialMargin"]) == Decimal(position["initialMargin"]) > 0

    def test_single_asset_mode_and_isolated_margin_are_refused(self, european):
        single = {"multiAssetsMargin": "false"}
        assert european.refusal("POST", "/fapi/v1/multiAssetsMargin", **single) == (400, -4402)
        isolated = {"symbol": BTC, "marginType": "ISOLATED"}
        assert european.refusal("POST", "/fapi/v1/marginType", **isolated) == (400, -4168)
        crossed = {"symbol": BTC, "marginType": "CROSSED"}
        assert european.refusal("POST", "/fapi/v1/marginType", **crossed) == (400, -4046)
        brackets = {"symbol": BTC}
        assert european("GET", "/fapi/v1/leverageBracket", **brackets)[0]["brackets"]


@pytest.mark.parametrize(
    "path", ["/fapi/v2/account", "/fapi/v2/positionRisk", "/fapi/v1/symbolConfig"]
)
def test_looking_at_a_symbol_does_not_use_it(client, exchange, path):
    client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=3)
    shown = client("GET", path)
    rows = shown["positions"] if path.endswith("account") else shown
    assert {row["symbol"]: int(row["leverage"]) for row in rows} == {
        symbol: 3 if symbol == BTC else 20 for symbol in exchange.market.symbols
    }
    assert [*exchange.engine.account("key").holdings] == [BTC]
