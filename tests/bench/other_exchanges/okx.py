"""The raw answers of OKX v5, as its documentation and the comments in ccxt's okx.py have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.other_exchanges.desk import Contract, Desk, Held, Placed, RefusedError, now_ms

# A contract is 0.01 BTC, 0.1 ETH, or 1000 DOGE.
CONTRACTS = {
    "BTC": Contract("BTC", 60_000.0, 0.1, 0.01, 0.01, 12_000.0),
    "ETH": Contract("ETH", 3_000.0, 0.01, 0.1, 0.01, 12_000.0),
    "DOGE": Contract("DOGE", 0.1, 0.00001, 1000.0, 0.01, 5_000.0),
}
_STATES = {"open": "live", "filled": "filled", "cancelled": "canceled"}
_STOP_STATES = {"open": "live", "triggered": "effective", "cancelled": "canceled"}
_BARS = {"5m": 300, "15m": 900, "1H": 3600, "4H": 14_400, "1Dutc": 86_400}
# OKX's tiers of TIA-USDT-SWAP, from freqtrade/freqtrade#11923, and a last one: contracts,
# maintenance rate, leverage.
TIERS = (
    (0, 6_500, 0.0065, 50),
    (6_501, 12_000, 0.01, 40),
    (12_001, 25_000, 0.015, 20),
    (25_001, 50_000, 0.02, 18.18),
    (50_001, 75_000, 0.025, 16.66),
    (75_001, 100_000, 0.03, 15.38),
    (100_001, 2_275_000, 0.3, 2),
)

Asked = Mapping[str, Any]


def answer(desk: Desk, method: str, path: str, asked: Any) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    desk.look()
    result = _ROUTES.get((method, path.removeprefix("/api/v5/")))
    if result is None:
        return 404, {"code": "50000", "msg": f"no route {method} {path}", "data": []}
    try:
        return 200, {"code": "0", "msg": "", "data": result(desk, asked)}
    except RefusedError as error:
        refused = {"clOrdId": "", "ordId": "", "sCode": error.code, "sMsg": error.words, "tag": ""}
        return 200, {"code": "1", "msg": "All operations failed", "data": [refused]}


def _base(asked: Asked) -> str:
    return str(asked.get("instId") or asked["instFamily"]).split("-")[0]


def _instruments(desk: Desk, asked: Asked) -> Any:
    return [
        {
            "alias": "",
            "baseCcy": "",
            "category": "1",
            "ctMult": "1",
            "ctType": "linear",
            "ctVal": f"{contract.size:g}",
            "ctValCcy": base,
            "expTime": "",
            "instFamily": f"{base}-USDT",
            "instId": f"{base}-USDT-SWAP",
            "instType": "SWAP",
            "lever": "100",
            "listTime": "1611916828000",
            "lotSz": f"{contract.step:g}",
            "maxIcebergSz": "100000000",
            "maxLmtSz": "100000000",
            "maxMktSz": f"{contract.largest:g}",
            "maxStopSz": f"{contract.largest:g}",
            "maxTriggerSz": "100000000",
            "maxTwapSz": "100000000",
            "minSz": f"{contract.step:g}",
            "optType": "",
            "quoteCcy": "",
            "settleCcy": "USDT",
            "state": "live",
            "stk": "",
            "tickSz": f"{contract.tick:.8f}",
            "uly": f"{base}-USDT",
        }
        for base, contract in desk.contracts.items()
        if asked.get("instType") == "SWAP"
    ]


def _tickers(desk: Desk, asked: Asked) -> Any:
    rows = []
    for base, contract in desk.contracts.items():
        price = desk.price(base)
        rows.append(
            {
                "instType": "SWAP",
                "instId": f"{base}-USDT-SWAP",
                "last": str(price),
                "lastSz": "1",
                "askPx": str(price + contract.tick),
                "askSz": "11",
                "bidPx": str(price - contract.tick),
                "bidSz": "5",
                "open24h": str(price),
                "high24h": str(price * 1.02),
                "low24h": str(price * 0.98),
                "volCcy24h": str(1e9 / price),
                "vol24h": str(1e9 / price / contract.size),
                "ts": str(now_ms()),
                "sodUtc0": str(price),
                "sodUtc8": str(price),
            }
        )
    return rows


def _numbers(asked: Asked, step_s: int, most: int) -> range:
    """The candles or settlements between `before` and `after`, both excluded; newest first."""
    step = step_s * 1000
    end = min(int(asked.get("after") or now_ms() + 1), now_ms() + 1)
    begin = int(asked.get("before") or 0)
    last = (end - 1) // step
    count = min(int(asked.get("limit") or 100), most)
    return range(last, max(begin // step, last - count), -1)


def _candles(desk: Desk, asked: Asked, *, volume: bool = True) -> Any:
    base, step = _base(asked), _BARS[str(asked["bar"])]
    size, rows = desk.contracts[base].size, []
    for number in _numbers(asked, step, 300):
        *prices, traded = desk.candle(base, number * step, step)
        row = [str(number * step * 1000), *map(str, prices)]
        more = [str(traded / size), str(traded), str(traded * prices[0])] if volume else []
        rows.append([*row, *more, "1"])
    return rows


def _funding(desk: Desk, asked: Asked) -> Any:
    return [
        {
            "instType": "SWAP",
            "instId": asked["instId"],
            "fundingRate": str(desk.funding[_base(asked)]),
            "realizedRate": str(desk.funding[_base(asked)]),
            "fundingTime": str(number * 28_800_000),
            "method": "next_period",
        }
        for number in _numbers(asked, 28_800, 100)
    ]


def _tiers(desk: Desk, asked: Asked) -> Any:
    return [
        {
            "baseMaxLoan": "",
            "imr": str(1 / leverage),
            "instId": "",
            "maxLever": str(leverage),
            "maxSz": str(most),
            "minSz": str(least),
            "mmr": str(rate),
            "optMgnFactor": "0",
            "quoteMaxLoan": "",
            "tier": str(number),
            "uly": asked["instFamily"],
        }
        for number, (least, most, rate, leverage) in enumerate(TIERS, start=1)
    ]


def _book(desk: Desk, asked: Asked) -> Any:
    base = _base(asked)
    contract, price = desk.contracts[base], desk.price(base)
    # As deep as Bybit's in base currency, in contracts here.
    size = f"{desk.depth[base] / price / contract.size:.2f}"
    levels = range(1, min(int(asked.get("sz") or 100), 50) + 1)
    return [
        {
            "asks": [[f"{price + n * contract.tick:.8f}", size, "0", "2"] for n in levels],
            "bids": [[f"{price - n * contract.tick:.8f}", size, "0", "2"] for n in levels],
            "ts": str(now_ms()),
        }
    ]


def _ratios(desk: Desk, asked: Asked) -> Any:
    step = _BARS[str(asked["period"])] * 1000
    end = min(int(asked.get("end") or now_ms() + 1), now_ms() + 1)
    begin, last = int(asked.get("begin") or 0), (end - 1) // step
    numbers = range(last, max(begin // step, last - min(int(asked.get("limit") or 100), 100)), -1)
    # As Bybit's shares of accounts, which give this ratio.
    shares = {number: 0.5 + 0.1 * ((number % 5) / 5) for number in numbers}
    return [[str(number * step), str(long / (1 - long))] for number, long in shares.items()]


def _config(desk: Desk, asked: Asked) -> Any:
    return [{"uid": "44705892343619584", "acctLv": "2", "posMode": "net_mode", "level": "Lv1"}]


def _balance(desk: Desk, asked: Asked) -> Any:
    detail = {
        "ccy": "USDT",
        "eq": str(desk.equity),
        "cashBal": str(desk.wallet),
        "availBal": str(desk.wallet),
        "availEq": str(desk.equity),
        "frozenBal": "0",
        "ordFrozen": "0",
        "upl": str(desk.equity - desk.wallet),
        "uTime": str(now_ms()),
    }
    return [{"totalEq": str(desk.equity), "details": [detail], "uTime": str(now_ms())}]


def _positions(desk: Desk, asked: Asked) -> Any:
    rows = []
    for base, held in desk.held.items():
        if not held.amount:
            continue
        way = 1 if held.amount > 0 else -1
        rows.append(
            {
                "adl": "3",
                "availPos": str(abs(held.amount)),
                "avgPx": str(held.entry),
                "cTime": str(now_ms()),
                "ccy": "USDT",
                "imr": "",
                "instId": f"{base}-USDT-SWAP",
                "instType": "SWAP",
                "interest": "0",
                "last": str(desk.price(base)),
                "lever": str(held.leverage),
                "liab": "",
                "liabCcy": "",
                "liqPx": str(held.entry * (1 - way * (1 / held.leverage - 0.004))),
                "markPx": str(desk.price(base)),
                "margin": "100",
                "mgnMode": "isolated",
                "mgnRatio": "140",
                "mmr": "1.3",
                "notionalUsd": "341",
                "optVal": "",
                "pos": str(held.amount),
                "posCcy": "",
                "posId": "339552508062380036",
                "posSide": "net",
                "tradeId": "98617799",
                "uTime": str(now_ms()),
                "upl": str(desk.open_profit(base)),
                "uplRatio": "0",
            }
        )
    return rows


def _leverage(desk: Desk, asked: Asked) -> Any:
    desk.held.setdefault(_base(asked), Held()).leverage = float(asked["lever"])
    return [{"instId": asked["instId"], "lever": asked["lever"], "mgnMode": "isolated"}]


def _create(desk: Desk, asked: Any) -> Any:
    [order] = asked if isinstance(asked, list) else [asked]
    assert order["tdMode"] == "isolated", order
    placed = desk.place(
        _base(order),
        order["side"],
        float(order["sz"]),
        price=float(order["px"]) if order["ordType"] == "limit" else None,
        reduce_only=bool(order.get("reduceOnly")),
        client_id=order.get("clOrdId", ""),
    )
    sent = {"clOrdId": placed.client_id, "ordId": placed.number, "tag": "", "ts": str(now_ms())}
    return [{**sent, "sCode": "0", "sMsg": "Order placed"}]


def _create_algo(desk: Desk, asked: Any) -> Any:
    assert asked["ordType"] == "conditional", asked
    # At the market; Freqtrade 2026.6 has stops with a limit only.
    limit = None if asked["slOrdPx"] == "-1" else float(asked["slOrdPx"])
    placed = desk.place(
        _base(asked),
        asked["side"],
        float(asked["sz"]),
        price=limit,
        reduce_only=bool(asked.get("reduceOnly")),
        trigger=float(asked["slTriggerPx"]),
        client_id=asked.get("algoClOrdId", ""),
    )
    return [{"algoId": placed.number, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}]


def _cancel(desk: Desk, asked: Any) -> Any:
    order = desk.cancel(str(asked["ordId"]))
    if order is None:
        raise RefusedError("51400", "Cancellation failed as the order has been filled or canceled.")
    return [{"clOrdId": order.client_id, "ordId": order.number, "sCode": "0", "sMsg": ""}]


def _cancel_algos(desk: Desk, asked: Any) -> Any:
    [one] = asked
    order = desk.cancel(str(one["algoId"]))
    if order is None:
        raise RefusedError("51400", "Cancellation failed as the order does not exist.")
    return [{"algoId": order.number, "sCode": "0", "sMsg": ""}]


def _row(desk: Desk, order: Placed) -> dict[str, Any]:
    return {
        "accFillSz": str(order.filled),
        "avgPx": str(order.average) if order.filled else "",
        "cTime": str(order.at),
        "category": "normal",
        "ccy": "",
        "clOrdId": order.client_id,
        "fee": str(-desk.fee_of(order)),
        "feeCcy": "USDT",
        "fillPx": str(order.average) if order.filled else "",
        "fillSz": str(order.filled),
        "fillTime": str(order.at) if order.filled else "",
        "instId": f"{order.base}-USDT-SWAP",
        "instType": "SWAP",
        "lever": "3",
        "ordId": order.number,
        "ordType": "limit" if order.price is not None else "market",
        "pnl": "0",
        "posSide": "net",
        "px": "" if order.price is None else str(order.price),
        "rebate": "0",
        "rebateCcy": "USDT",
        "reduceOnly": str(order.reduce_only).lower(),
        "side": order.side,
        "slOrdPx": "",
        "slTriggerPx": "",
        "slTriggerPxType": "",
        "state": _STATES[order.state],
        "sz": str(order.amount),
        "tag": "",
        "tdMode": "isolated",
        "tgtCcy": "",
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "tradeId": "",
        "uTime": str(order.at),
    }


def _algo_row(desk: Desk, order: Placed) -> dict[str, Any]:
    return {
        "activePx": "",
        "actualPx": "",
        "actualSide": "",
        "actualSz": "",
        "algoId": order.number,
        "algoClOrdId": order.client_id,
        "cTime": str(order.at),
        "callbackRatio": "",
        "ccy": "",
        "instId": f"{order.base}-USDT-SWAP",
        "instType": "SWAP",
        "last": str(desk.price(order.base)),
        "lever": "3",
        "ordId": order.became,
        "ordPx": "",
        "ordType": "conditional",
        "posSide": "net",
        "reduceOnly": "true",
        "side": order.side,
        "slOrdPx": "-1" if order.price is None else str(order.price),
        "slTriggerPx": str(order.trigger),
        "slTriggerPxType": "last",
        "state": _STOP_STATES[order.state],
        "sz": str(order.amount),
        "tag": "",
        "tdMode": "isolated",
        "tgtCcy": "",
        "tpOrdPx": "",
        "tpTriggerPx": "",
        "triggerPx": "",
        "triggerTime": "",
    }


def _order(desk: Desk, asked: Asked) -> Any:
    order = desk.orders.get(str(asked["ordId"]))
    if order is None or order.trigger is not None:
        raise RefusedError("51603", "Order does not exist")
    return [_row(desk, order)]


def _algo(desk: Desk, asked: Asked) -> Any:
    order = desk.orders.get(str(asked["algoId"]))
    if order is None or order.trigger is None:
        raise RefusedError("51603", "Order does not exist")
    return [_algo_row(desk, order)]


def _fills(desk: Desk, asked: Asked) -> Any:
    return [
        {
            "side": order.side,
            "fillSz": str(order.filled),
            "fillPx": str(order.average),
            "fee": str(-desk.fee_of(order)),
            "feeCcy": "USDT",
            "ordId": order.number,
            "instType": "SWAP",
            "instId": f"{order.base}-USDT-SWAP",
            "clOrdId": order.client_id,
            "posSide": "net",
            "billId": f"b{order.number}",
            "tag": "",
            "execType": "T",
            "tradeId": f"t{order.number}",
            "ts": str(order.at),
        }
        for order in desk.orders.values()
        if order.filled
        and order.trigger is None
        and asked.get("ordId", order.number) == order.number
    ]


_ROUTES: dict[tuple[str, str], Callable[[Desk, Any], Any]] = {
    ("GET", "public/time"): lambda _desk, _asked: [{"ts": str(now_ms())}],
    ("GET", "public/instruments"): _instruments,
    ("GET", "market/tickers"): _tickers,
    ("GET", "market/candles"): _candles,
    ("GET", "market/history-candles"): _candles,
    ("GET", "market/mark-price-candles"): lambda d, a: _candles(d, a, volume=False),
    ("GET", "market/history-mark-price-candles"): lambda d, a: _candles(d, a, volume=False),
    ("GET", "public/funding-rate-history"): _funding,
    ("GET", "public/position-tiers"): _tiers,
    ("GET", "market/books"): _book,
    ("GET", "market/books-full"): _book,
    ("GET", "rubik/stat/contracts/long-short-account-ratio-contract"): _ratios,
    ("GET", "account/config"): _config,
    ("GET", "account/balance"): _balance,
    ("GET", "account/positions"): _positions,
    ("GET", "account/bills"): lambda _desk, _asked: [],
    ("GET", "account/bills-archive"): lambda _desk, _asked: [],
    ("POST", "account/set-leverage"): _leverage,
    ("POST", "trade/order"): _create,
    ("POST", "trade/batch-orders"): _create,
    ("POST", "trade/order-algo"): _create_algo,
    ("POST", "trade/cancel-order"): _cancel,
    ("POST", "trade/cancel-algos"): _cancel_algos,
    ("GET", "trade/order"): _order,
    ("GET", "trade/order-algo"): _algo,
    ("GET", "trade/fills"): _fills,
    ("GET", "trade/fills-history"): _fills,
    ("GET", "asset/currencies"): lambda _desk, _asked: [],
}
