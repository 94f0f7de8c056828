"""Requests per second that the venue answers: `python benchmarks/venue_throughput.py [SECONDS]`.

One client sends one request after the other, over a socket (httpx, keep-alive) and without one.
Client and venue share a process, so that the numbers include the client's cost: a lower bound.
"""

from __future__ import annotations

import hmac
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from urllib.parse import urlencode

import httpx

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from tests.bench.wire import Wire

KEY, SECRET = "key", "secret"
SYMBOL = "BTCUSDT"
# Sends a request, given method and target, and returns the status and the body of the answer.
Ask = Callable[[str, str], tuple[int, bytes]]


def make_market() -> Market:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = int(midnight.timestamp() * 1000) - 2 * 86_400_000
    return Market(synthetic.generate(seed=1, start=start, days=4, base="1m"), SystemClock())


def signed(path: str, **parameters: str | int) -> str:
    query = urlencode(
        {**parameters, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 10_000}
    )
    signature = hmac.new(SECRET.encode(), query.encode(), sha256).hexdigest()
    return f"{path}?{query}&signature={signature}"


def klines(limit: int) -> Callable[[Ask], int]:
    def once(ask: Ask) -> int:
        return expect(ask("GET", f"/fapi/v1/klines?symbol={SYMBOL}&interval=1m&limit={limit}"))

    return once


def depth(ask: Ask) -> int:
    return expect(ask("GET", f"/fapi/v1/depth?symbol={SYMBOL}&limit=5"))


def order_and_query(price: float) -> Callable[[Ask], int]:
    """Work that places a limit order far below the market, queries it and cancels it."""
    number = 0

    def once(ask: Ask) -> int:
        nonlocal number
        number += 1
        order = {"symbol": SYMBOL, "origClientOrderId": f"bench-{number}"}
        new = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.001",
            "price": f"{price:.1f}",
            "newClientOrderId": f"bench-{number}",
        }
        return (
            expect(ask("POST", signed("/fapi/v1/order", **new)))
            + expect(ask("GET", signed("/fapi/v1/order", **order)))
            + expect(ask("DELETE", signed("/fapi/v1/order", **order)))
        )

    return once


def expect(answer: tuple[int, bytes]) -> int:
    status, body = answer
    if status != 200:
        raise RuntimeError(f"{status}: {body.decode()}")
    return 1


def rate(once: Callable[[Ask], int], ask: Ask, seconds: float) -> float:
    """Requests per second, after a few to warm up."""
    for _ in range(5):
        once(ask)
    began, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        count += once(ask)
    return count / passed


def main() -> None:
    logging.disable(logging.CRITICAL)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    market = make_market()
    exchange = Exchange(market)
    exchange.engine.add_account(KEY, SECRET, Decimal(100_000), market.now())
    app = create_app(market, exchange=exchange)
    headers = {"X-MBX-APIKEY": KEY}
    wire = Wire(app)

    def without(method: str, target: str) -> tuple[int, bytes]:
        answer = wire.ask(method, f"http://venue{target}", headers, None).result()
        return answer.status, answer.body

    work = {
        "klines, 1": klines(1),
        "klines, 500": klines(500),
        "klines, 1500": klines(1500),
        "depth, 5": depth,
        "order, query, cancel": order_and_query(market.price(SYMBOL) * 0.9),
    }
    with running_venue(market, app=app) as url, httpx.Client(headers=headers) as client:

        def over(method: str, target: str) -> tuple[int, bytes]:
            answer = client.request(method, url + target)
            return answer.status_code, answer.content

        print(f"{'requests/s':22} {'socket':>8} {'without':>8} {'ratio':>6}")
        for name, once in work.items():
            slow, fast = rate(once, over, seconds), rate(once, without, seconds)
            print(f"{name:22} {slow:8.0f} {fast:8.0f} {fast / slow:6.1f}")
    wire.close()


if __name__ == "__main__":
    main()
