"""The exchange's own SDK, whose models know every field's name and type.

The SDK itself forgives: an answer that does not fit the model is parsed again without types, or
handed on as it is. Here that is a failure, and so is a field that the model does not have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from binance_common import errors, utils
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures.rest_api import (
    DerivativesTradingUsdsFuturesRestAPI,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    ModifyMultipleOrdersBatchOrdersParameterInner as Changed,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    PlaceMultipleOrdersBatchOrdersParameterInner as Placed,
)
from binance_sdk_wallet.rest_api import WalletRestAPI
from requests import Response

from perpkit.durations import HOUR_MS
from tests.clients.checks import (
    DECIMAL,
    EMPTY,
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
from tests.clients.fields import unexplained
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


class Sdk:
    """Every method of the REST API, answering with the model that it parsed."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.key = key
        configuration = ConfigurationRestAPI(
            key, secret, base_path=url, timeout=10_000, retries=0
        )  # fmt: skip
        self._futures = DerivativesTradingUsdsFuturesRestAPI(configuration)
        self._wallet = WalletRestAPI(configuration)

        self._answers: list[Response] = []
        for api in (self._futures, self._wallet):
            api._session.hooks["response"].append(self._keep)
        self._parsed: Any = None

    def _keep(self, response: Response, **_: Any) -> None:
        self._answers.append(response)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        api = self._futures if hasattr(self._futures, name) else self._wallet

        def ask(**parameters: Any) -> Any:
            self._parsed = parsed = getattr(api, name)(**parameters).data()
            # A model of one of several shapes.
            return getattr(parsed, "actual_instance", parsed)

        return ask

    def unexplained_fields(self) -> list[str]:
        """Of the last answer."""
        answer = self._answers[-1]
        path = urlsplit(answer.url).path
        return list(unexplained(self._parsed, answer.json(), f"{answer.request.method} {path}"))


class DoesNotFitError(Exception):
    """An answer that the model does not describe."""


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: type) -> None:
        raise DoesNotFitError(f"{model.__name__}: {sys.exc_info()[1]}")

    monkeypatch.setattr(utils, "relax_model_strictness", refuse)


def bad_request(code: int) -> Refused:
    return Refused(code, errors.BadRequestError)


def unauthorized(code: int) -> Refused:
    return Refused(code, errors.UnauthorizedError)


def market(c: Sdk, side: str = "BUY", quantity: float = 0.01, symbol: str = BTC, **more: Any):
    return c.new_order(symbol=symbol, side=side, type="MARKET", quantity=quantity, **more)


def limit(c: Sdk, price: float = 48_000.0, tif: str = "GTC", symbol: str = BTC, **more: Any):
    return c.new_order(
        symbol=symbol, side="BUY", type="LIMIT", quantity=0.01, price=price, time_in_force=tif,
        **more,
    )  # fmt: skip


def algo(c: Sdk, kind: str, symbol: str = BTC, **more: Any):
    return c.new_algo_order(algo_type="CONDITIONAL", symbol=symbol, side="SELL", type=kind, **more)


def stop(c: Sdk, **more: Any):
    return algo(c, "STOP_MARKET", quantity=0.01, trigger_price=49_000.0, **more)


def order(c: Sdk, placed: Any):
    return c.query_order(symbol=BTC, order_id=placed.order_id)


def usdt(rows: list[Any]) -> list[Any]:
    return [row for row in rows if row.asset == "USDT"]


def bracketed(rows: Any) -> Any:
    return rows[0] if isinstance(rows, list) else rows


def triggered(c: Sdk, d: Desk, kind: str, change: float, **more: Any) -> dict[str, Any]:
    """The order that a conditional one became when the price of ETH jumped."""
    market(c, quantity=1.0, symbol=ETH)
    placed = algo(c, kind, ETH, reduce_only="true", quantity=1.0, **more)
    d.gap(ETH, change)
    seen = c.query_algo_order(algo_id=placed.algo_id)
    return {"algo": seen, "order": c.query_order(symbol=ETH, order_id=int(seen.actual_order_id))}


LIMIT = {"symbol": BTC, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC",
         "quantity": 0.01, "price": 48_000.0}  # fmt: skip
