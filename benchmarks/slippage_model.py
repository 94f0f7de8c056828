"""Estimated against actual slippage at the simulated venue: `python benchmarks/slippage_model.py`.

A trader reads the book over the venue's HTTP, waits for a given latency, and sends a market order
of 0.1% to 30% of the depth within 1%. Meanwhile the price moves, and every second the venue makes
another book. Later it closes the position in the same way. Runs are seeded: two print the same.
"""

from __future__ import annotations

import hmac
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from math import inf
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import numpy as np

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.execution.book import Book, Side, read_book
from perpkit.execution.participation import ParticipationModel, Shape
from perpkit.execution.slippage import Slippage, shortfall_bps, slippage_of
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.bench.wire import Wire

KEY, SECRET = "key", "secret"
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
# XRP is left out: 30% of its depth is more than the venue's largest market order.
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "BNB/USDT:USDT")
LIMITS = (5, 10, 20, 50, 100, 500, 1000)  # limits of the depth endpoint that Freqtrade requests
DEEPEST = LIMITS[-1]
# Seconds. Freqtrade sets margin type and leverage between the book and the order: three round
# trips. The venue makes a new book every second, so up to 1 s some orders still meet the old one.
LATENCIES = (0.05, 0.25, 0.5, 1.0, 3.0)
SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # bounds of the table's rows
HELD_SECONDS = 90


@dataclass(frozen=True)
class Sample:
    """One order with its estimated and actual slippage.

    :param actual_bps: slippage against the middle of the book that was read, which includes the
        move since then
    :param arrival_bps: slippage against the middle of the book that the order met
    """

    read: Book
    estimate: Slippage
    actual_bps: float
    arrival_bps: float
    notional: float
    turnover_1h: float
    vol_1h: float

    @property
    def share(self) -> float:
        """The order's fraction of the depth within 1%, in the book that was read."""
        return self.estimate.depth_share

    @property
    def error(self) -> float:
        if not self.actual_bps:
            return inf
        return abs(self.estimate.mid_bps / self.actual_bps - 1)

    @property
    def arrival_error(self) -> float:
        return abs(self.estimate.mid_bps / self.arrival_bps - 1)

    def participation_error(self, shape: Shape) -> float:
        """Relative error of the model without a book, against `arrival_bps`."""
        model = ParticipationModel(shape)
        bps = model.slippage_bps(self.notional, self.turnover_1h, self.vol_1h)
        return abs(bps / self.arrival_bps - 1)


class Trader:
    """Trades over the exchange's HTTP at a venue whose clock it controls."""

    def __init__(self, seed: int, pairs: Iterable[str], days: int) -> None:
        history = synthetic.generate(
            seed=seed, start=START, days=days, pairs=tuple(pairs), base="1m"
        )
        self.days = days
        self.clock = VirtualClock(START + DAY_MS)
        self.market = Market(history, self.clock, seed)
        exchange = Exchange(self.market)
        # Rich enough that no order is refused for lack of margin.
        self.account = exchange.engine.add_account(
            KEY, SECRET, Decimal(10) ** 12, self.market.now()
        )
        self._wire = Wire(create_app(self.market, exchange=exchange))

    def close(self) -> None:
        self._wire.close()

    def book(self, symbol: str, limit: int = DEEPEST) -> Book:
        """The order book as ccxt would return it to Freqtrade."""
        raw = self._ask("GET", f"/fapi/v1/depth?symbol={symbol}&limit={limit}")
        sides = {side: [[float(p), float(a)] for p, a in raw[side]] for side in ("bids", "asks")}
        book = read_book({**sides, "timestamp": raw["T"]}, self.market.now())
        assert isinstance(book, Book), book
        return book

    def last_hour(self, symbol: str) -> tuple[float, float]:
        """Standard deviation of one-hour returns, estimated from 1m returns, and the turnover."""
        rows = self._ask("GET", f"/fapi/v1/klines?symbol={symbol}&interval=1m&limit=62")[:-1]
        closes = np.array([float(row[4]) for row in rows])
        turnover = sum(float(row[7]) for row in rows[1:])
        return float(np.sqrt((np.diff(np.log(closes)) ** 2).sum())), turnover

    def take(self, symbol: str, side: Side, amount: float) -> float:
        """Fills all of `amount` at the market. Returns the average price."""
        filled, value = self.fill(symbol, side, amount)
        step = self.market.instrument(symbol).step_size
        assert round(filled / step) == round(amount / step), (symbol, side, amount, filled)
        return value / filled

    def fill(self, symbol: str, side: Side, amount: float) -> tuple[float, float]:
        """Orders `amount` at the market, in several orders where it exceeds the market lot.

        Returns what was filled, and its value; an order ends where its price would be too far.
        """
        instrument = self.market.instrument(symbol)
        step = instrument.step_size
        left, lot = round(amount / step), round(instrument.max_market_quantity / step)
        filled = value = 0.0
        while left:
            part = min(left, lot)
            order = self._market_order(symbol, side, part * step)
            # `cumQuote`, because `avgPrice` in an answer is rounded.
            value += float(order["cumQuote"])
            filled += float(order["executedQty"])
            left -= part
        return filled, value

    def _market_order(self, symbol: str, side: Side, amount: float) -> dict[str, Any]:
        decimals = self.market.instrument(symbol).quantity_decimals
        query = urlencode(
            {
                "symbol": symbol,
                "side": side.upper(),
                "type": "MARKET",
                "quantity": f"{amount:.{decimals}f}",
                "newOrderRespType": "RESULT",
                "timestamp": self.market.now(),
            }
        )
        signature = hmac.new(SECRET.encode(), query.encode(), sha256).hexdigest()
        order: dict[str, Any] = self._ask("POST", f"/fapi/v1/order?{query}&signature={signature}")
        return order

    def _ask(self, method: str, target: str) -> Any:
        headers = {"X-MBX-APIKEY": KEY}
        answer = self._wire.ask(method, f"http://venue{target}", headers, None).result()
        body = json.loads(answer.body)
        if answer.status != 200:
            raise RuntimeError(f"{method} {target}: {answer.status} {body}")
        return body


