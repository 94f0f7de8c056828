"""Unknown symbols and words that the exchange does not know are refused alike everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venue.conftest import CLOCK, HandClock
from tests.venue.served_fields import Session
from tests.venue.signed import Client

BTC = "BTCUSDT"
ORDER = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.002"}
STOP = {
    "symbol": BTC,
    "algoType": "CONDITIONAL",
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.002",
    "triggerPrice": 20_000,
}
STATISTIC = {"symbol": BTC, "period": "1h"}

# What a request needs beside the symbol.
WITH_SYMBOL: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/fapi/v1/order", ORDER),
    ("POST", "/fapi/v1/order/test", ORDER),
    ("PUT", "/fapi/v1/order", {**ORDER, "price": 9, "orderId": 1}),
    ("GET", "/fapi/v1/orderAmendment", {"orderId": 1}),
    ("DELETE", "/fapi/v1/batchOrders", {"orderIdList": "[1]"}),
    ("POST", "/fapi/v1/countdownCancelAll", {"countdownTime": 1000}),
    ("GET", "/fapi/v1/forceOrders", {}),
    ("POST", "/fapi/v1/positionMargin", {"amount": 1, "type": 1}),
    ("GET", "/fapi/v1/positionMargin/history", {}),
    ("GET", "/fapi/v1/order", {"orderId": 1}),
    ("GET", "/fapi/v1/openOrder", {"orderId": 1}),
    ("DELETE", "/fapi/v1/order", {"orderId": 1}),
    ("DELETE", "/fapi/v1/allOpenOrders", {}),
    ("GET", "/fapi/v1/openOrders", {}),
    ("GET", "/fapi/v1/allOrders", {}),
    ("GET", "/fapi/v1/userTrades", {}),
    ("POST", "/fapi/v1/algoOrder", STOP),
    ("DELETE", "/fapi/v1/algoOpenOrders", {}),
    ("GET", "/fapi/v1/openAlgoOrders", {}),
    ("GET", "/fapi/v1/allAlgoOrders", {}),
    ("GET", "/fapi/v1/income", {}),
    ("GET", "/fapi/v2/positionRisk", {}),
    ("GET", "/fapi/v3/positionRisk", {}),
    ("GET", "/fapi/v1/leverageBracket", {}),
    ("GET", "/fapi/v1/symbolConfig", {}),
    ("GET", "/fapi/v1/commissionRate", {}),
    ("POST", "/fapi/v1/leverage", {"leverage": 3}),
    ("POST", "/fapi/v1/marginType", {"marginType": "ISOLATED"}),
    ("GET", "/fapi/v1/klines", {"interval": "1h"}),
    ("GET", "/fapi/v1/markPriceKlines", {"interval": "1h"}),
    ("GET", "/fapi/v1/trades", {}),
    ("GET", "/fapi/v1/aggTrades", {}),
    ("GET", "/fapi/v1/depth", {}),
    ("GET", "/fapi/v1/fundingRate", {}),
    ("GET", "/fapi/v1/premiumIndex", {}),
    ("GET", "/fapi/v1/openInterest", {}),
    ("GET", "/fapi/v1/ticker/24hr", {}),
    ("GET", "/fapi/v1/ticker/price", {}),
    ("GET", "/fapi/v2/ticker/price", {}),
    ("GET", "/fapi/v1/ticker/bookTicker", {}),
    ("GET", "/futures/data/openInterestHist", STATISTIC),
    ("GET", "/futures/data/globalLongShortAccountRatio", STATISTIC),
    ("GET", "/futures/data/topLongShortAccountRatio", STATISTIC),
    ("GET", "/futures/data/topLongShortPositionRatio", STATISTIC),
    ("GET", "/futures/data/takerlongshortRatio", STATISTIC),
]


@pytest.fixture(scope="module")
def client(history) -> Client:
    return Session(history, HandClock(CLOCK)).client


@pytest.mark.parametrize("symbol", ["NOPEUSDT", "btcusdt", "BTC/USDT:USDT", "*"])
@pytest.mark.parametrize(
    ("method", "path", "sent"), WITH_SYMBOL, ids=[f"{m} {p}" for m, p, _ in WITH_SYMBOL]
)
def test_a_symbol_that_is_not_listed(client: Client, method, path, sent, symbol):
    assert client.refusal(method, path, **{**sent, "symbol": symbol}) == (400, -1121)


@pytest.mark.parametrize(
    ("method", "path", "sent", "name", "code"),
    [
        ("POST", "/fapi/v1/order", ORDER, "side", -1117),
        ("POST", "/fapi/v1/order", ORDER, "type", -1116),
        ("POST", "/fapi/v1/order", {**ORDER, "type": "LIMIT", "price": 9}, "timeInForce", -1115),
        ("POST", "/fapi/v1/order", ORDER, "positionSide", -4060),
        ("POST", "/fapi/v1/order", ORDER, "newOrderRespType", -1136),
        ("POST", "/fapi/v1/order", ORDER, "selfTradePreventionMode", -5039),
        ("POST", "/fapi/v1/order", ORDER, "priceMatch", -5037),
        ("POST", "/fapi/v1/order", ORDER, "priceProtect", -1130),
        ("POST", "/fapi/v1/order", ORDER, "reduceOnly", -1130),
        ("POST", "/fapi/v1/algoOrder", STOP, "algoType", -1130),
        ("POST", "/fapi/v1/algoOrder", STOP, "side", -1117),
        ("POST", "/fapi/v1/algoOrder", STOP, "type", -1116),
        ("POST", "/fapi/v1/algoOrder", STOP, "timeInForce", -1115),
        ("POST", "/fapi/v1/algoOrder", STOP, "workingType", -4031),
        ("POST", "/fapi/v1/algoOrder", STOP, "positionSide", -4060),
        ("POST", "/fapi/v1/algoOrder", STOP, "selfTradePreventionMode", -5039),
        ("POST", "/fapi/v1/algoOrder", STOP, "priceMatch", -5037),
        ("POST", "/fapi/v1/algoOrder", STOP, "closePosition", -1130),
        ("GET", "/fapi/v1/openAlgoOrders", {}, "algoType", -1130),
        ("POST", "/fapi/v1/marginType", {"symbol": BTC}, "marginType", -1130),
        ("POST", "/fapi/v1/positionSide/dual", {}, "dualSidePosition", -1130),
        ("POST", "/fapi/v1/multiAssetsMargin", {}, "multiAssetsMargin", -1130),
        ("GET", "/fapi/v1/income", {}, "incomeType", -1130),
        ("GET", "/fapi/v1/klines", {"symbol": BTC}, "interval", -1120),
        ("GET", "/fapi/v1/markPriceKlines", {"symbol": BTC}, "interval", -1120),
        ("GET", "/fapi/v1/indexPriceKlines", {"pair": BTC}, "interval", -1120),
        ("GET", "/fapi/v1/premiumIndexKlines", {"symbol": BTC}, "interval", -1120),
        ("GET", "/futures/data/openInterestHist", {"symbol": BTC}, "period", -1130),
        ("GET", "/futures/data/takerlongshortRatio", {"symbol": BTC}, "period", -1130),
    ],
)
@pytest.mark.parametrize("word", ["SIDEWAYS", "buy", "1"])
def test_a_word_that_is_not_known(client: Client, method, path, sent, name, code, word):
    assert client.refusal(method, path, **{**sent, name: word}) == (400, code)
    assert client("GET", "/fapi/v1/openOrders") == []
    assert client("GET", "/fapi/v1/openAlgoOrders") == []
    assert client("GET", "/fapi/v3/positionRisk") == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/fapi/v1/marginType", "marginType"),
        ("/fapi/v1/positionSide/dual", "dualSidePosition"),
        ("/fapi/v1/multiAssetsMargin", "multiAssetsMargin"),
        ("/fapi/v1/algoOrder", "algoType"),
    ],
)
def test_a_word_that_is_missing(client: Client, path, name):
    sent = {key: value for key, value in STOP.items() if key != name}
    assert client.refusal("POST", path, **sent) == (400, -1102)


@pytest.mark.parametrize("kind", ["ACK", "RESULT"])
@pytest.mark.parametrize("mode", ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"])
def test_the_words_that_are_known(history, kind, mode):
    client = Session(history, HandClock(CLOCK)).client
    sent = {**ORDER, "newOrderRespType": kind, "selfTradePreventionMode": mode}
    assert client("POST", "/fapi/v1/order", **sent)["status"] == "FILLED"