CHANGE = {"symbol": BTC, "side": "BUY", "quantity": 0.01, "price": 47_000.0}


def isolated(c: Sdk, symbol: str, quantity: float):
    c.change_margin_type(symbol=symbol, margin_type="ISOLATED")
    c.change_initial_leverage(symbol=symbol, leverage=50)
    return market(c, quantity=quantity, symbol=symbol)


def forced(c: Sdk, d: Desk):
    isolated(c, ETH, 1.0)
    d.gap(ETH, -0.03)
    try:
        return c.users_force_orders(auto_close_type="LIQUIDATION")
    finally:
        d.gap(ETH, 1 / 0.97 - 1)


SYMBOL = {
    "symbol": str, "pair": str, "contractType": str, "deliveryDate": int, "onboardDate": int,
    "status": "TRADING", "maintMarginPercent": DECIMAL, "requiredMarginPercent": DECIMAL,
    "baseAsset": str, "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": int,
    "quantityPrecision": int, "baseAssetPrecision": int, "quotePrecision": int,
    "underlyingType": str, "underlyingSubType": list, "triggerProtect": DECIMAL,
    "liquidationFee": DECIMAL, "marketTakeBound": DECIMAL, "orderTypes": Each(str, 7),
    "filters": Each({"filterType": str}, 7),
}  # fmt: skip

