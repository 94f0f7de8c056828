"""python-binance, synchronous: it hands the JSON on, so what is checked is names and types."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from perpkit.durations import HOUR_MS
from tests.clients.checks import (
    DECIMAL,
    NEGATIVE,
    POSITIVE,
    Check,
    Each,
    Near,
    Num,
    Refused,
    Rows,
    Where,
    after,
    verify,
)
from tests.clients.desk import (
    BTC_PRICE,
    FUNDING_RATE,
    OPEN_INTEREST,
    START_MS,
    WALLET,
    Desk,
)
from tests.clients.shapes import (
    ACCOUNT,
    ACCOUNT_CONFIG,
    ADL_QUANTILE,
    AGGREGATE,
    ALGO,
    AMENDMENT,
    ASSET,
    BTC,
    CANCELLED,
    CANDLE,
    DAY,
    ETH,
    FILLED,
    FORCED,
    INCOME,
    LEVEL,
    MARGIN_ADDED,
    MARGIN_CHANGE,
    MOVED,
    NO_LOCKS,
    NONE,
    ORDER,
    ORDER_LIMIT,
    POSITION,
    PREMIUM,
    PUBLIC_TRADE,
    RATIO,
    RESTING,
    STOP,
    SYMBOL_CONFIG,
    TOP,
    TRADE,
    TRIGGERED,
)


def connect(url: str, key: str, secret: str) -> Client:
    client = Client(key, secret, ping=False)
    client.FUTURES_URL = f"{url}/fapi"
    client.FUTURES_DATA_URL = f"{url}/futures/data"
    client.MARGIN_API_URL = f"{url}/sapi"
    client.API_URL = f"{url}/api"
    return client


def refused(code: int) -> Refused:
    return Refused(code, BinanceAPIException)


def market(c: Client, side: str = "BUY", quantity: str = "0.010", symbol: str = BTC, **more: Any):
    return c.futures_create_order(
        symbol=symbol, side=side, type="MARKET", quantity=quantity, **more
    )


def limit(c: Client, price: str = "48000", tif: str = "GTC", symbol: str = BTC, **more: Any):
    return c.futures_create_order(
        symbol=symbol, side="BUY", type="LIMIT", timeInForce=tif, quantity="0.010", price=price,
        **more,
    )  # fmt: skip


def algo(c: Client, kind: str, side: str = "SELL", symbol: str = BTC, **more: Any):
    return c.futures_create_algo_order(symbol=symbol, side=side, type=kind, **more)


def stop(c: Client, **more: Any):
    return algo(c, "STOP_MARKET", quantity="0.010", triggerPrice="49000", **more)


def order(c: Client, placed: dict[str, Any]):
    return c.futures_get_order(symbol=BTC, orderId=placed["orderId"])


LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.010", "price": "48000"}  # fmt: skip


def move(c: Client, order_id: int):
    return c.futures_modify_order(
        symbol=BTC, side="BUY", quantity="0.010", price="47000", orderid=order_id
    )


def move_both(c: Client, placed: list[dict[str, Any]]):
    """`futures_v1_put_batch_orders` signs the list as it is not sent; this is as POST does it."""
    change = {"symbol": BTC, "side": "BUY", "quantity": "0.010", "price": "47000"}
    orders = json.dumps([{**change, "orderId": each["orderId"]} for each in placed])
    return c._request_futures_api(
        "put", "batchOrders", True, data={"batchOrders": quote(orders)}, force_params=True
    )


def isolated(c: Client, symbol: str, quantity: str):
    c.futures_change_margin_type(symbol=symbol, marginType="ISOLATED")
    c.futures_change_leverage(symbol=symbol, leverage=50)
    return market(c, "BUY", quantity, symbol)


def fallen(d: Desk, symbol: str, ask: Callable[[], Any]):
    """What the exchange answers while the price has fallen far."""
    d.gap(symbol, -0.03)
    try:
        return ask()
    finally:
        d.gap(symbol, 1 / 0.97 - 1)


MARKET_DATA = [
    Check("ping", lambda c, d: c.futures_ping(), {}),
    Check("time", lambda c, d: c.futures_time(), {"serverTime": int}),
    Check("exchangeInfo", lambda c, d: c.futures_exchange_info(), {
        "timezone": "UTC", "serverTime": int, "futuresType": "U_MARGINED",
        "rateLimits": Each({"rateLimitType": str, "interval": str, "intervalNum": int,
                            "limit": int}, 3),
        "exchangeFilters": [],
        "assets": Each({"asset": str, "marginAvailable": bool, "autoAssetExchange": DECIMAL}),
        "symbols": Rows(2, {
            "symbol": str, "pair": str, "contractType": "PERPETUAL", "deliveryDate": int,
            "onboardDate": int, "status": "TRADING", "maintMarginPercent": DECIMAL,
            "requiredMarginPercent": DECIMAL, "baseAsset": str, "quoteAsset": "USDT",
            "marginAsset": "USDT", "pricePrecision": int, "quantityPrecision": int,
            "baseAssetPrecision": int, "quotePrecision": int, "underlyingType": "COIN",
            "underlyingSubType": list, "triggerProtect": DECIMAL, "liquidationFee": DECIMAL,
            "marketTakeBound": DECIMAL, "orderTypes": Each(str, 7), "timeInForce": Each(str, 4),
            "filters": Each({"filterType": str}, 7)})}),
    Check("filters", lambda c, d: {
        f["filterType"]: f for f in c.futures_exchange_info()["symbols"][0]["filters"]}, {
        "PRICE_FILTER": {"minPrice": POSITIVE, "maxPrice": POSITIVE, "tickSize": Num(0.1)},
        "LOT_SIZE": {"minQty": POSITIVE, "maxQty": POSITIVE, "stepSize": Num(0.001)},
        "MARKET_LOT_SIZE": {"minQty": POSITIVE, "maxQty": POSITIVE, "stepSize": Num(0.001)},
        "MAX_NUM_ORDERS": {"limit": int},
        "MIN_NOTIONAL": {"notional": POSITIVE},
        "PERCENT_PRICE": {"multiplierUp": POSITIVE, "multiplierDown": POSITIVE,
                          "multiplierDecimal": POSITIVE}}),
    Check("klines", lambda c, d: c.futures_klines(symbol=BTC, interval="5m", limit=20),
          Rows(20, CANDLE)),
    Check("klines within a range", lambda c, d: c.futures_klines(
        symbol=BTC, interval="1h", startTime=START_MS - 3 * HOUR_MS, endTime=START_MS),
        Rows(3, CANDLE)),
    Check("historical klines", lambda c, d: c.futures_historical_klines(
        BTC, "1m", START_MS - 2 * HOUR_MS, START_MS), Each(CANDLE, 119)),
    Check("markPriceKlines", lambda c, d: c.futures_mark_price_klines(
        symbol=BTC, interval="1h", limit=5), Rows(5, CANDLE)),
    Check("indexPriceKlines", lambda c, d: c.futures_index_price_klines(
        pair=BTC, interval="15m", limit=5), Rows(5, CANDLE)),
    Check("premiumIndexKlines", lambda c, d: c.futures_premium_index_klines(
        symbol=BTC, interval="1h", limit=5), Rows(5, CANDLE)),
    Check("continuousKlines", lambda c, d: c.futures_continuous_klines(
        pair=BTC, contractType="PERPETUAL", interval="1h", limit=5), Rows(5, CANDLE)),
    Check("trades", lambda c, d: c.futures_recent_trades(symbol=BTC, limit=5),
          Rows(5, PUBLIC_TRADE)),
    Check("aggTrades", lambda c, d: c.futures_aggregate_trades(symbol=BTC, limit=5),
          Rows(5, AGGREGATE)),
    Check("fundingRate", lambda c, d: c.futures_funding_rate(symbol=BTC, limit=1), Rows(
        1, {"symbol": BTC, "fundingTime": int, "fundingRate": Num(FUNDING_RATE),
            "markPrice": Near(BTC_PRICE)})),
    Check("fundingRate of all", lambda c, d: {
        row["symbol"] for row in c.futures_funding_rate()}, {BTC, ETH}),
    Check("fundingInfo", lambda c, d: c.futures_v1_get_funding_info(), Each(
        {"symbol": str, "adjustedFundingRateCap": POSITIVE, "adjustedFundingRateFloor": NEGATIVE,
         "fundingIntervalHours": int}, 0)),
    Check("premiumIndex", lambda c, d: c.futures_mark_price(symbol=BTC),
          PREMIUM | {"symbol": BTC, "markPrice": Near(BTC_PRICE)}),
    Check("premiumIndex of all", lambda c, d: c.futures_mark_price(), Rows(2, PREMIUM)),
    Check("openInterest", lambda c, d: c.futures_open_interest(symbol=BTC),
          {"symbol": BTC, "openInterest": Num(OPEN_INTEREST), "time": int}),
    Check("openInterestHist", lambda c, d: c.futures_open_interest_hist(
        symbol=BTC, period="1h", limit=3), Rows(
        3, {"symbol": BTC, "sumOpenInterest": Num(OPEN_INTEREST),
            "sumOpenInterestValue": Near(OPEN_INTEREST * BTC_PRICE), "timestamp": int})),
    Check("globalLongShortAccountRatio", lambda c, d: c.futures_global_longshort_ratio(
        symbol=BTC, period="1h", limit=3), Rows(3, RATIO)),
    Check("topLongShortAccountRatio", lambda c, d: c.futures_top_longshort_account_ratio(
        symbol=BTC, period="1h", limit=3), Rows(
        3, dict.fromkeys(("longShortRatio", "longAccount", "shortAccount"), POSITIVE))),
    Check("topLongShortPositionRatio", lambda c, d: c.futures_top_longshort_position_ratio(
        symbol=BTC, period="1h", limit=3), Rows(
        3, dict.fromkeys(("longShortRatio", "longAccount", "shortAccount"), POSITIVE))),
    Check("takerlongshortRatio", lambda c, d: c.futures_taker_longshort_ratio(
        symbol=BTC, period="1h", limit=3), Rows(
        3, {"buySellRatio": Num(1), "buyVol": POSITIVE, "sellVol": POSITIVE, "timestamp": int})),
    Check("depth", lambda c, d: c.futures_order_book(symbol=BTC, limit=10), {
        "lastUpdateId": int, "E": int, "T": int, "bids": Rows(10, LEVEL),
        "asks": Rows(10, LEVEL)}),
    Check("ticker/24hr", lambda c, d: c.futures_ticker(symbol=BTC), DAY | {"symbol": BTC}),
    Check("ticker/24hr of all", lambda c, d: c.futures_ticker(), Rows(2, DAY)),
    Check("ticker/price", lambda c, d: c.futures_symbol_ticker(symbol=BTC),
          {"symbol": BTC, "price": Near(BTC_PRICE), "time": int}),
    Check("ticker/price v1", lambda c, d: c._request_futures_api(
        "get", "ticker/price", version=1, data={"symbol": BTC}),
        {"symbol": BTC, "price": Near(BTC_PRICE), "time": int}),
    Check("ticker/bookTicker", lambda c, d: c.futures_orderbook_ticker(symbol=BTC), TOP),
    Check("ticker/bookTicker of all", lambda c, d: c.futures_orderbook_ticker(), Rows(2, TOP)),
]  # fmt: skip

SETTINGS = [
    Check("position mode", lambda c, d: c.futures_get_position_mode(),
          {"dualSidePosition": False}),
    Check("set position mode", lambda c, d: after(
        c.futures_change_position_mode(dualSidePosition="true"), c.futures_get_position_mode()),
        {"dualSidePosition": True}),
    Check("the same position mode", lambda c, d: c.futures_change_position_mode(
        dualSidePosition="false"), refused(-4059)),
    Check("multi-assets mode", lambda c, d: c.futures_get_multi_assets_mode(),
          {"multiAssetsMargin": False}),
    Check("set multi-assets mode", lambda c, d: after(
        c.futures_change_multi_assets_mode(True), c.futures_get_multi_assets_mode()),
        {"multiAssetsMargin": True}),
    Check("leverage", lambda c, d: c.futures_change_leverage(symbol=BTC, leverage=20),
          {"symbol": BTC, "leverage": 20, "maxNotionalValue": POSITIVE}),
    Check("leverage too high", lambda c, d: c.futures_change_leverage(symbol=BTC, leverage=999),
          refused(-4028)),
    Check("margin type", lambda c, d: c.futures_change_margin_type(
        symbol=BTC, marginType="ISOLATED"), {"code": 200, "msg": "success"}),
    Check("the same margin type", lambda c, d: c.futures_change_margin_type(
        symbol=BTC, marginType="CROSSED"), refused(-4046)),
    Check("accountConfig", lambda c, d: c.futures_account_config(), ACCOUNT_CONFIG),
    Check("symbolConfig", lambda c, d: after(
        c.futures_change_leverage(symbol=BTC, leverage=7), c.futures_symbol_config(symbol=BTC)),
        [SYMBOL_CONFIG]),
    Check("symbolConfig of all", lambda c, d: {
        row["symbol"] for row in c.futures_symbol_config()}, {BTC, ETH}),
    Check("rateLimit/order", lambda c, d: c.futures_v1_get_rate_limit_order(),
          Rows(2, ORDER_LIMIT)),
    Check("positionMargin", lambda c, d: after(
        isolated(c, BTC, "0.010"),
        c.futures_change_position_margin(symbol=BTC, amount="10", type=1)), MARGIN_ADDED),
    Check("positionMargin/history", lambda c, d: after(
        isolated(c, BTC, "0.010"),
        c.futures_change_position_margin(symbol=BTC, amount="10", type=1),
        c.futures_position_margin_history(symbol=BTC)), Rows(1, MARGIN_CHANGE)),
    Check("listenKey", lambda c, d: after(
        key := c.futures_stream_get_listen_key(), c.futures_stream_keepalive(listenKey=key),
        c.futures_stream_close(listenKey=key)), {}),
    Check("leverageBracket", lambda c, d: c.futures_leverage_bracket(symbol=BTC), Rows(1, {
        "symbol": BTC, "brackets": Each({
            "bracket": int, "initialLeverage": int, "notionalCap": int, "notionalFloor": int,
            "maintMarginRatio": float, "cum": Where("a number", lambda a: a >= 0)}, 5)})),
    Check("leverageBracket of all", lambda c, d: {
        row["symbol"] for row in c.futures_leverage_bracket()}, {BTC, ETH}),
]  # fmt: skip

ACCOUNTS = [
    Check("account v2", lambda c, d: c.futures_account(), ACCOUNT | {
        "feeTier": int, "canTrade": True, "canDeposit": bool, "canWithdraw": bool,
        "multiAssetsMargin": False, "updateTime": int}),
    Check("assets of account v2", lambda c, d: [
        row for row in c.futures_account()["assets"] if row["asset"] == "USDT"], [ASSET]),
    Check("account v3", lambda c, d: c._request_futures_api("get", "account", True, 3, data={}),
          ACCOUNT),
    Check("positions of account v2", lambda c, d: after(market(c), [
        row for row in c.futures_account()["positions"] if row["symbol"] == BTC]), [
        {"symbol": BTC, "initialMargin": POSITIVE, "maintMargin": POSITIVE, "leverage": str,
         "unrealizedProfit": DECIMAL, "entryPrice": Near(BTC_PRICE), "isolated": False,
         "positionSide": "BOTH", "positionAmt": Num(0.01), "updateTime": int}]),
    Check("balance v3", lambda c, d: [
        row for row in c.futures_account_balance() if row["asset"] == "USDT"], [
        {"accountAlias": str, "asset": "USDT", "balance": Num(WALLET),
         "crossWalletBalance": Num(WALLET), "crossUnPnl": Num(0), "availableBalance": Num(WALLET),
         "maxWithdrawAmount": Num(WALLET), "marginAvailable": True, "updateTime": int}]),
    Check("balance v2", lambda c, d: [
        row for row in c._request_futures_api("get", "balance", True, 2, data={})
        if row["asset"] == "USDT"], [{"balance": Num(WALLET), "availableBalance": Num(WALLET)}]),
    Check("positionRisk v3", lambda c, d: after(
        market(c), c.futures_position_information(symbol=BTC)), [
        POSITION | {"isolatedMargin": DECIMAL, "isolatedWallet": DECIMAL, "marginAsset": "USDT",
                    "initialMargin": POSITIVE, "maintMargin": POSITIVE,
                    "positionInitialMargin": POSITIVE, "openOrderInitialMargin": DECIMAL,
                    "adl": int, "bidNotional": DECIMAL, "askNotional": DECIMAL}]),
    Check("positionRisk v3 while flat", lambda c, d: c.futures_position_information(), []),
    Check("positionRisk v2", lambda c, d: after(market(c), c._request_futures_api(
        "get", "positionRisk", True, 2, data={"symbol": BTC})), [
        POSITION | {"leverage": str, "marginType": "cross", "isAutoAddMargin": "false",
                    "maxNotionalValue": POSITIVE, "isolatedMargin": DECIMAL}]),
    Check("adlQuantile", lambda c, d: after(
        market(c), c.futures_adl_quantile_estimate(symbol=BTC)), Rows(1, ADL_QUANTILE)),
    Check("apiTradingStatus", lambda c, d: c.futures_api_trading_status(), NO_LOCKS),
    Check("userTrades", lambda c, d: after(market(c), c.futures_account_trades(symbol=BTC)),
          [TRADE]),
    Check("userTrades of an order", lambda c, d: after(market(c), c.futures_account_trades(
        symbol=BTC, orderId=market(c)["orderId"])), [TRADE]),
    Check("userTrades by fromId", lambda c, d: after(market(c), market(c), [
        row["id"] - first["id"] for first in c.futures_account_trades(symbol=BTC)[:1]
        for row in c.futures_account_trades(symbol=BTC, fromId=first["id"] + 1)]),
        Where("ids above the first", lambda ids: len(ids) == 1 and ids[0] > 0)),
    Check("userTrades, the most recent", lambda c, d: after(
        market(c), market(c, "SELL"), c.futures_account_trades(symbol=BTC, limit=1)), [
        {"side": "SELL"}]),
    Check("income", lambda c, d: after(market(c), c.futures_income_history(symbol=BTC)), [
        INCOME | {"incomeType": "COMMISSION", "income": Near(-0.25)}]),
    Check("income of a type", lambda c, d: after(
        market(c), market(c, "SELL"), c.futures_income_history(incomeType="REALIZED_PNL")), [
        INCOME | {"incomeType": "REALIZED_PNL", "income": NEGATIVE}]),
    Check("income by pages", lambda c, d: after(
        [after(market(c), d.wait(1)) for _ in range(3)], pages(c)), [
        INCOME | {"incomeType": "COMMISSION"}] * 3),
    Check("funding", lambda c, d: after(
        market(c), d.settle(), c.futures_income_history(incomeType="FUNDING_FEE")), [
        INCOME | {"incomeType": "FUNDING_FEE", "income": Near(-500 * FUNDING_RATE)}]),
    Check("commissionRate", lambda c, d: c.futures_commission_rate(symbol=BTC), {
        "symbol": BTC, "makerCommissionRate": Num(0.0002), "takerCommissionRate": Num(0.0005)}),
    Check("apiRestrictions", lambda c, d: c.get_account_api_permissions(), {
        "ipRestrict": False, "createTime": int, "enableReading": True, "enableFutures": True,
        "enableWithdrawals": bool, "enableInternalTransfer": bool, "enableMargin": bool,
        "enableSpotAndMarginTrading": bool, "permitsUniversalTransfer": bool}),
]  # fmt: skip


def pages(c: Client) -> list[dict[str, Any]]:
    """All incomes, one a page, each from the moment after the last."""
    rows: list[dict[str, Any]] = []
    start = START_MS
    for _ in range(10):
        page = c.futures_income_history(startTime=start, limit=1)
        if not page:
            break
        rows += page
        start = page[-1]["time"] + 1
    return rows


ORDERS = [
    Check("market order", lambda c, d: order(c, market(c)), FILLED | {"type": "MARKET"}),
    Check("answer to a market order", lambda c, d: market(c, newOrderRespType="RESULT"),
          FILLED | {"type": "MARKET"}),
    Check("market sell", lambda c, d: order(c, market(c, "SELL")), FILLED | {"side": "SELL"}),
    Check("limit order that rests", lambda c, d: limit(c), RESTING | {"timeInForce": "GTC"}),
    Check("limit order that fills", lambda c, d: order(c, limit(c, "50500")),
          FILLED | {"type": "LIMIT"}),
    Check("IOC", lambda c, d: order(c, limit(c, "50500", tif="IOC")),
          FILLED | {"timeInForce": "IOC"}),
    Check("IOC that misses", lambda c, d: order(c, limit(c, tif="IOC")),
          ORDER | {"status": "EXPIRED", "executedQty": Num(0)}),
    Check("FOK", lambda c, d: order(c, limit(c, "50500", tif="FOK")), FILLED),
    Check("GTX", lambda c, d: limit(c, tif="GTX"), RESTING | {"timeInForce": "GTX"}),
    Check("own client id", lambda c, d: limit(c, newClientOrderId="mine"),
          RESTING | {"clientOrderId": "mine"}),
    Check("query by id", lambda c, d: order(c, limit(c)),
          RESTING | {"time": int, "origType": "LIMIT"}),
    Check("query by client id", lambda c, d: after(
        limit(c, newClientOrderId="mine"),
        c.futures_get_order(symbol=BTC, origClientOrderId="mine")), RESTING),
    Check("openOrder", lambda c, d: c.futures_v1_get_open_order(
        symbol=BTC, orderId=limit(c)["orderId"]), RESTING),
    Check("openOrders", lambda c, d: after(
        limit(c), limit(c), c.futures_get_open_orders(symbol=BTC)), Rows(2, RESTING)),
    Check("openOrders of all symbols", lambda c, d: after(limit(c), c.futures_get_open_orders()),
          Rows(1, RESTING)),
    Check("allOrders", lambda c, d: after(
        limit(c), market(c), [o["status"] for o in c.futures_get_all_orders(symbol=BTC)]),
        ["NEW", "FILLED"]),
    Check("allOrders by orderId", lambda c, d: after(limit(c), [
        o["type"] for o in c.futures_get_all_orders(symbol=BTC, orderId=market(c)["orderId"])]),
        ["MARKET"]),
    Check("cancel by id", lambda c, d: c.futures_cancel_order(
        symbol=BTC, orderId=limit(c)["orderId"]), RESTING | {"status": "CANCELED"}),
    Check("cancel by client id", lambda c, d: after(
        limit(c, newClientOrderId="mine"),
        c.futures_cancel_order(symbol=BTC, origClientOrderId="mine")),
        RESTING | {"status": "CANCELED"}),
    Check("cancel all", lambda c, d: after(
        limit(c), limit(c), c.futures_cancel_all_open_orders(symbol=BTC)),
        {"code": 200, "msg": str}),
    Check("none are open after that", lambda c, d: after(
        limit(c), c.futures_cancel_all_open_orders(symbol=BTC), c.futures_get_open_orders()), []),
    Check("order/test", lambda c, d: after(
        made := c.futures_create_test_order(**LIMIT), c.futures_get_open_orders() or made),
        {"status": "NEW", "origQty": Num(0.01), "price": Num(48_000)}),
    Check("modify", lambda c, d: move(c, limit(c)["orderId"]), MOVED),
    Check("orderAmendment", lambda c, d: after(
        placed := limit(c), move(c, placed["orderId"]), c.futures_v1_get_order_amendment(
            symbol=BTC, orderId=placed["orderId"])), Rows(1, AMENDMENT)),
    Check("query, names in lower case", lambda c, d: c.futures_get_order(
        symbol=BTC, orderid=limit(c)["orderId"]), RESTING),
    Check("cancel, names in lower case", lambda c, d: c.futures_cancel_order(
        symbol=BTC, orderid=limit(c)["orderId"]), CANCELLED),
    Check("batchOrders", lambda c, d: c.futures_place_batch_order(
        batchOrders=[{**LIMIT}, {**LIMIT, "quantity": "0.0001"}]),
        [RESTING, {"code": -1111, "msg": str}]),
    Check("batchOrders, changed", lambda c, d: move_both(c, [limit(c), limit(c)]),
          Rows(2, MOVED)),
    Check("batchOrders, cancelled by id", lambda c, d: c.futures_cancel_orders(
        symbol=BTC, orderidlist=[limit(c)["orderId"], limit(c)["orderId"]]), Rows(2, CANCELLED)),
    Check("batchOrders, cancelled by client id", lambda c, d: after(
        limit(c, newClientOrderId="one"), limit(c, newClientOrderId="two"),
        c.futures_cancel_orders(symbol=BTC, origclientorderidlist=["one", "two"])),
        Rows(2, CANCELLED)),
    Check("countdownCancelAll", lambda c, d: c.futures_countdown_cancel_all(
        symbol=BTC, countdownTime=10_000), {"symbol": BTC, "countdownTime": Num(10_000)}),
    Check("after the countdown", lambda c, d: after(
        limit(c), c.futures_countdown_cancel_all(symbol=BTC, countdownTime=10_000), d.wait(11),
        c.futures_get_open_orders()), []),
    Check("forceOrders", lambda c, d: after(isolated(c, ETH, "1"), fallen(
        d, ETH, lambda: c.futures_liquidation_orders(autoCloseType="LIQUIDATION"))),
        Rows(1, FORCED)),
    Check("reduce-only", lambda c, d: after(
        market(c), order(c, market(c, "SELL", reduceOnly="true"))),
        FILLED | {"side": "SELL", "reduceOnly": True}),
    Check("flat after reduce-only", lambda c, d: after(
        market(c), market(c, "SELL", reduceOnly="true"), c.futures_position_information()), []),
    Check("hedge mode", lambda c, d: after(
        c.futures_change_position_mode(dualSidePosition="true"),
        market(c, positionSide="LONG"), market(c, "SELL", positionSide="SHORT"),
        {row["positionSide"]: row["positionAmt"] for row in c.futures_position_information()}),
        {"LONG": Num(0.01), "SHORT": Num(-0.01)}),
]  # fmt: skip


def triggered(c: Client, d: Desk, kind: str, change: float, **more: Any) -> dict[str, Any]:
    """The order that a conditional one became when the price of ETH jumped."""
    market(c, "BUY", "1", ETH)
    placed = algo(c, kind, symbol=ETH, reduceOnly="true", quantity="1", **more)
    d.gap(ETH, change)
    seen = c.futures_get_algo_order(algoId=placed["algoId"])
    return {"algo": seen, "order": c.futures_get_order(symbol=ETH, orderId=seen["actualOrderId"])}


ALGOS = [
    Check("stop", lambda c, d: stop(c), STOP),
    Check("stop by createOrder", lambda c, d: c.futures_create_order(
        symbol=BTC, side="SELL", type="STOP_MARKET", quantity="0.010", stopPrice="49000"), STOP),
    Check("stop that closes the position", lambda c, d: after(market(c), algo(
        c, "STOP_MARKET", triggerPrice="49000", closePosition="true")),
        ALGO | {"closePosition": True, "orderType": "STOP_MARKET"}),
    Check("stop on mark", lambda c, d: stop(c, workingType="MARK_PRICE"),
          STOP | {"workingType": "MARK_PRICE"}),
    Check("stop-limit", lambda c, d: algo(
        c, "STOP", quantity="0.010", triggerPrice="49000", price="48900"),
        ALGO | {"orderType": "STOP", "price": Num(48_900)}),
    Check("take-profit", lambda c, d: algo(
        c, "TAKE_PROFIT_MARKET", quantity="0.010", triggerPrice="51000"),
        ALGO | {"orderType": "TAKE_PROFIT_MARKET", "triggerPrice": Num(51_000)}),
    Check("take-profit-limit", lambda c, d: algo(
        c, "TAKE_PROFIT", quantity="0.010", triggerPrice="51000", price="51100"),
        ALGO | {"orderType": "TAKE_PROFIT", "price": Num(51_100)}),
    Check("trailing stop", lambda c, d: algo(
        c, "TRAILING_STOP_MARKET", quantity="0.010", activatePrice="51000", callbackRate="1"),
        ALGO | {"orderType": "TRAILING_STOP_MARKET", "activatePrice": Num(51_000),
                "callbackRate": Num(1)}),
    Check("query algo by id", lambda c, d: c.futures_get_algo_order(algoId=stop(c)["algoId"]),
          STOP | {"actualOrderId": "", "actualPrice": DECIMAL}),
    Check("query algo by client id", lambda c, d: after(
        stop(c, clientAlgoId="mine"), c.futures_get_algo_order(clientAlgoId="mine")),
        STOP | {"clientAlgoId": "mine"}),
    Check("openAlgoOrders", lambda c, d: after(stop(c), c.futures_get_open_algo_orders(
        symbol=BTC)), Rows(1, STOP)),
    Check("allAlgoOrders", lambda c, d: after(stop(c), stop(c), c.futures_get_all_algo_orders(
        symbol=BTC)), Rows(2, STOP)),
    Check("cancel algo", lambda c, d: c.futures_cancel_algo_order(algoId=stop(c)["algoId"]),
          {"algoId": int, "clientAlgoId": str, "code": "200", "msg": "success"}),
    Check("a cancelled algo", lambda c, d: after(
        stop(c, clientAlgoId="mine"), c.futures_cancel_algo_order(clientAlgoId="mine"),
        c.futures_get_algo_order(clientAlgoId="mine")), STOP | {"algoStatus": "CANCELED"}),
    Check("cancel all algos", lambda c, d: after(
        stop(c), c.futures_cancel_all_algo_open_orders(symbol=BTC),
        c.futures_get_open_algo_orders()), []),
    Check("stop that triggers", lambda c, d: triggered(
        c, d, "STOP_MARKET", -0.02, triggerPrice=d.near(ETH, 0.99)), TRIGGERED),
    Check("take-profit that triggers", lambda c, d: triggered(
        c, d, "TAKE_PROFIT_MARKET", 0.02, triggerPrice=d.near(ETH, 1.01)), TRIGGERED),
    Check("trailing stop that triggers", lambda c, d: triggered(
        c, d, "TRAILING_STOP_MARKET", -0.02, callbackRate="1"), TRIGGERED),
]  # fmt: skip

REFUSALS = [
    Check("unknown symbol of candles", lambda c, d: c.futures_klines(symbol=NONE, interval="1m"),
          refused(-1121)),
    Check("unknown symbol of a price", lambda c, d: c.futures_symbol_ticker(symbol=NONE),
          refused(-1121)),
    Check("unknown symbol of an order", lambda c, d: market(c, symbol=NONE), refused(-1121)),
    Check("unknown interval", lambda c, d: c.futures_klines(symbol=BTC, interval="7m"),
          refused(-1120)),
    Check("depth of 7", lambda c, d: c.futures_order_book(symbol=BTC, limit=7), refused(-4021)),
    Check("symbol missing", lambda c, d: c.futures_klines(interval="1m"), refused(-1102)),
    Check("no such path", lambda c, d: c._request_futures_api("get", "nothing"), refused(-5000)),
    Check("unknown key", lambda c, d: connect(d.url, "no", "no").futures_account(),
          refused(-2015)),
    Check("wrong secret", lambda c, d: connect(d.url, c.API_KEY, "no").futures_account(),
          refused(-1022)),
    Check("no key", lambda c, d: connect(d.url, "", "no").futures_account(), refused(-2014)),
    Check("too late", lambda c, d: after(
        setattr(c, "timestamp_offset", -60_000), c.futures_account()), refused(-1021)),
    Check("too little margin", lambda c, d: market(c, quantity="50"), refused(-2019)),
    Check("too small an order", lambda c, d: market(c, quantity="0.001", symbol=ETH),
          refused(-4164)),
    Check("off the tick", lambda c, d: limit(c, "2900.02", symbol=ETH), refused(-4014)),
    Check("over the precision", lambda c, d: market(c, quantity="0.0105"), refused(-1111)),
    Check("too high a price", lambda c, d: limit(c, "60000"), refused(-4016)),
    Check("reduce-only without a position", lambda c, d: market(c, reduceOnly="true"),
          refused(-2022)),
    Check("FOK that misses", lambda c, d: limit(c, tif="FOK"), refused(-5021)),
    Check("GTX that would take", lambda c, d: limit(c, "50500", tif="GTX"), refused(-5022)),
    Check("the same client id twice", lambda c, d: after(
        limit(c, newClientOrderId="mine"), limit(c, newClientOrderId="mine")), refused(-4116)),
    Check("no such order", lambda c, d: c.futures_get_order(symbol=BTC, orderId=1),
          refused(-2013)),
    Check("nothing to cancel", lambda c, d: c.futures_cancel_order(symbol=BTC, orderId=1),
          refused(-2011)),
    Check("no such algo", lambda c, d: c.futures_get_algo_order(algoId=1), refused(-2013)),
    Check("stop that would trigger", lambda c, d: algo(
        c, "STOP_MARKET", quantity="0.010", triggerPrice="51000"), refused(-2021)),
    Check("side of a position in one-way mode", lambda c, d: market(c, positionSide="LONG"),
          refused(-4061)),
    Check("unknown side", lambda c, d: market(c, "HOLD"), refused(-1117)),
    Check("unknown income type", lambda c, d: c.futures_income_history(incomeType="LUCK"),
          refused(-1130)),
]  # fmt: skip


@pytest.mark.parametrize(
    "check", MARKET_DATA + SETTINGS + ACCOUNTS + ORDERS + ALGOS + REFUSALS, ids=lambda c: c.name
)
def test_python_binance(check: Check, desk: Desk):
    client = connect(desk.url, *desk.account())
    verify(check, client, desk, lambda error: error.code)