@contextmanager
def trader(seed: int, pairs: Iterable[str] = PAIRS, days: int = 30) -> Iterator[Trader]:
    """A trader at a new venue, which matches against all levels that its depth endpoint shows.

    Other venues match against a hundred levels, a tenth of the depth within 1%, which could not
    fill an order of 30%.
    """
    with mock.patch("perpkit.venue.exchange.replay.BOOK_LEVELS", DEEPEST):
        made = Trader(seed, pairs, days)
        try:
            yield made
        finally:
            made.close()


def sample(at: Trader, symbol: str, side: Side, amount: float, latency: float) -> Sample:
    """Sends one order of `amount`, `latency` seconds after reading the book for its estimate."""
    read = at.book(symbol)
    vol_1h, turnover_1h = at.last_hour(symbol)
    estimate = slippage_of(read, side, amount, vol_1h=vol_1h, latency_seconds=latency)
    at.clock.advance(round(latency * 1000))
    met = at.book(symbol)
    average = at.take(symbol, side, amount)
    return Sample(
        read,
        estimate,
        shortfall_bps(side, read.mid, average),
        shortfall_bps(side, met.mid, average),
        amount * average,
        turnover_1h,
        vol_1h,
    )


def samples(at: Trader, latency: float, count: int, seed: int) -> list[Sample]:
    """Orders at random times with log-uniform sizes; every second one closes the one before.

    :param count: even
    """
    rng = np.random.default_rng([seed, round(latency * 1000)])
    # On average half of this span passes between two entries, so that the history suffices.
    span = at.days * DAY_MS // (count // 2)
    out: list[Sample] = []
    for _ in range(count // 2):
        at.clock.advance(int(rng.integers(MINUTE_MS, span)))
        symbol = str(rng.choice(at.market.symbols))
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        share = float(np.exp(rng.uniform(np.log(SHARES[0]), np.log(SHARES[-1]))))
        step = at.market.instrument(symbol).step_size
        amount = max(1, round(at.book(symbol).depth(side, 0.01) * share / step)) * step
        out.append(sample(at, symbol, side, amount, latency))
        at.clock.advance(HELD_SECONDS * 1000)
        other = Side.SELL if side is Side.BUY else Side.BUY
        out.append(sample(at, symbol, other, amount, latency))
    return out


def median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def by_share(rows: list[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    for low, high in pairwise(SHARES):
        # The closing order's share of its own book may lie a little outside.
        first, last = low == SHARES[0], high == SHARES[-1]
        inside = [r for r in rows if (first or r.share >= low) and (last or r.share < high)]
        yield f"{low:.1%} to {high:.1%}", inside
    yield "all", rows


def report(latency: float, rows: list[Sample]) -> None:
    print(f"\nLatency {latency:g} s, {len(rows)} orders")
    print(
        f"{'share of depth':16} {'orders':>6} {'estimate':>9} {'actual':>8} {'error':>7}"
        f" {'arrival':>8} {'error':>7} {'cautious >=':>11}"
    )
    for name, group in by_share(rows):
        covered = np.mean([r.estimate.cautious_bps >= r.actual_bps for r in group])
        print(
            f"{name:16} {len(group):6} {median(r.estimate.mid_bps for r in group):9.2f}"
            f" {median(r.actual_bps for r in group):8.2f} {median(r.error for r in group):7.1%}"
            f" {median(r.arrival_bps for r in group):8.2f}"
            f" {median(r.arrival_error for r in group):7.1%} {covered:11.0%}"
        )


def report_limits(rows: list[Sample]) -> None:
    """Prints the share of orders that fit into books requested with each limit."""
    print("\nOrders that the book holds, by the limit it was asked for with")
    print(f"{'share of depth':16} " + "".join(f"{limit:>6}" for limit in LIMITS))
    for name, group in by_share(rows):
        held = [
            np.mean([r.estimate.amount <= total(r.read, r.estimate.side, limit) for r in group])
            for limit in LIMITS
        ]
        print(f"{name:16} " + "".join(f"{share:6.0%}" for share in held))


def total(book: Book, side: Side, limit: int) -> float:
    return sum(amount for _, amount in book.offers(side)[:limit])


def report_participation(rows: list[Sample]) -> None:
    print("\nMedian error without a book, from the share of the last hour's turnover")
    print(f"{'share of depth':16} " + "".join(f"{shape:>14}" for shape in Shape))
    for name, group in by_share(rows):
        errors = [median(r.participation_error(shape) for r in group) for shape in Shape]
        print(f"{name:16} " + "".join(f"{error:14.0%}" for error in errors))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for latency in LATENCIES:
        with trader(seed=1) as at:
            rows = samples(at, latency, count, seed=1)
        report(latency, rows)
    report_limits(rows)
    report_participation(rows)


if __name__ == "__main__":
    main()
