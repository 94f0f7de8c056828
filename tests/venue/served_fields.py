"""What the venue answers, endpoint by endpoint, of an account that has done a bit of everything."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from tests.venue.conftest import HandClock
from tests.venue.recorded_fields import EXPLAINED, RECORDS, Field, Record
from tests.venue.signed import Client

BTC, ETH = "BTCUSDT", "ETHUSDT"
Row = dict[str, Any]
Answers = dict[str, list[Any]]

_PUBLIC = {
    "GET /fapi/v1/klines": {"symbol": BTC, "interval": "1h", "limit": 3},
    "GET /fapi/v1/continuousKlines": {
        "pair": BTC,
        "contractType": "PERPETUAL",
        "interval": "1h",
        "limit": 3,
    },
    "GET /fapi/v1/trades": {"symbol": BTC, "limit": 3},
    "GET /fapi/v1/aggTrades": {"symbol": BTC, "limit": 3},
    "GET /fapi/v1/markPriceKlines": {"symbol": BTC, "interval": "1h", "limit": 3},
    "GET /fapi/v1/indexPriceKlines": {"pair": BTC, "interval": "1h", "limit": 3},
    "GET /fapi/v1/premiumIndexKlines": {"symbol": BTC, "interval": "1h", "limit": 3},
    "GET /fapi/v1/fundingRate": {"limit": 20},
    "GET /fapi/v1/depth": {"symbol": BTC, "limit": 5},
    "GET /fapi/v1/openInterest": {"symbol": BTC},
}
_SIGNED = {
    "GET /fapi/v1/commissionRate": {"symbol": BTC},
    "GET /fapi/v1/userTrades": {"symbol": BTC},
    "GET /fapi/v1/positionMargin/history": {"symbol": BTC},
    "GET /fapi/v1/allOrders": {"symbol": BTC},
    "GET /fapi/v1/allAlgoOrders": {"symbol": BTC},
}


class Session:
    """Collects every answer by its endpoint."""

    def __init__(self, history: History, clock: HandClock) -> None:
        self.market = Market(history, clock, seed=7)
        self.exchange = Exchange(self.market)
        self.exchange.engine.add_account("key", "secret", Decimal(10_000), clock.now())
        self.app = create_app(self.market, exchange=self.exchange)
        self.client = Client(self.app, clock)
        self.clock = clock
        self.answers: Answers = {}

    def ask(self, endpoint: str, **sent: Any) -> Any:
        method, path = endpoint.split()
        answer = self.client(method, path, **sent)
        self.answers.setdefault(endpoint, []).append(answer)
        return answer


def answers(history: History, clock: HandClock) -> Session:
    """Every endpoint that is recorded has been asked, with rows of every sort behind it."""
    session = Session(history, clock)
    ask = session.ask
    ask("POST /fapi/v1/positionSide/dual", dualSidePosition="true")
    ask("POST /fapi/v1/positionSide/dual", dualSidePosition="false")
    ask("POST /fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    ask("POST /fapi/v1/multiAssetsMargin", multiAssetsMargin="false")
    ask("POST /fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
    ask("POST /fapi/v1/leverage", symbol=BTC, leverage=3)
    for method in ("POST", "PUT", "DELETE"):
        ask(f"{method} /fapi/v1/listenKey")
    _trade(session)
    for endpoint, sent in {**_PUBLIC, **_SIGNED}.items():
        ask(endpoint, **sent)
    for record in RECORDS:
        for endpoint in record.endpoints:
            if endpoint not in session.answers:
                path = endpoint.split()[1]
                sent = {"symbol": BTC, "period": "1h"} if path.startswith("/futures/data") else {}
                ask(endpoint, **sent)
    return session


def _trade(session: Session) -> None:
    ask, price = session.ask, session.market.price(BTC)
    order = {"symbol": BTC, "side": "BUY", "quantity": "0.010"}
    stop = {**order, "side": "SELL", "algoType": "CONDITIONAL", "reduceOnly": "true"}
    ask("POST /fapi/v1/order", type="MARKET", **order)
    ask("POST /fapi/v1/order", type="MARKET", **{**order, "symbol": ETH, "quantity": "0.1"})
    low = {"type": "LIMIT", "timeInForce": "GTC", "price": round(price * 0.97, 1)}
    rests, ends = (ask("POST /fapi/v1/order", **order, **low)["orderId"] for _ in range(2))
    for endpoint in ("GET /fapi/v1/order", "GET /fapi/v1/openOrder"):
        ask(endpoint, symbol=BTC, orderId=rests)
    ask("DELETE /fapi/v1/order", symbol=BTC, orderId=ends)
    trigger = round(price * 0.95, 1)
    kept = ask("POST /fapi/v1/algoOrder", type="STOP_MARKET", triggerPrice=trigger, **stop)
    trails = ask("POST /fapi/v1/algoOrder", type="TRAILING_STOP_MARKET", callbackRate=5, **stop)
    gone = ask("POST /fapi/v1/algoOrder", type="STOP_MARKET", triggerPrice=trigger, **stop)
    for algo in (kept, trails, gone):
        ask("GET /fapi/v1/algoOrder", algoId=algo["algoId"])
    ask("DELETE /fapi/v1/algoOrder", algoId=gone["algoId"])
    session.clock.time += 9 * 3_600_000
    ask("POST /fapi/v1/order", type="MARKET", **{**order, "side": "SELL", "quantity": "0.004"})
    for endpoint in ("GET /fapi/v1/openOrders", "GET /fapi/v1/openAlgoOrders"):
        ask(endpoint)
    for endpoint in ("GET /fapi/v2/account", "GET /fapi/v3/account"):
        ask(endpoint)
    for endpoint in ("GET /fapi/v2/positionRisk", "GET /fapi/v3/positionRisk"):
        ask(endpoint)
    ask("POST /fapi/v1/positionMargin", symbol=BTC, amount="1.5", type=1)
    ask("POST /fapi/v1/positionMargin", symbol=BTC, amount=1, type=2)
    _change(session, order, price)
    ask("DELETE /fapi/v1/allOpenOrders", symbol=BTC)
    ask("DELETE /fapi/v1/algoOpenOrders", symbol=BTC)
    engine = session.exchange.engine
    engine.force_liquidation(engine.account("key"), ETH, session.clock.now())


def _change(session: Session, order: dict[str, str], price: float) -> None:
    """Orders that are checked, changed, and placed several at a time."""
    ask = session.ask
    rests = {**order, "type": "LIMIT", "timeInForce": "GTC"}
    low, lower = str(round(price * 0.97, 1)), str(round(price * 0.96, 1))
    ask("POST /fapi/v1/order/test", **rests, price=low)
    ask("POST /fapi/v1/countdownCancelAll", symbol=BTC, countdownTime=60_000)
    placed = ask("POST /fapi/v1/batchOrders", batchOrders=json.dumps([{**rests, "price": low}] * 2))
    first, second = (each["orderId"] for each in placed)
    change = {"symbol": BTC, "side": "BUY", "quantity": "0.010", "price": lower, "modifyId": 7}
    ask("PUT /fapi/v1/order", orderId=first, **change)
    ask("GET /fapi/v1/orderAmendment", symbol=BTC, orderId=first)
    changes = json.dumps([{**change, "orderId": second}])
    ask("PUT /fapi/v1/batchOrders", batchOrders=changes)
    ask("DELETE /fapi/v1/batchOrders", symbol=BTC, orderIdList=json.dumps([first, second]))


def rows(session: Session, endpoint: str, within: str) -> list[Row]:
    """Of all answers; a list without names is numbered."""
    found = session.answers[endpoint]
    if within:
        inner = []
        for answer in found:
            for one in answer if isinstance(answer, list) else [answer]:
                inner += one[within]
        return [_named(row) for row in inner]
    flat = []
    for answer in found:
        flat += answer if isinstance(answer, list) else [answer]
    return [_named(row) for row in flat]


def _named(row: Any) -> Row:
    return row if isinstance(row, dict) else {str(n): value for n, value in enumerate(row)}


def fault(field: Field, value: Any, instrument: Instrument | None) -> str | None:
    """What is wrong with the type or the format of a served value; None if nothing is."""
    wanted = field.kind
    simple: dict[str, type] = {"int": int, "number": float, "bool": bool, "null": type(None)}
    simple |= {"list": list, "object": dict}
    if wanted in simple:
        right = type(value) is simple[wanted] or (wanted == "number" and type(value) is int)
        return None if right else f"{wanted} is {value!r}"
    if not isinstance(value, str):
        return f"{wanted} is {value!r}"
    return None if re.fullmatch(_pattern(wanted, instrument), value) else f"{wanted} is {value!r}"


def _pattern(kind: str, instrument: Instrument | None) -> str:
    def decimals(count: int, more: str = "") -> str:
        part = rf"\.\d{{{count}{more}}}" if count else ""
        return rf"(?!-0*(\.0*)?$)-?\d+{part}"

    price, quantity = (1, 1)
    if instrument is not None:
        price, quantity = instrument.price_decimals, instrument.quantity_decimals
    plain = r"(?!-0$)-?\d+(\.\d*[1-9])?"
    return {
        "text": r".*",
        "digits": r"\d*",
        "price": decimals(price),
        "quantity": decimals(quantity),
        "quote": decimals(price + quantity),
        "average": decimals(5, ","),
        "money": decimals(8),
        "money0": rf"0|(?!0\.0*$){decimals(8)}",
        "plain": plain,
        "plain0": rf"0\.0|(?!0$){plain}",
        "rate": rf"0|(?!0\.0*$){decimals(6)}",
        "ratio": decimals(4),
        "percent": decimals(3),
    }[kind]


def differences(session: Session, record: Record) -> dict[tuple[str, str], str]:
    """By place and field: missing, not recorded, or of another type or format."""
    found: dict[tuple[str, str], str] = {}
    for endpoint in record.endpoints:
        place = f"{endpoint} {record.within}".strip()
        served = rows(session, endpoint, record.within)
        assert served, f"{place} was not asked, or has answered nothing"
        for row in served:
            symbol = row.get("symbol", BTC)
            instrument = session.market.instrument(symbol) if symbol else None
            for name in record.fields.keys() - row.keys():
                found[place, name] = "not served"
            for name in row.keys() - record.fields.keys():
                found[place, name] = "not recorded"
            for name in record.fields.keys() & row.keys():
                wrong = fault(record.fields[name], row[name], instrument)
                if wrong is not None:
                    found[place, name] = wrong
    return found


def explained(record: Record, name: str) -> str:
    """Why a field of the record differs, "" where none does."""
    for endpoint in record.endpoints:
        reason = EXPLAINED.get((f"{endpoint} {record.within}".strip(), name), "")
        if reason:
            return reason
    return ""