MARKET_DATA = [
    Check("exchange_information", lambda c, d: c.exchange_information(), {
        "timezone": "UTC", "serverTime": int, "exchangeFilters": [],
        "rateLimits": Each({"rateLimitType": str, "interval": str, "intervalNum": int,
                            "limit": int}, 3),
        "assets": Each({"asset": str, "marginAvailable": bool}), "symbols": Rows(2, SYMBOL)}),
    Check("check_server_time", lambda c, d: c.check_server_time(), {"serverTime": int}),
    Check("test_connectivity", lambda c, d: c.test_connectivity(), {}),
    Check("kline_candlestick_data", lambda c, d: c.kline_candlestick_data(
        symbol=BTC, interval="5m", limit=20), Rows(20, CANDLE)),
    Check("klines within a range", lambda c, d: c.kline_candlestick_data(
        symbol=BTC, interval="1h", start_time=START_MS - 3 * HOUR_MS, end_time=START_MS),
        Rows(3, CANDLE)),
    Check("mark_price_kline_candlestick_data", lambda c, d: c.mark_price_kline_candlestick_data(
        symbol=BTC, interval="1h", limit=5), Rows(5, CANDLE)),
    Check("index_price_kline_candlestick_data", lambda c, d: c.index_price_kline_candlestick_data(
        pair=BTC, interval="1h", limit=5), Rows(5, CANDLE)),
    Check("premium_index_kline_data", lambda c, d: c.premium_index_kline_data(
        symbol=BTC, interval="1h", limit=5), Rows(5, CANDLE)),
    Check("continuous_contract_kline_candlestick_data", lambda c, d: (
        c.continuous_contract_kline_candlestick_data(
            pair=BTC, contract_type="PERPETUAL", interval="1h", limit=5)), Rows(5, CANDLE)),
    Check("recent_trades_list", lambda c, d: c.recent_trades_list(symbol=BTC, limit=5),
          Rows(5, PUBLIC_TRADE)),
    Check("compressed_aggregate_trades_list", lambda c, d: (
        c.compressed_aggregate_trades_list(symbol=BTC, limit=5)), Rows(5, AGGREGATE)),
    Check("get_funding_rate_history", lambda c, d: c.get_funding_rate_history(
        symbol=BTC, limit=1), Rows(1, {
        "symbol": BTC, "fundingTime": int, "fundingRate": Num(FUNDING_RATE),
        "markPrice": Near(BTC_PRICE)})),
    Check("get_funding_rate_info", lambda c, d: c.get_funding_rate_info(), Each({
        "symbol": str, "adjustedFundingRateCap": POSITIVE, "adjustedFundingRateFloor": NEGATIVE,
        "fundingIntervalHours": int}, 0)),
    Check("mark_price", lambda c, d: c.mark_price(symbol=BTC), PREMIUM | {"symbol": BTC}),
    Check("mark_price of all", lambda c, d: c.mark_price(), Rows(2, PREMIUM)),
    Check("open_interest", lambda c, d: c.open_interest(symbol=BTC), {
        "symbol": BTC, "openInterest": Num(OPEN_INTEREST), "time": int}),
    Check("open_interest_statistics", lambda c, d: c.open_interest_statistics(
        symbol=BTC, period="1h", limit=3), Rows(3, {
        "symbol": BTC, "sumOpenInterest": Num(OPEN_INTEREST), "timestamp": int,
        "sumOpenInterestValue": Near(OPEN_INTEREST * BTC_PRICE)})),
    Check("long_short_ratio", lambda c, d: c.long_short_ratio(
        symbol=BTC, period="1h", limit=3), Rows(3, RATIO)),
    Check("top_trader_long_short_ratio_accounts", lambda c, d: (
        c.top_trader_long_short_ratio_accounts(symbol=BTC, period="1h", limit=3)),
        Rows(3, {"symbol": BTC, "longShortRatio": POSITIVE, "timestamp": int})),
    Check("top_trader_long_short_ratio_positions", lambda c, d: (
        c.top_trader_long_short_ratio_positions(symbol=BTC, period="1h", limit=3)),
        Rows(3, {"symbol": BTC, "longShortRatio": POSITIVE, "timestamp": int})),
    Check("taker_buy_sell_volume", lambda c, d: c.taker_buy_sell_volume(
        symbol=BTC, period="1h", limit=3), Rows(3, {
        "buySellRatio": Num(1), "buyVol": POSITIVE, "sellVol": POSITIVE, "timestamp": int})),
    Check("order_book", lambda c, d: c.order_book(symbol=BTC, limit=10), {
        "lastUpdateId": int, "E": int, "T": int, "bids": Rows(10, LEVEL),
        "asks": Rows(10, LEVEL)}),
    Check("ticker24hr_price_change_statistics", lambda c, d: (
        c.ticker24hr_price_change_statistics(symbol=BTC)), DAY | {"symbol": BTC}),
    Check("24h tickers of all", lambda c, d: c.ticker24hr_price_change_statistics(), Rows(2, DAY)),
    Check("symbol_price_ticker", lambda c, d: c.symbol_price_ticker(symbol=BTC), {
        "symbol": BTC, "price": Near(BTC_PRICE), "time": int}),
    Check("symbol_price_ticker_v2", lambda c, d: c.symbol_price_ticker_v2(symbol=BTC), {
        "symbol": BTC, "price": Near(BTC_PRICE), "time": int}),
    Check("prices of all", lambda c, d: c.symbol_price_ticker_v2(), Rows(2, {
        "symbol": str, "price": POSITIVE, "time": int})),
    Check("symbol_order_book_ticker", lambda c, d: c.symbol_order_book_ticker(symbol=BTC), TOP),
    Check("best prices of all", lambda c, d: c.symbol_order_book_ticker(), Rows(2, TOP)),
]  # fmt: skip

