"""A signed client of the venue's endpoints, and what tests do with it most often."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.testclient import TestClient

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.clock import Clock

BTC = "BTCUSDT"
MINUTE = 60_000


class Client:
    """Signs as the exchange asks for."""

    def __init__(self, app: FastAPI, clock: Clock, key: str = "key", secret: str = "secret"):
        self.http = TestClient(app, client=("127.0.0.1", 50_000))
        self._clock, self._key, self._secret = clock, key, secret

    def __call__(self, method: str, path: str, **sent: Any) -> Any:
        answer = self.raw(method, path, **sent)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, **sent: Any) -> tuple[int, int]:
        """(HTTP status, code)"""
        answer = self.raw(method, path, **sent)
        return answer.status_code, answer.json()["code"]

    def raw(self, method: str, path: str, **sent: Any):
        query = urlencode({"timestamp": self._clock.now(), **sent})
        signature = hmac.new(self._secret.encode(), query.encode(), sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self._key}
        signed = f"{query}&signature={signature}"
        if method in ("POST", "PUT"):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self.http.request(method, path, content=signed, headers=headers)
        return self.http.request(method, f"{path}?{signed}", headers=headers)


def plan(market, kind: FaultKind, **settings) -> str:
    return market.faults.add(Fault(kind, **{"since": market.now(), **settings}))


def buy(client, **changes):
    sent = {"symbol": BTC, "side": "BUY", "type": "MARKET", "quantity": "0.1", **changes}
    return client("POST", "/fapi/v1/order", **sent)


def rest(client, market, away: float = 0.003, quantity: str = "0.1"):
    price = round(market.price(BTC) * (1 - away), 1)
    return buy(client, type="LIMIT", timeInForce="GTC", price=price, quantity=quantity)


def stop(client, market, quantity: str = "0.1"):
    return client(
        "POST",
        "/fapi/v1/algoOrder",
        algoType="CONDITIONAL",
        symbol=BTC,
        side="SELL",
        type="STOP_MARKET",
        quantity=quantity,
        triggerPrice=round(market.price(BTC) * 0.8),
        reduceOnly="true",
    )


def order(client, placed):
    return client("GET", "/fapi/v1/order", symbol=BTC, orderId=placed["orderId"])


def control(client, method: str, path: str, **body):
    answer = client.http.request(method, f"/control{path}", json=body or None)
    return answer.status_code, answer.json()
