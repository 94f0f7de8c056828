"""ccxt as Freqtrade sets it up, over TLS: unified structures, and exceptions by error code."""

from __future__ import annotations

import re
from typing import Any

import ccxt
import pytest

from perpkit.durations import HOUR_MS
from perpkit.venue.overlay import overlay
from tests.clients.checks import Check, Each, Near, Refused, Rows, Where, after, one_of, verify
from tests.clients.desk import (
    BTC_PRICE,
    FUNDING_RATE,
    LONG_SHORT_RATIO,
    OPEN_INTEREST,
    START_MS,
    WALLET,
    Desk,
)

TLS = True
BTC, ETH, NONE = "BTC/USDT:USDT", "ETH/USDT:USDT", "NONE/USDT:USDT"


def connect(url: str, key: str, secret: str) -> ccxt.binance:
    config = overlay(url)["exchange"]["ccxt_config"]
    options = config["options"] | {
        "defaultType": "swap",
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    client = ccxt.binance(config | {"apiKey": key, "secret": secret, "options": options})
    client.load_markets()
    return client


def market(c: Any, side: str = "buy", amount: float = 0.01, symbol: str = BTC, **more: Any):
    return c.create_order(symbol, "market", side, amount, None, more)


def limit(c: Any, price: float = 48_000.0, symbol: str = BTC, **more: Any):
    return c.create_order(symbol, "limit", "buy", 0.01, price, more)


def stop(c: Any, symbol: str = BTC, amount: float = 0.01, price: float = 49_000.0, **more: Any):
    return c.create_order(symbol, "market", "sell", amount, None, {"stopLossPrice": price} | more)


def conditional(c: Any, call: Any, *arguments: Any):
    """Of conditional orders, which ccxt keeps apart as the exchange does."""
    return call(*arguments, params={"trigger": True})


def triggered(c: Any, d: Desk, change: float, **more: Any) -> dict[str, Any]:
    """The order that a conditional one became when the price of ETH jumped."""
    market(c, amount=1.0, symbol=ETH)
    placed = c.create_order(ETH, "market", "sell", 1.0, None, {"reduceOnly": True, **more})
    d.gap("ETHUSDT", change)
    seen = c.fetch_order(placed["id"], ETH, {"trigger": True})
    return {"algo": seen, "order": c.fetch_order(seen["info"]["actualOrderId"], ETH)}


CANDLE = [int, float, float, float, float, float]
TICKER = {"symbol": str, "last": float, "open": float, "high": float, "low": float,
          "baseVolume": float, "quoteVolume": float, "percentage": float, "vwap": float,
          "timestamp": int}  # fmt: skip
ORDER = {"id": str, "clientOrderId": str, "symbol": BTC, "side": "buy", "amount": 0.01,
         "reduceOnly": False, "lastUpdateTimestamp": int}  # fmt: skip
RESTING = ORDER | {"status": "open", "type": "limit", "price": 48_000.0, "filled": 0.0,
                   "remaining": 0.01}  # fmt: skip
FILLED = ORDER | {"status": "closed", "filled": 0.01, "remaining": 0.0, "average": Near(BTC_PRICE),
                  "cost": Near(500)}  # fmt: skip
STOP = {"id": str, "clientOrderId": str, "symbol": BTC, "side": "sell", "amount": 0.01,
        "status": "open", "triggerPrice": 49_000.0, "timestamp": int}  # fmt: skip
TRIGGERED = {
    "algo": {"status": one_of("closed", "triggered"), "id": str},
    "order": {"status": "closed", "filled": 1.0, "side": "sell", "reduceOnly": True},
}
TRADE = {"id": str, "order": str, "symbol": BTC, "side": "buy", "takerOrMaker": "taker",
         "price": Near(BTC_PRICE), "amount": 0.01, "cost": Near(500), "timestamp": int,
         "fee": {"cost": Near(0.25), "currency": "USDT"}}  # fmt: skip
POSITION = {"symbol": BTC, "side": "long", "contracts": 0.01, "contractSize": 1.0,
            "entryPrice": Near(BTC_PRICE), "markPrice": Near(BTC_PRICE), "notional": Near(500),
            "hedged": False, "marginMode": "cross", "unrealizedPnl": float,
            "maintenanceMargin": float, "initialMargin": float}  # fmt: skip

MARKET_DATA = [
    Check("load_markets", lambda c, d: c.load_markets(True), {
        BTC: {"id": "BTCUSDT", "swap": True, "linear": True, "active": True, "contractSize": 1.0,
              "settle": "USDT", "precision": {"price": 0.1, "amount": 0.001},
              "limits": {"amount": {"min": 0.001, "max": float}, "cost": {"min": 5.0},
                         "market": {"max": float}}},
        ETH: {"id": "ETHUSDT", "active": True}}),
    Check("fetch_time", lambda c, d: c.fetch_time(), int),
    Check("fetch_status", lambda c, d: c.fapipublic_get_ping(), {}),
    Check("fetch_ohlcv", lambda c, d: c.fetch_ohlcv(BTC, "5m", limit=20), Rows(20, CANDLE)),
    Check("fetch_ohlcv since", lambda c, d: c.fetch_ohlcv(
        BTC, "1h", since=START_MS - 3 * HOUR_MS, limit=2), Rows(2, CANDLE)),
    Check("fetch_ohlcv of mark", lambda c, d: c.fetch_ohlcv(
        BTC, "1h", limit=5, params={"price": "mark"}),
        Rows(5, CANDLE)),
    Check("fetch_ohlcv of the index", lambda c, d: c.fetch_ohlcv(
        BTC, "1h", limit=5, params={"price": "index"}),
        Rows(5, CANDLE)),
    Check("fetch_funding_rate", lambda c, d: c.fetch_funding_rate(BTC), {
        "symbol": BTC, "fundingRate": FUNDING_RATE, "markPrice": Near(BTC_PRICE),
        "indexPrice": Near(BTC_PRICE), "interestRate": 0.0001, "fundingTimestamp": int}),
    Check("fetch_funding_rates", lambda c, d: set(c.fetch_funding_rates()), {BTC, ETH}),
    Check("fetch_funding_rate_history", lambda c, d: c.fetch_funding_rate_history(BTC, limit=1),
          Rows(1, {"symbol": BTC, "fundingRate": FUNDING_RATE, "timestamp": int})),
    Check("fetch_funding_intervals", lambda c, d: c.fetch_funding_intervals(),
          Where("a dict", lambda a: isinstance(a, dict))),
    Check("fetch_open_interest", lambda c, d: c.fetch_open_interest(BTC), {
        "symbol": BTC, "openInterestAmount": OPEN_INTEREST, "timestamp": int}),
    Check("fetch_open_interest_history", lambda c, d: c.fetch_open_interest_history(
        BTC, "1h", limit=3), Rows(3, {
        "symbol": BTC, "openInterestAmount": OPEN_INTEREST,
        "openInterestValue": Near(OPEN_INTEREST * BTC_PRICE), "timestamp": int})),
    Check("fetch_long_short_ratio_history", lambda c, d: c.fetch_long_short_ratio_history(
        BTC, "1h", limit=3), Rows(3, {
        "symbol": BTC, "longShortRatio": LONG_SHORT_RATIO, "timestamp": int})),
    Check("topLongShortAccountRatio", lambda c, d: c.fapidata_get_toplongshortaccountratio(
        {"symbol": "BTCUSDT", "period": "1h", "limit": 3}), Rows(3, {"longShortRatio": str})),
    Check("topLongShortPositionRatio", lambda c, d: c.fapidata_get_toplongshortpositionratio(
        {"symbol": "BTCUSDT", "period": "1h", "limit": 3}), Rows(3, {"longShortRatio": str})),
    Check("takerlongshortRatio", lambda c, d: c.fapidata_get_takerlongshortratio(
        {"symbol": "BTCUSDT", "period": "1h", "limit": 3}), Rows(3, {"buySellRatio": str})),
    Check("fetch_order_book", lambda c, d: c.fetch_order_book(BTC, 10), {
        "symbol": BTC, "bids": Rows(10, [float, float]), "asks": Rows(10, [float, float]),
        "timestamp": int, "nonce": int}),
    Check("fetch_ticker", lambda c, d: c.fetch_ticker(BTC), TICKER | {"last": Near(BTC_PRICE)}),
    Check("fetch_tickers", lambda c, d: c.fetch_tickers(), {BTC: TICKER, ETH: TICKER}),
    Check("fetch_last_prices", lambda c, d: c.fetch_last_prices(), {
        BTC: {"price": Near(BTC_PRICE)}, ETH: {"price": Where("a price", lambda a: a > 0)}}),
    Check("fetch_bids_asks", lambda c, d: c.fetch_bids_asks(), {
        BTC: {"bid": Near(BTC_PRICE), "ask": Near(BTC_PRICE), "bidVolume": float,
              "askVolume": float}}),
    Check("fetch_trades since", lambda c, d: c.fetch_trades(BTC, since=d.now - HOUR_MS, limit=9),
          Rows(9, {"id": str, "symbol": BTC, "side": one_of("buy", "sell"), "price": BTC_PRICE,
                   "amount": float, "timestamp": int})),
    Check("fetch_mark_price", lambda c, d: c.fetch_mark_price(BTC), {
        "symbol": BTC, "markPrice": Near(BTC_PRICE), "indexPrice": Near(BTC_PRICE)}),
]  # fmt: skip

SETTINGS = [
    Check("fetch_position_mode", lambda c, d: c.fetch_position_mode(BTC), {"hedged": False}),
    Check("set_position_mode", lambda c, d: after(
        c.set_position_mode(True, BTC), c.fetch_position_mode(BTC)), {"hedged": True}),
    Check("the same position mode", lambda c, d: c.set_position_mode(False, BTC),
          Refused(-4059, ccxt.OperationRejected)),
    Check("multi-assets mode", lambda c, d: c.fapiprivate_get_multiassetsmargin(),
          {"multiAssetsMargin": False}),
    Check("set_leverage", lambda c, d: c.set_leverage(20, BTC),
          {"symbol": "BTCUSDT", "leverage": 20, "maxNotionalValue": str}),
    Check("leverage out of range", lambda c, d: c.fapiprivate_post_leverage(
        {"symbol": "BTCUSDT", "leverage": 999}), Refused(-4028, ccxt.BadRequest)),
    Check("set_margin_mode", lambda c, d: c.set_margin_mode("isolated", BTC),
          {"code": 200, "msg": "success"}),
    Check("the same margin mode", lambda c, d: c.set_margin_mode("cross", BTC),
          Refused(-4046, ccxt.MarginModeAlreadySet)),
    Check("fetch_leverage_tiers", lambda c, d: c.fetch_leverage_tiers([BTC]), {
        BTC: Each({"tier": float, "minNotional": float, "maxNotional": float,
                   "maintenanceMarginRate": float, "maxLeverage": float}, 5)}),
]  # fmt: skip

ACCOUNTS = [
    Check("fetch_balance", lambda c, d: c.fetch_balance(),
          {"USDT": {"free": float(WALLET), "used": 0.0, "total": float(WALLET)}}),
    Check("fetch_balance with a position", lambda c, d: after(market(c), c.fetch_balance()), {
        "USDT": {"used": Near(500 / 20), "total": Near(WALLET)}}),
    Check("fetch_balance, v3", lambda c, d: c.fetch_balance({"useV2": False}),
          {"USDT": {"total": float(WALLET)}}),
    Check("fetch_positions", lambda c, d: after(market(c), c.fetch_positions([BTC])), [POSITION]),
    Check("fetch_positions while flat", lambda c, d: c.fetch_positions(), []),
    Check("a short", lambda c, d: after(market(c, "sell"), c.fetch_positions([BTC])), [
        {"symbol": BTC, "side": "short", "contracts": 0.01, "notional": Near(500)}]),
    Check("an isolated position", lambda c, d: after(
        c.set_margin_mode("isolated", BTC), c.set_leverage(10, BTC), market(c),
        c.fetch_positions([BTC])), [
        {"marginMode": "isolated", "collateral": Near(50), "liquidationPrice": Where(
            "a price below entry", lambda a: 40_000 < a < 50_000)}]),
    Check("fetch_positions by account", lambda c, d: after(market(c), c.fetch_positions(
        [BTC], {"method": "account"})), [{"symbol": BTC, "contracts": 0.01, "side": "long"}]),
    Check("fetch_position_risk", lambda c, d: after(market(c), c.fetch_positions_risk([BTC])), [
        POSITION]),
    Check("fetch_my_trades", lambda c, d: after(market(c), c.fetch_my_trades(BTC)), [TRADE]),
    Check("fetch_my_trades since", lambda c, d: after(
        market(c), c.fetch_my_trades(BTC, since=d.now - 60_000, limit=10)), [TRADE]),
    Check("fetch_order_trades", lambda c, d: after(market(c), c.fetch_my_trades(
        BTC, params={"orderId": market(c)["id"]})), [TRADE]),
    Check("fetch_ledger", lambda c, d: after(market(c), c.fetch_ledger("USDT")), [
        {"type": "commission", "amount": Near(0.25), "direction": "out", "currency": "USDT"}]),
    Check("fetch_funding_history", lambda c, d: after(
        market(c), d.settle(), c.fetch_funding_history(BTC)), [
        {"symbol": BTC, "code": "USDT", "amount": Near(-500 * FUNDING_RATE), "id": str}]),
    Check("fetch_trading_fee", lambda c, d: c.fetch_trading_fee(BTC),
          {"symbol": BTC, "maker": 0.0002, "taker": 0.0005}),
    Check("apiRestrictions", lambda c, d: c.sapi_get_account_apirestrictions(),
          {"enableReading": True, "enableFutures": True, "ipRestrict": False}),
]  # fmt: skip

ORDERS = [
    Check("market order", lambda c, d: c.fetch_order(market(c)["id"], BTC),
          FILLED | {"type": "market"}),
    Check("limit order", lambda c, d: limit(c), RESTING),
    Check("IOC", lambda c, d: c.fetch_order(
        limit(c, 50_500.0, timeInForce="IOC")["id"], BTC), FILLED | {"timeInForce": "IOC"}),
    Check("IOC that misses", lambda c, d: c.fetch_order(
        limit(c, timeInForce="IOC")["id"], BTC), ORDER | {"status": "expired", "filled": 0.0}),
    Check("FOK", lambda c, d: c.fetch_order(limit(c, 50_500.0, timeInForce="FOK")["id"], BTC),
          FILLED | {"timeInForce": "FOK"}),
    Check("post-only", lambda c, d: limit(c, postOnly=True), RESTING | {"postOnly": True}),
    Check("fetch_order by client id", lambda c, d: after(
        limit(c, newClientOrderId="mine"),
        c.fetch_order(None, BTC, {"origClientOrderId": "mine"})), RESTING),
    Check("fetch_open_order", lambda c, d: c.fetch_open_order(limit(c)["id"], BTC), RESTING),
    Check("fetch_open_orders", lambda c, d: after(limit(c), limit(c), c.fetch_open_orders(BTC)),
          Rows(2, RESTING)),
    Check("fetch_open_orders of all", lambda c, d: after(
        limit(c), c.fetch_open_orders(params={"subType": "linear"})),
          Rows(1, RESTING)),
    Check("fetch_orders", lambda c, d: after(
        limit(c), market(c), [o["status"] for o in c.fetch_orders(BTC)]), ["open", "closed"]),
    Check("cancel_order", lambda c, d: c.cancel_order(limit(c)["id"], BTC),
          RESTING | {"status": "canceled"}),
    Check("cancel_all_orders", lambda c, d: after(
        limit(c), c.cancel_all_orders(BTC), c.fetch_open_orders(BTC)), []),
    Check("reduce-only", lambda c, d: after(market(c), c.fetch_order(
        market(c, "sell", reduceOnly=True)["id"], BTC)),
        FILLED | {"side": "sell", "reduceOnly": True}),
    Check("hedge mode", lambda c, d: after(
        c.set_position_mode(True, BTC), market(c, positionSide="LONG"),
        market(c, "sell", positionSide="SHORT"),
        {p["side"]: p["contracts"] for p in c.fetch_positions([BTC])}),
        {"long": 0.01, "short": 0.01}),
]  # fmt: skip

ALGOS = [
    Check("stop", lambda c, d: stop(c), STOP),
    Check("stop as Freqtrade places it", lambda c, d: after(market(c), c.create_order(
        BTC, "market", "sell", 0.01, None,
        {"stopLossPrice": 49_000.0, "reduceOnly": True, "workingType": "MARK_PRICE"})),
        STOP | {"reduceOnly": True}),
    Check("stop-limit", lambda c, d: c.create_order(
        BTC, "limit", "sell", 0.01, 48_900.0, {"stopLossPrice": 49_000.0}),
        STOP | {"price": 48_900.0}),
    Check("take-profit", lambda c, d: c.create_order(
        BTC, "market", "sell", 0.01, None, {"takeProfitPrice": 51_000.0}),
        STOP | {"triggerPrice": 51_000.0}),
    Check("trailing stop", lambda c, d: c.create_order(
        BTC, "market", "sell", 0.01, None,
        {"trailingPercent": 1, "trailingTriggerPrice": 51_000.0}),
        {"id": str, "status": "open", "amount": 0.01}),
    Check("fetch a stop", lambda c, d: conditional(c, c.fetch_order, stop(c)["id"], BTC), STOP),
    Check("fetch open stops", lambda c, d: after(stop(c), conditional(
        c, c.fetch_open_orders, BTC)), [STOP]),
    Check("fetch all stops", lambda c, d: after(stop(c), stop(c), conditional(
        c, c.fetch_orders, BTC)), [STOP, STOP]),
    Check("cancel a stop", lambda c, d: after(
        conditional(c, c.cancel_order, stop(c)["id"], BTC),
        conditional(c, c.fetch_open_orders, BTC)), []),
    Check("a cancelled stop", lambda c, d: [conditional(c, c.fetch_order, placed["id"], BTC)
                                            for placed in [stop(c)]
                                            if conditional(c, c.cancel_order, placed["id"], BTC)],
          [STOP | {"status": "canceled"}]),
    Check("cancel all stops", lambda c, d: after(
        stop(c), conditional(c, c.cancel_all_orders, BTC),
        conditional(c, c.fetch_open_orders, BTC)), []),
    Check("stop that triggers", lambda c, d: triggered(
        c, d, -0.02, stopLossPrice=d.near("ETHUSDT", 0.99)), TRIGGERED),
    Check("take-profit that triggers", lambda c, d: triggered(
        c, d, 0.02, takeProfitPrice=d.near("ETHUSDT", 1.01)), TRIGGERED),
    Check("trailing stop that triggers", lambda c, d: triggered(
        c, d, -0.02, trailingPercent=1), TRIGGERED),
]  # fmt: skip

REFUSALS = [
    Check("unknown symbol of candles", lambda c, d: c.fapipublic_get_klines(
        {"symbol": "NONEUSDT", "interval": "1m"}), Refused(-1121, ccxt.BadSymbol)),
    Check("unknown symbol of an order", lambda c, d: c.fapiprivate_post_order(
        {"symbol": "NONEUSDT", "side": "BUY", "type": "MARKET", "quantity": 1}),
        Refused(-1121, ccxt.BadSymbol)),
    Check("unknown interval", lambda c, d: c.fapipublic_get_klines(
        {"symbol": "BTCUSDT", "interval": "7m"}), Refused(-1120, ccxt.BadRequest)),
    Check("unknown key", lambda c, d: after(
        setattr(c, "apiKey", "no"), c.fetch_balance()), Refused(-2015, ccxt.AuthenticationError)),
    Check("wrong secret", lambda c, d: after(
        setattr(c, "secret", "no"), c.fetch_balance()), Refused(-1022, ccxt.AuthenticationError)),
    Check("too late", lambda c, d: after(
        c.options.update(timeDifference=60_000), c.fetch_balance()),
        Refused(-1021, ccxt.InvalidNonce)),
    Check("too little margin", lambda c, d: market(c, amount=50.0),
          Refused(-2019, ccxt.InsufficientFunds)),
    Check("too small an order", lambda c, d: market(c, amount=0.001, symbol=ETH),
          Refused(-4164, ccxt.InvalidOrder)),
    Check("too high a price", lambda c, d: limit(c, 60_000.0), Refused(-4016, ccxt.ExchangeError)),
    Check("reduce-only without a position", lambda c, d: market(c, reduceOnly=True),
          Refused(-2022, ccxt.InvalidOrder)),
    Check("FOK that misses", lambda c, d: limit(c, timeInForce="FOK"),
          Refused(-5021, ccxt.OrderNotFillable)),
    Check("post-only that would take", lambda c, d: limit(c, 50_500.0, postOnly=True),
          Refused(-5022, ccxt.OrderNotFillable)),
    Check("the same client id twice", lambda c, d: after(
        limit(c, newClientOrderId="mine"), limit(c, newClientOrderId="mine")),
        Refused(-4116, ccxt.InvalidOrder)),
    Check("no such order", lambda c, d: c.fetch_order("1", BTC),
          Refused(-2013, ccxt.OrderNotFound)),
    Check("nothing to cancel", lambda c, d: c.cancel_order("1", BTC),
          Refused(-2011, ccxt.OrderNotFound)),
    Check("stop that would trigger", lambda c, d: stop(c, price=51_000.0),
          Refused(-2021, ccxt.OrderImmediatelyFillable)),
    Check("side of a position in one-way mode", lambda c, d: market(c, positionSide="LONG"),
          Refused(-4061, ccxt.OperationRejected)),
]  # fmt: skip


def code_of(error: ccxt.BaseError) -> int:
    """ccxt puts the answer into the message."""
    found = re.search(r'"code":\s*(-?\d+)', str(error))
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    "check", MARKET_DATA + SETTINGS + ACCOUNTS + ORDERS + ALGOS + REFUSALS, ids=lambda c: c.name
)
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_ccxt(check: Check, desk: Desk):
    client = connect(desk.url, *desk.account())
    verify(check, client, desk, code_of)