SETTINGS = [
    Check("get_current_position_mode", lambda c, d: c.get_current_position_mode(),
          {"dualSidePosition": False}),
    Check("change_position_mode", lambda c, d: after(
        c.change_position_mode(dual_side_position="true"), c.get_current_position_mode()),
        {"dualSidePosition": True}),
    Check("get_current_multi_assets_mode", lambda c, d: c.get_current_multi_assets_mode(),
          {"multiAssetsMargin": False}),
    Check("change_multi_assets_mode", lambda c, d: c.change_multi_assets_mode(
        multi_assets_margin="true"), {"code": 200, "msg": "success"}),
    Check("change_initial_leverage", lambda c, d: c.change_initial_leverage(
        symbol=BTC, leverage=20), {"symbol": BTC, "leverage": 20, "maxNotionalValue": POSITIVE}),
    Check("leverage out of range", lambda c, d: c.change_initial_leverage(
        symbol=BTC, leverage=999), bad_request(-4028)),
    Check("change_margin_type", lambda c, d: c.change_margin_type(
        symbol=BTC, margin_type="ISOLATED"), {"code": 200, "msg": "success"}),
    Check("the same margin type", lambda c, d: c.change_margin_type(
        symbol=BTC, margin_type="CROSSED"), bad_request(-4046)),
    Check("futures_account_configuration", lambda c, d: c.futures_account_configuration(),
          ACCOUNT_CONFIG),
    Check("symbol_configuration", lambda c, d: after(
        c.change_initial_leverage(symbol=BTC, leverage=7), c.symbol_configuration(symbol=BTC)),
        [SYMBOL_CONFIG]),
    Check("query_user_rate_limit", lambda c, d: c.query_user_rate_limit(), Rows(2, ORDER_LIMIT)),
    Check("modify_isolated_position_margin", lambda c, d: after(
        isolated(c, BTC, 0.01),
        c.modify_isolated_position_margin(symbol=BTC, amount=10.0, type=1)), MARGIN_ADDED),
    Check("get_position_margin_change_history", lambda c, d: after(
        isolated(c, BTC, 0.01),
        c.modify_isolated_position_margin(symbol=BTC, amount=10.0, type=1),
        c.get_position_margin_change_history(symbol=BTC)), Rows(1, MARGIN_CHANGE)),
    Check("start_user_data_stream", lambda c, d: c.start_user_data_stream(), {"listenKey": str}),
    Check("keepalive_user_data_stream", lambda c, d: after(
        c.start_user_data_stream(), c.keepalive_user_data_stream()), {"listenKey": str}),
    Check("close_user_data_stream", lambda c, d: after(
        c.start_user_data_stream(), c.close_user_data_stream()), EMPTY),
    Check("notional_and_leverage_brackets", lambda c, d: bracketed(
        c.notional_and_leverage_brackets(symbol=BTC)), {
        "symbol": BTC, "brackets": Each({
            "bracket": int, "initialLeverage": int, "notionalCap": int, "notionalFloor": int,
            "maintMarginRatio": float, "cum": Where("a number", lambda a: a >= 0)}, 5)}),
]  # fmt: skip

