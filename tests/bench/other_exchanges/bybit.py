"""The raw answers of Bybit v5, as its documentation and the comments in ccxt have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.other_exchanges.desk import Contract, Desk, Placed, RefusedError, now_ms

HOST = "api.bybit.com"
CONTRACTS = {
    "BTC": Contract("BTC", 60_000.0, 0.1, 1.0, 0.001, 100.0),
    "ETH": Contract("ETH", 3_000.0, 0.01, 1.0, 0.01, 1_000.0),
    "DOGE": Contract("DOGE", 0.1, 0.00001, 1.0, 1.0, 3_000_000.0),
}
_STATES = {"open": "New", "filled": "Filled", "cancelled": "Cancelled", "triggered": "Triggered"}
_INTERVALS = {"5": 300, "60": 3600, "15": 900, "D": 86_400}
_PERIODS = {"5min": 300, "15min": 900, "30min": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400}
# Bybit's tiers of BTCUSDT in form, with round figures.
TIERS = ((2_000_000, 0.005, 100), (10_000_000, 0.01, 50), (20_000_000, 0.02, 25))

Asked = Mapping[str, Any]


def answer(desk: Desk, method: str, path: str, asked: Asked) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    desk.look()
    result = _ROUTES.get((method, path))
    if result is None:
        return 404, {"retCode": 10000, "retMsg": f"no route {method} {path}", "result": {}}
    try:
        found, code, words = result(desk, asked), 0, "OK"
    except RefusedError as error:
        found, code, words = {}, int(error.code), error.words
    return 200, {
        "retCode": code,
        "retMsg": words,
        "result": found,
        "retExtInfo": {},
        "time": now_ms(),
    }


def _base(asked: Asked) -> str:
    return str(asked["symbol"]).removesuffix("USDT")


def _instruments(desk: Desk, asked: Asked) -> Any:
    rows = []
    for base, contract in desk.contracts.items() if asked.get("category") == "linear" else ():
        rows.append(
            {
                "symbol": f"{base}USDT",
                "contractType": "LinearPerpetual",
                "status": "Trading",
                "baseCoin": base,
                "quoteCoin": "USDT",
                "launchTime": "1585526400000",
                "deliveryTime": "0",
                "deliveryFeeRate": "",
                "priceScale": "2",
                "leverageFilter": {
                    "minLeverage": "1",
                    "maxLeverage": "100",
                    "leverageStep": "0.01",
                },
                "priceFilter": {
                    "minPrice": f"{contract.tick:.8f}",
                    "maxPrice": "1999999.80",
                    "tickSize": f"{contract.tick:.8f}",
                },
                "lotSizeFilter": {
                    "maxOrderQty": str(contract.largest * 10),
                    "minOrderQty": str(contract.step),
                    "qtyStep": str(contract.step),
                    "postOnlyMaxOrderQty": str(contract.largest * 10),
                    "maxMktOrderQty": str(contract.largest),
                    "minNotionalValue": "5",
                },
                "unifiedMarginTrade": True,
                "fundingInterval": 480,
                "settleCoin": "USDT",
                "copyTrading": "both",
            }
        )
    return {"category": asked.get("category"), "list": rows, "nextPageCursor": ""}


def _tickers(desk: Desk, asked: Asked) -> Any:
    rows = []
    for base, contract in desk.contracts.items():
        price = desk.price(base)
        rows.append(
            {
                "symbol": f"{base}USDT",
                "lastPrice": str(price),
                "indexPrice": str(price),
                "markPrice": str(price),
                "prevPrice24h": str(price),
                "price24hPcnt": "0",
                "highPrice24h": str(price * 1.02),
                "lowPrice24h": str(price * 0.98),
                "openInterest": "50000",
                "openInterestValue": str(50_000 * price),
                "turnover24h": "1200000000",
                "volume24h": str(1_200_000_000 / price),
                "fundingRate": str(desk.funding[base]),
                "nextFundingTime": str((now_ms() // 28_800_000 + 1) * 28_800_000),
                "bid1Price": str(price - contract.tick),
                "bid1Size": "10",
                "ask1Price": str(price + contract.tick),
                "ask1Size": "10",
            }
        )
    return {"category": "linear", "list": rows}


def _klines(desk: Desk, asked: Asked, *, volume: bool = True) -> Any:
    base, step = _base(asked), _INTERVALS[str(asked["interval"])]
    last = min(int(asked.get("end") or now_ms()), now_ms()) // 1000 // step
    count = int(asked.get("limit") or 200)
    first = int(asked.get("start") or 0) // 1000 // step
    if asked.get("start"):
        last = min(last, first + count - 1)
    rows = []
    for number in range(last, max(first, last - count + 1) - 1, -1):
        *prices, traded = desk.candle(base, number * step, step)
        row = [str(number * step * 1000), *map(str, prices)]
        rows.append([*row, str(traded), str(traded * prices[0])] if volume else row)
    return {"symbol": asked["symbol"], "category": "linear", "list": rows}


def _funding(desk: Desk, asked: Asked) -> Any:
    step, end = 28_800_000, min(int(asked.get("endTime") or now_ms()), now_ms())
    rows = [
        {
            "symbol": asked["symbol"],
            "fundingRate": str(desk.funding[_base(asked)]),
            "fundingRateTimestamp": str(number * step),
        }
        for number in range(end // step, end // step - int(asked.get("limit") or 200), -1)
        if number * step >= int(asked.get("startTime") or 0)
    ]
    return {"category": "linear", "list": rows}


def _tiers(desk: Desk, asked: Asked) -> Any:
    rows = [
        {
            "id": number,
            "symbol": f"{base}USDT",
            "riskLimitValue": str(most),
            "maintenanceMargin": str(rate),
            "initialMargin": str(1 / leverage),
            "isLowestRisk": int(number == 1),
            "maxLeverage": f"{leverage:.2f}",
            "mmDeduction": "",
        }
        for base in desk.contracts
        for number, (most, rate, leverage) in enumerate(TIERS, start=1)
    ]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def _book(desk: Desk, asked: Asked) -> Any:
    base = _base(asked)
    price, tick = desk.price(base), desk.contracts[base].tick
    size = f"{desk.depth[base] / price:.3f}"
    levels = range(1, min(int(asked.get("limit") or 25), 50) + 1)
    return {
        "s": asked["symbol"],
        "b": [[f"{price - n * tick:.8f}", size] for n in levels],
        "a": [[f"{price + n * tick:.8f}", size] for n in levels],
        "ts": now_ms(),
        "u": 18521288,
        "seq": 7961638724,
        "cts": now_ms(),
    }


def _ratios(desk: Desk, asked: Asked) -> Any:
    step = _PERIODS[str(asked["period"])] * 1000
    end = min(int(asked.get("endTime") or now_ms()), now_ms())
    rows = []
    for number in range(end // step, end // step - int(asked.get("limit") or 50), -1):
        if number * step >= int(asked.get("startTime") or 0):
            long = 0.5 + 0.1 * ((number % 5) / 5)
            row = {"symbol": asked["symbol"], "buyRatio": f"{long:.4f}"}
            rows.append({**row, "sellRatio": f"{1 - long:.4f}", "timestamp": str(number * step)})
    return {"list": rows, "nextPageCursor": ""}


def _interest(desk: Desk, asked: Asked) -> Any:
    step = _PERIODS[str(asked["intervalTime"])] * 1000
    end = min(int(asked.get("endTime") or now_ms()), now_ms())
    most = min(int(asked.get("limit") or 50), 200)
    rows = [
        {"openInterest": f"{50_000 + number % 7}.00000000", "timestamp": str(number * step)}
        for number in range(end // step, end // step - most, -1)
        if number * step >= int(asked.get("startTime") or 0)
    ]
    found = {"symbol": asked["symbol"], "category": asked["category"], "list": rows}
    return {**found, "nextPageCursor": ""}


def _wallet(desk: Desk, asked: Asked) -> Any:
    coin = {
        "coin": "USDT",
        "equity": str(desk.equity),
        "usdValue": str(desk.equity),
        "walletBalance": str(desk.wallet),
        "availableToWithdraw": "",
        "locked": "0",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "unrealisedPnl": str(desk.equity - desk.wallet),
    }
    account = {"accountType": "UNIFIED", "totalEquity": str(desk.equity), "coin": [coin]}
    return {"list": [account]}


def _positions(desk: Desk, asked: Asked) -> Any:
    rows = []
    for base, held in desk.held.items():
        if not held.amount or ("symbol" in asked and base != _base(asked)):
            continue
        way = 1 if held.amount > 0 else -1
        rows.append(
            {
                "positionIdx": 0,
                "riskId": 1,
                "riskLimitValue": "2000000",
                "symbol": f"{base}USDT",
                "side": "Buy" if way > 0 else "Sell",
                "size": str(abs(held.amount)),
                "avgPrice": str(held.entry),
                "positionValue": str(abs(held.amount) * held.entry),
                "tradeMode": 1,
                "autoAddMargin": 0,
                "positionStatus": "Normal",
                "leverage": str(held.leverage),
                "markPrice": str(desk.price(base)),
                "liqPrice": str(held.entry * (1 - way * (1 / held.leverage - 0.005))),
                "bustPrice": "",
                "positionMM": "1",
                "positionIM": "10",
                "positionBalance": "10",
                "tpslMode": "Full",
                "takeProfit": "",
                "stopLoss": "",
                "trailingStop": "0",
                "unrealisedPnl": str(desk.open_profit(base)),
                "cumRealisedPnl": "0",
                "createdTime": str(now_ms()),
                "updatedTime": str(now_ms()),
            }
        )
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def _create(desk: Desk, asked: Asked) -> Any:
    assert asked["category"] == "linear", asked
    trigger = asked.get("triggerPrice")
    placed = desk.place(
        _base(asked),
        str(asked["side"]).lower(),
        float(asked["qty"]),
        price=float(asked["price"]) if asked["orderType"] == "Limit" else None,
        reduce_only=bool(asked.get("reduceOnly")),
        trigger=float(trigger) if trigger else None,
        client_id=str(asked.get("orderLinkId", "")),
    )
    return {"orderId": placed.number, "orderLinkId": placed.client_id}


def _cancel(desk: Desk, asked: Asked) -> Any:
    order = desk.cancel(str(asked.get("orderId")))
    if order is None:
        raise RefusedError("110001", "order not exists or too late to cancel")
    return {"orderId": order.number, "orderLinkId": order.client_id}


def _row(desk: Desk, order: Placed) -> dict[str, Any]:
    state = _STATES[order.state]
    if order.trigger is not None:
        # A stop keeps its number when it triggers, and then shows its own fills.
        state = {"open": "Untriggered", "triggered": "Filled"}.get(order.state, "Deactivated")
    return {
        "orderId": order.number,
        "orderLinkId": order.client_id,
        "symbol": f"{order.base}USDT",
        "price": "0" if order.price is None else str(order.price),
        "qty": str(order.amount),
        "side": order.side.capitalize(),
        "positionIdx": 0,
        "orderStatus": state,
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError",
        "avgPrice": str(order.average) if order.filled else "",
        "leavesQty": str(order.amount - order.filled) if order.state == "open" else "0",
        "cumExecQty": str(order.filled),
        "cumExecValue": str(order.filled * order.average),
        "cumExecFee": str(desk.fee_of(order)),
        "timeInForce": "GTC" if order.price is not None else "IOC",
        "orderType": "Limit" if order.price is not None else "Market",
        "stopOrderType": "Stop" if order.trigger is not None else "UNKNOWN",
        "triggerPrice": "0.00" if order.trigger is None else str(order.trigger),
        "triggerDirection": 0 if order.trigger is None else (2 if order.side == "sell" else 1),
        "triggerBy": "LastPrice" if order.trigger is not None else "",
        "takeProfit": "",
        "stopLoss": "",
        "tpslMode": "UNKNOWN",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "createdTime": str(order.at),
        "updatedTime": str(order.at),
    }


def _orders(desk: Desk, asked: Asked) -> Any:
    number = asked.get("orderId")
    found = [o for o in desk.orders.values() if number is None or o.number == number]
    if number is None:
        found = [o for o in found if o.state == "open"]
    return {"list": [_row(desk, o) for o in found], "nextPageCursor": "", "category": "linear"}


def _fills(desk: Desk, asked: Asked) -> Any:
    rows = [
        {
            "symbol": f"{order.base}USDT",
            "orderType": "Limit" if order.price is not None else "Market",
            "orderLinkId": order.client_id,
            "orderId": order.number,
            "side": order.side.capitalize(),
            "execId": f"e{order.number}",
            "execFee": str(desk.fee_of(order)),
            "execPrice": str(order.average),
            "execQty": str(order.filled),
            "execValue": str(order.filled * order.average),
            "execType": "Trade",
            "execTime": str(order.at),
            "feeRate": "0.0006",
            "leavesQty": "0",
            "isMaker": False,
        }
        for order in desk.orders.values()
        if order.filled and asked.get("orderId", order.number) == order.number
    ]
    return {"list": rows, "nextPageCursor": "", "category": "linear"}


def _leverage(desk: Desk, asked: Asked) -> Any:
    from tests.bench.other_exchanges.desk import Held

    desk.held.setdefault(_base(asked), Held()).leverage = float(asked["buyLeverage"])
    return {}


_ROUTES: dict[tuple[str, str], Callable[[Desk, Asked], Any]] = {
    ("GET", "/v5/market/time"): lambda _desk, _asked: {
        "timeSecond": str(now_ms() // 1000),
        "timeNano": str(now_ms() * 1_000_000),
    },
    ("GET", "/v5/market/instruments-info"): _instruments,
    ("GET", "/v5/market/tickers"): _tickers,
    ("GET", "/v5/market/kline"): _klines,
    ("GET", "/v5/market/mark-price-kline"): lambda d, a: _klines(d, a, volume=False),
    ("GET", "/v5/market/funding/history"): _funding,
    ("GET", "/v5/market/risk-limit"): _tiers,
    ("GET", "/v5/market/orderbook"): _book,
    ("GET", "/v5/market/account-ratio"): _ratios,
    ("GET", "/v5/market/open-interest"): _interest,
    ("GET", "/v5/user/query-api"): lambda _d, _a: {"id": "1", "unified": 0, "uta": 1},
    ("GET", "/v5/account/info"): lambda _d, _a: {
        "marginMode": "ISOLATED_MARGIN",
        "unifiedMarginStatus": 4,
    },
    ("GET", "/v5/account/wallet-balance"): _wallet,
    ("GET", "/v5/position/list"): _positions,
    ("POST", "/v5/position/switch-mode"): lambda _d, _a: {},
    ("POST", "/v5/account/set-margin-mode"): lambda _d, _a: {"reasons": []},
    ("POST", "/v5/position/set-leverage"): _leverage,
    ("POST", "/v5/order/create"): _create,
    ("POST", "/v5/order/cancel"): _cancel,
    ("GET", "/v5/order/realtime"): _orders,
    ("GET", "/v5/order/history"): _orders,
    ("GET", "/v5/execution/list"): _fills,
    ("GET", "/v5/asset/coin/query-info"): lambda _d, _a: {"rows": []},
}
