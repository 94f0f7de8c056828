"""What ccxt gives of Bybit and OKX of that which stop guard and journal need, and what it lacks.

docs/exchanges.md has these facts as a table. A test that fails here because ccxt gives more is good
news: its row, and `keeps_orders` in perpkit/market/exchanges.py, are to be looked at. Seen to hold
with ccxt 4.5.90; answers are those that its parsers document.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest

pytestmark = pytest.mark.contract

BTC = "BTC/USDT:USDT"
IDS = {"bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP"}
OURS = "a2c1f0-k3j9d2-S12"

BYBIT_STOP = {
    "symbol": "BTCUSDT",
    "orderType": "Market",
    "orderLinkId": OURS,
    "orderId": "f5f2d355-9a11-4af3-9b83-aa1d6ab6ddfe",
    "avgPrice": "",
    "stopOrderType": "Stop",
    "orderStatus": "Untriggered",
    "takeProfit": "",
    "cumExecValue": "0",
    "tpslMode": "",
    "triggerDirection": 2,
    "price": "0",
    "createdTime": "1757837618905",
    "positionIdx": 0,
    "timeInForce": "IOC",
    "updatedTime": "1757837618909",
    "side": "Sell",
    "triggerPrice": "57000",
    "leavesQty": "0.01",
    "cumExecQty": "0",
    "reduceOnly": True,
    "qty": "0.01",
    "stopLoss": "",
}
OKX_STOP = {
    "actualPx": "",
    "actualSide": "sl",
    "actualSz": "0",
    "algoId": "431375349042380800",
    "algoClOrdId": "a2c1f0k3j9d2S12",
    "clOrdId": "",
    "cTime": "1649119897778",
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "ordId": "2657625147249614848",
    "ordPx": "",
    "ordType": "conditional",
    "posSide": "net",
    "reduceOnly": "true",
    "side": "sell",
    "slOrdPx": "-1",
    "slTriggerPx": "57000",
    "state": "effective",
    "sz": "1",
    "tdMode": "isolated",
    "triggerPx": "",
}
BYBIT_FILL = {
    "symbol": "BTCUSDT",
    "orderType": "Market",
    "orderLinkId": OURS,
    "orderId": "1549452573428424448",
    "createType": "CreateByUser",
    "execTime": "1699445151998",
    "feeRate": "0.00055",
    "execPrice": "60000",
    "execValue": "600",
    "execType": "Trade",
    "side": "Sell",
    "isMaker": False,
    "execFee": "0.33",
    "execId": "2210000000101610464",
    "execQty": "0.01",
}
OKX_FILL = {
    "side": "sell",
    "fillSz": "1",
    "fillPx": "60000",
    "fillPnl": "-3",
    "fee": "-0.3",
    "feeCcy": "USDT",
    "ordId": "680800019749904384",
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "clOrdId": "a2c1f0k3j9d2S12",
    "execType": "T",
    "tradeId": "744876980",
    "ts": "1708587373362",
}
BYBIT_POSITION = {
    "positionIdx": 0,
    "symbol": "BTCUSDT",
    "side": "Buy",
    "size": "0.01",
    "avgPrice": "60000",
    "positionValue": "600",
    "tradeMode": 1,
    "leverage": "3",
}
OKX_POSITION = {
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "mgnMode": "isolated",
    "pos": "-1",
    "posSide": "net",
    "avgPx": "60000",
    "lever": "3",
}


class AskedError(Exception):
    """Raised in place of a request."""


def client(name: str) -> Any:
    """Of one market, whose requests end before they are sent."""
    exchange = getattr(ccxt, name)({"apiKey": "k", "secret": "s", "password": "p"})
    exchange.options.update(enableUnifiedMargin=False, enableUnifiedAccount=True)
    market = {"id": IDS[name], "symbol": BTC, "base": "BTC", "quote": "USDT", "settle": "USDT"}
    market |= {"baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "type": "swap"}
    market |= {"spot": False, "swap": True, "future": False, "option": False, "contract": True}
    market |= {"linear": True, "inverse": False, "contractSize": 0.01 if name == "okx" else 1.0}
    market["precision"] = {"amount": 0.001, "price": 0.1}
    exchange.set_markets([exchange.safe_market_structure(market)])
    return exchange


@pytest.fixture
def bybit() -> Any:
    return client("bybit")


@pytest.fixture
def okx() -> Any:
    return client("okx")


def asked(exchange: Any, monkeypatch: pytest.MonkeyPatch, endpoint: str, method: str, *args: Any):
    """What a method of ccxt asks an endpoint for."""
    seen = []

    def ask(request: dict[str, Any]) -> None:
        seen.append(request)
        raise AskedError

    monkeypatch.setattr(exchange, endpoint, ask)
    with pytest.raises(AskedError):
        getattr(exchange, method)(*args)
    [request] = seen
    return request


def test_bybit_gives_the_client_id_of_every_order(bybit):
    stop = bybit.parse_order(BYBIT_STOP, bybit.market(BTC))
    assert stop["clientOrderId"] == OURS
    request = bybit.create_order_request(BTC, "limit", "buy", 0.01, 1.0, {"clientOrderId": OURS})
    assert request["orderLinkId"] == OURS


def test_okx_gives_the_client_id_of_an_order_and_not_of_a_stop(okx):
    order = okx.parse_order({"ordId": "1", "clOrdId": "a2c1", "instId": IDS["okx"]})
    assert order["clientOrderId"] == "a2c1"
    assert okx.parse_order(OKX_STOP)["clientOrderId"] is None


def test_okx_sends_the_client_id_of_a_stop_under_the_name_of_an_order(okx):
    given = {"clientOrderId": "a2c1", "stopLossPrice": 57_000.0, "reduceOnly": True}
    request = okx.create_order_request(BTC, "market", "sell", 1, None, given)
    assert request["ordType"] == "conditional"
    assert request["clOrdId"] == "a2c1"
    assert "algoClOrdId" not in request


def test_bybit_looks_no_order_up_by_its_client_id(bybit, monkeypatch):
    ours = {"clientOrderId": OURS}
    with pytest.raises(ccxt.ArgumentsRequired, match="last 500 orders"):
        bybit.fetch_order("", BTC, ours)
    way = "privateGetV5OrderRealtime", "fetch_order"
    request = asked(bybit, monkeypatch, *way, "", BTC, {**ours, "acknowledged": True})
    assert request["orderId"] == ""
    assert "orderLinkId" not in request


def test_bybit_lists_by_its_own_name_of_a_client_id(bybit, monkeypatch):
    way = "privateGetV5OrderRealtime", "fetch_open_orders", BTC, None, None
    request = asked(bybit, monkeypatch, *way, {"orderLinkId": OURS})
    assert request["orderLinkId"] == OURS
    assert "orderId" not in request


@pytest.mark.parametrize(
    ("params", "endpoint", "name"),
    [
        ({}, "privateGetTradeOrder", "clOrdId"),
        ({"stop": True}, "privateGetTradeOrderAlgo", "algoClOrdId"),
    ],
)
def test_okx_looks_orders_up_by_their_client_ids(okx, monkeypatch, params, endpoint, name):
    given = {"clientOrderId": "a2c1", **params}
    assert asked(okx, monkeypatch, endpoint, "fetch_order", "", BTC, given)[name] == "a2c1"


def test_a_stop_of_bybit_stays_one_order(bybit):
    waiting = bybit.parse_order(BYBIT_STOP, bybit.market(BTC))
    assert (waiting["status"], waiting["triggerPrice"], waiting["reduceOnly"]) == (
        "open",
        57_000.0,
        True,
    )
    sold = {"orderStatus": "Filled", "cumExecQty": "0.01", "avgPrice": "56990", "leavesQty": "0"}
    filled = bybit.parse_order({**BYBIT_STOP, **sold}, bybit.market(BTC))
    assert (filled["id"], filled["status"]) == (waiting["id"], "closed")
    assert (filled["filled"], filled["average"]) == (0.01, 56_990.0)


def test_a_stop_of_okx_becomes_another_order_and_counts_as_filled(okx):
    """When it has triggered, however much that order has filled."""
    stop = okx.parse_order(OKX_STOP)
    assert (stop["status"], stop["id"]) == ("closed", OKX_STOP["algoId"])
    assert (stop["filled"], stop["average"]) == (1.0, None)
    assert stop["info"]["ordId"] == "2657625147249614848"
    assert (stop["stopLossPrice"], stop["triggerPrice"]) == (57_000.0, None)


def test_bybit_lists_all_open_stops_at_once(bybit, monkeypatch):
    way = "privateGetV5OrderRealtime", "fetch_open_orders", None, None, None, {"stop": True}
    bybit.options["defaultType"] = "swap"
    request = asked(bybit, monkeypatch, *way)
    assert (request["orderFilter"], request["settleCoin"]) == ("StopOrder", "USDT")


def test_okx_lists_open_stops_by_kind(okx, monkeypatch):
    way = "privateGetTradeOrdersAlgoPending", "fetch_open_orders", None, None, None
    assert asked(okx, monkeypatch, *way, {"stop": True})["ordType"] == "trigger"
    named = asked(okx, monkeypatch, *way, {"stop": True, "ordType": "conditional"})
    assert named["ordType"] == "conditional"


def test_bybit_does_not_say_how_a_position_is_margined(bybit, okx):
    found = bybit.parse_position(BYBIT_POSITION, bybit.market(BTC))
    assert (found["side"], found["contracts"], found["hedged"]) == ("long", 0.01, False)
    assert found["marginMode"] is None
    short = okx.parse_position(OKX_POSITION)
    assert (short["side"], short["contracts"], short["marginMode"]) == ("short", 1.0, "isolated")


def test_fills_have_no_client_id_and_no_realized_profit(bybit, okx):
    for exchange, row in ((bybit, BYBIT_FILL), (okx, OKX_FILL)):
        fill = exchange.parse_trade(row, exchange.market(BTC))
        assert fill["order"] == row.get("orderId", row.get("ordId"))
        assert fill["fee"]["currency"] == "USDT"
        assert fill["fee"]["cost"] > 0
        assert not {"clientOrderId", "realizedPnl"} & {*fill}


def test_fills_of_bybit_leave_liquidations_out(bybit, monkeypatch):
    way = "privateGetV5ExecutionList", "fetch_my_trades", BTC
    assert asked(bybit, monkeypatch, *way)["execType"] == "Trade"


def test_funding_of_bybit_has_the_sign_of_a_fee(bybit):
    row = {"symbol": "BTCUSDT", "execTime": "1710950400000", "execType": "Funding"}
    paid = bybit.parse_income({**row, "execFee": "0.1", "execId": "8d1ef156"})
    assert (paid["amount"], paid["code"]) == (0.1, "USDT")


def test_funding_of_okx_is_a_page_of_all_pairs_without_a_beginning(okx, monkeypatch):
    way = "privateGetAccountBillsArchive", "fetch_funding_history", BTC, 1_700_000_000_000
    request = asked(okx, monkeypatch, *way)
    assert request["type"] == "8"
    assert not {"instId", "begin"} & {*request}


def test_what_is_known_of_the_accounts_settings(bybit, okx):
    assert not bybit.has.get("fetchPositionMode")
    assert okx.has["fetchPositionMode"]
    assert not okx.has.get("fetchMarginMode")