ACCOUNTS = [
    Check("account_information_v2", lambda c, d: c.account_information_v2(), ACCOUNT | {
        "feeTier": int, "canTrade": True, "canDeposit": bool, "canWithdraw": bool,
        "updateTime": int, "assets": Each({"asset": str, "walletBalance": DECIMAL})}),
    Check("account_information_v3", lambda c, d: c.account_information_v3(),
          ACCOUNT | {"assets": Each({"asset": str, "walletBalance": DECIMAL})}),
    Check("assets of account v3", lambda c, d: usdt(c.account_information_v3().assets), [ASSET]),
    Check("positions of account v3", lambda c, d: after(
        market(c), c.account_information_v3().positions), [
        {"symbol": BTC, "positionSide": "BOTH", "positionAmt": Num(0.01), "notional": Near(500),
         "unrealizedProfit": DECIMAL, "isolatedMargin": DECIMAL, "isolatedWallet": DECIMAL,
         "initialMargin": POSITIVE, "maintMargin": POSITIVE, "updateTime": int}]),
    Check("positions of account v2", lambda c, d: after(market(c), [
        row for row in c.account_information_v2().positions if row.symbol == BTC]), [
        {"symbol": BTC, "positionAmt": Num(0.01), "leverage": str, "entryPrice": Near(BTC_PRICE),
         "isolated": False, "maxNotional": POSITIVE, "bidNotional": DECIMAL,
         "askNotional": DECIMAL, "updateTime": int}]),
    Check("futures_account_balance_v2", lambda c, d: usdt(c.futures_account_balance_v2()), [
        {"accountAlias": str, "balance": Num(WALLET), "availableBalance": Num(WALLET),
         "marginAvailable": True, "updateTime": int}]),
    Check("futures_account_balance_v3", lambda c, d: usdt(c.futures_account_balance_v3()), [
        {"accountAlias": str, "balance": Num(WALLET), "crossWalletBalance": Num(WALLET),
         "crossUnPnl": Num(0), "maxWithdrawAmount": Num(WALLET), "updateTime": int}]),
    Check("position_information_v3", lambda c, d: after(
        market(c), c.position_information_v3(symbol=BTC)), [
        POSITION | {"isolatedMargin": DECIMAL, "isolatedWallet": DECIMAL, "marginAsset": "USDT",
                    "initialMargin": POSITIVE, "maintMargin": POSITIVE, "adl": int,
                    "positionInitialMargin": POSITIVE, "openOrderInitialMargin": DECIMAL,
                    "bidNotional": DECIMAL, "askNotional": DECIMAL}]),
    Check("position_information_v2", lambda c, d: after(
        market(c), c.position_information_v2(symbol=BTC)), [
        POSITION | {"leverage": str, "marginType": "cross", "isAutoAddMargin": "false",
                    "maxNotionalValue": POSITIVE, "isolatedMargin": DECIMAL}]),
    Check("position_adl_quantile_estimation", lambda c, d: after(
        market(c), c.position_adl_quantile_estimation(symbol=BTC)), Rows(1, ADL_QUANTILE)),
    Check("futures_trading_quantitative_rules_indicators", lambda c, d: (
        c.futures_trading_quantitative_rules_indicators()), {"updateTime": int}),
    Check("account_trade_list", lambda c, d: after(market(c), c.account_trade_list(symbol=BTC)),
          [TRADE]),
    Check("account_trade_list by from_id", lambda c, d: after(
        market(c), market(c), c.account_trade_list(
            symbol=BTC, from_id=c.account_trade_list(symbol=BTC)[1].id)), Rows(1, TRADE)),
    Check("get_income_history", lambda c, d: after(market(c), c.get_income_history(symbol=BTC)), [
        INCOME | {"incomeType": "COMMISSION", "income": Near(-0.25)}]),
    Check("income of a type", lambda c, d: after(
        market(c), market(c, "SELL"), c.get_income_history(income_type="REALIZED_PNL")), [
        INCOME | {"incomeType": "REALIZED_PNL", "income": NEGATIVE}]),
    Check("income, the limit", lambda c, d: after(
        market(c), market(c), c.get_income_history(limit=1)), Rows(1, INCOME)),
    Check("user_commission_rate", lambda c, d: c.user_commission_rate(symbol=BTC), {
        "symbol": BTC, "makerCommissionRate": Num(0.0002), "takerCommissionRate": Num(0.0005)}),
    Check("get_api_key_permission", lambda c, d: c.get_api_key_permission(), {
        "ipRestrict": False, "createTime": int, "enableReading": True, "enableFutures": True,
        "enableWithdrawals": bool, "enableInternalTransfer": bool, "enableMargin": bool,
        "enableSpotAndMarginTrading": bool, "permitsUniversalTransfer": bool,
        "enableVanillaOptions": bool, "enablePortfolioMarginTrading": bool}),
]  # fmt: skip

ORDERS = [
    Check("market order", lambda c, d: order(c, market(c)), FILLED | {"type": "MARKET"}),
    Check("market order, RESULT", lambda c, d: market(c, new_order_resp_type="RESULT"),
          {"status": "FILLED", "executedQty": Num(0.01), "cumQty": Num(0.01), "type": "MARKET"}),
    Check("limit order", lambda c, d: limit(c),
          {"status": "NEW", "price": Num(48_000), "origQty": Num(0.01), "orderId": int}),
    Check("IOC", lambda c, d: order(c, limit(c, 50_500.0, "IOC")),
          FILLED | {"timeInForce": "IOC"}),
    Check("IOC that misses", lambda c, d: order(c, limit(c, tif="IOC")),
          ORDER | {"status": "EXPIRED"}),
    Check("FOK", lambda c, d: order(c, limit(c, 50_500.0, "FOK")), FILLED),
    Check("GTX", lambda c, d: order(c, limit(c, tif="GTX")), RESTING | {"timeInForce": "GTX"}),
    Check("query_order by id", lambda c, d: order(c, limit(c)),
          RESTING | {"time": int, "origType": "LIMIT"}),
    Check("query_order by client id", lambda c, d: after(
        limit(c, new_client_order_id="mine"),
        c.query_order(symbol=BTC, orig_client_order_id="mine")), RESTING),
    Check("query_current_open_order", lambda c, d: c.query_current_open_order(
        symbol=BTC, order_id=limit(c).order_id), RESTING),
    Check("current_all_open_orders", lambda c, d: after(
        limit(c), limit(c), c.current_all_open_orders(symbol=BTC)), Rows(2, RESTING)),
    Check("all_orders", lambda c, d: after(
        limit(c), market(c), [o.status for o in c.all_orders(symbol=BTC)]), ["NEW", "FILLED"]),
    Check("cancel_order by id", lambda c, d: c.cancel_order(
        symbol=BTC, order_id=limit(c).order_id), {"status": "CANCELED", "orderId": int}),
    Check("cancel_order by client id", lambda c, d: after(
        limit(c, new_client_order_id="mine"),
        c.cancel_order(symbol=BTC, orig_client_order_id="mine")),
        {"status": "CANCELED", "clientOrderId": "mine"}),
    Check("cancel_all_open_orders", lambda c, d: after(
        limit(c), c.cancel_all_open_orders(symbol=BTC)), {"msg": str}),
    Check("test_order", lambda c, d: c.test_order(**LIMIT),
          {"status": "NEW", "origQty": Num(0.01), "price": Num(48_000)}),
    Check("modify_order", lambda c, d: c.modify_order(
        **CHANGE, order_id=limit(c).order_id, modify_id=5), MOVED | {"modifyId": 5}),
    Check("get_order_modify_history", lambda c, d: after(
        placed := limit(c), c.modify_order(**CHANGE, order_id=placed.order_id, modify_id=5),
        c.get_order_modify_history(symbol=BTC, order_id=placed.order_id)), Rows(1, AMENDMENT)),
    Check("place_multiple_orders", lambda c, d: c.place_multiple_orders(
        batch_orders=[Placed(**LIMIT), Placed(**LIMIT)]), Rows(2, MOVED | {"price": Num(48_000)})),
    Check("place_multiple_orders, one refused", lambda c, d: c.place_multiple_orders(
        batch_orders=[Placed(**LIMIT), Placed(**LIMIT | {"quantity": 0.0001})])[1:],
        [{"code": -1111, "msg": str}]),
    Check("modify_multiple_orders", lambda c, d: c.modify_multiple_orders(
        batch_orders=[Changed(**CHANGE, order_id=limit(c).order_id, modify_id=5)]),
        Rows(1, MOVED | {"modifyId": 5})),
    Check("cancel_multiple_orders", lambda c, d: c.cancel_multiple_orders(
        symbol=BTC, order_id_list=[limit(c).order_id, limit(c).order_id]), Rows(2, CANCELLED)),
    Check("cancel_multiple_orders by client id", lambda c, d: after(
        limit(c, new_client_order_id="one"), limit(c, new_client_order_id="two"),
        c.cancel_multiple_orders(symbol=BTC, orig_client_order_id_list=["one", "two"])),
        Rows(2, CANCELLED)),
    Check("auto_cancel_all_open_orders", lambda c, d: c.auto_cancel_all_open_orders(
        symbol=BTC, countdown_time=10_000), {"symbol": BTC, "countdownTime": Num(10_000)}),
    Check("users_force_orders", forced, Rows(1, FORCED)),
    Check("reduce-only", lambda c, d: after(
        market(c), order(c, market(c, "SELL", reduce_only="true"))),
        FILLED | {"side": "SELL", "reduceOnly": True}),
]  # fmt: skip

ALGOS = [
    Check("new_algo_order, stop", lambda c, d: stop(c), STOP),
    Check("new_algo_order, stop-limit", lambda c, d: algo(
        c, "STOP", quantity=0.01, trigger_price=49_000.0, price=48_900.0),
        ALGO | {"orderType": "STOP", "price": Num(48_900)}),
    Check("new_algo_order, take-profit", lambda c, d: algo(
        c, "TAKE_PROFIT_MARKET", quantity=0.01, trigger_price=51_000.0),
        ALGO | {"orderType": "TAKE_PROFIT_MARKET", "triggerPrice": Num(51_000)}),
    Check("new_algo_order, trailing stop", lambda c, d: algo(
        c, "TRAILING_STOP_MARKET", quantity=0.01, activate_price=51_000.0, callback_rate=1.0),
        ALGO | {"orderType": "TRAILING_STOP_MARKET", "activatePrice": Num(51_000),
                "callbackRate": Num(1)}),
    Check("new_algo_order, closePosition", lambda c, d: after(market(c), algo(
        c, "STOP_MARKET", trigger_price=49_000.0, close_position="true")),
        ALGO | {"closePosition": True}),
    Check("query_algo_order", lambda c, d: c.query_algo_order(algo_id=stop(c).algo_id),
          STOP | {"actualOrderId": "", "actualPrice": DECIMAL}),
    Check("query_algo_order by client id", lambda c, d: after(
        stop(c, client_algo_id="mine"), c.query_algo_order(client_algo_id="mine")),
        STOP | {"clientAlgoId": "mine"}),
    Check("current_all_algo_open_orders", lambda c, d: after(
        stop(c), c.current_all_algo_open_orders(symbol=BTC)), Rows(1, STOP)),
    Check("query_all_algo_orders", lambda c, d: after(
        stop(c), c.query_all_algo_orders(symbol=BTC)), Rows(1, STOP)),
    Check("cancel_algo_order", lambda c, d: c.cancel_algo_order(algo_id=stop(c).algo_id),
          {"algoId": int, "clientAlgoId": str, "code": "200", "msg": "success"}),
    Check("cancel_all_algo_open_orders", lambda c, d: after(
        stop(c), c.cancel_all_algo_open_orders(symbol=BTC)), {"code": 200, "msg": str}),
    Check("stop that triggers", lambda c, d: triggered(
        c, d, "STOP_MARKET", -0.02, trigger_price=d.near(ETH, 0.99)), TRIGGERED),
    Check("take-profit that triggers", lambda c, d: triggered(
        c, d, "TAKE_PROFIT_MARKET", 0.02, trigger_price=d.near(ETH, 1.01)), TRIGGERED),
    Check("trailing stop that triggers", lambda c, d: triggered(
        c, d, "TRAILING_STOP_MARKET", -0.02, callback_rate=1.0), TRIGGERED),
]  # fmt: skip

REFUSALS = [
    Check("unknown symbol of candles", lambda c, d: c.kline_candlestick_data(
        symbol=NONE, interval="1m"), bad_request(-1121)),
    Check("unknown symbol of an order", lambda c, d: market(c, symbol=NONE), bad_request(-1121)),
    Check("unknown key", lambda c, d: Sdk(d.url, "no", "no").account_information_v3(),
          unauthorized(-2015)),
    Check("wrong secret", lambda c, d: Sdk(d.url, c.key, "no").account_information_v3(),
          bad_request(-1022)),
    Check("too little margin", lambda c, d: market(c, quantity=50.0), bad_request(-2019)),
    Check("too small an order", lambda c, d: market(c, quantity=0.001, symbol=ETH),
          bad_request(-4164)),
    Check("reduce-only without a position", lambda c, d: market(c, reduce_only="true"),
          bad_request(-2022)),
    Check("off the tick", lambda c, d: limit(c, 2900.02, symbol=ETH), bad_request(-4014)),
    Check("no such order", lambda c, d: c.query_order(symbol=BTC, order_id=1), bad_request(-2013)),
    Check("nothing to cancel", lambda c, d: c.cancel_order(symbol=BTC, order_id=1),
          bad_request(-2011)),
    Check("stop that would trigger", lambda c, d: algo(
        c, "STOP_MARKET", quantity=0.01, trigger_price=51_000.0), bad_request(-2021)),
]  # fmt: skip


@pytest.mark.parametrize(
    "check", MARKET_DATA + SETTINGS + ACCOUNTS + ORDERS + ALGOS + REFUSALS, ids=lambda c: c.name
)
def test_sdk(check: Check, desk: Desk):
    client = Sdk(desk.url, *desk.account())
    verify(check, client, desk, lambda error: error.status_code)
    if not isinstance(check.expected, Refused):
        found = client.unexplained_fields()
        if found:
            pytest.fail("\n".join(found), pytrace=False)
