"""What is the same on both: prices that follow a wave, an account in one-way mode, orders, stops.

Amounts are in contracts. Nothing here knows ccxt; `bybit.py` and `okx.py` put it into words.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from math import exp, sin, tau

DAY_S = 86_400
FEE = 0.0006
FUNDING = 0.0001
# Of each level of a book, in quote currency.
DEPTH = 300_000.0
# 2026-03-03 12:00 UTC: when prices with a drift are those of the contract.
_DRIFTS_FROM = 1_772_539_200


@dataclass(frozen=True)
class Contract:
    """
    :param size: base currency in one contract
    :param step: of amounts, in contracts
    :param largest: market order, in contracts
    """

    base: str
    price: float
    tick: float
    size: float
    step: float
    largest: float


class RefusedError(Exception):
    """Of an order; the code is the exchange's."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


@dataclass
class Placed:
    """An order, in contracts.

    :param trigger: price of a stop; None for any other order
    :param state: open, filled, cancelled or triggered
    """

    number: str
    client_id: str
    base: str
    side: str
    amount: float
    price: float | None
    reduce_only: bool
    trigger: float | None
    at: int
    state: str = "open"
    filled: float = 0.0
    average: float = 0.0
    became: str = ""


@dataclass
class Held:
    """:param amount: below 0 for a short"""

    amount: float = 0.0
    entry: float = 0.0
    leverage: float = 1.0


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Desk:
    """
    :param wallet: without the open profit
    :param drift: of all prices, a day
    :param moved: factors on the prices, by base currency
    :param funding: of each settlement, every 8 hours, by base currency
    :param depth: of each level of the book, in quote currency, by base currency
    :param refusals: codes and words with which the next orders are refused
    """

    contracts: dict[str, Contract]
    wallet: float = 10_000.0
    drift: float = 0.0
    moved: dict[str, float] = field(default_factory=dict)
    funding: defaultdict[str, float] = field(default_factory=lambda: defaultdict(lambda: FUNDING))
    depth: defaultdict[str, float] = field(default_factory=lambda: defaultdict(lambda: DEPTH))
    orders: dict[str, Placed] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def wave(self, base: str, second: float) -> float:
        contract = self.contracts[base]
        drifted = contract.price * exp(self.drift * (second - _DRIFTS_FROM) / DAY_S)
        price = drifted * (1 + 0.02 * sin(tau * second / DAY_S))
        return round(round(price / contract.tick) * contract.tick, 10)

    def price(self, base: str) -> float:
        contract = self.contracts[base]
        price = self.wave(base, time.time()) * self.moved.get(base, 1.0)
        return round(round(price / contract.tick) * contract.tick, 10)

    def candle(self, base: str, opened_s: int, length_s: int) -> tuple[float, ...]:
        """Open, high, low, close, volume in base currency."""
        begin, end = self.wave(base, opened_s), self.wave(base, opened_s + length_s)
        high, low = max(begin, end) * 1.001, min(begin, end) * 0.999
        return begin, high, low, end, 5e7 / begin

    def place(
        self,
        base: str,
        side: str,
        amount: float,
        *,
        price: float | None = None,
        reduce_only: bool = False,
        trigger: float | None = None,
        client_id: str = "",
    ) -> Placed:
        """:raises RefusedError: as it was arranged in `refusals`"""
        if self.refusals:
            raise RefusedError(*self.refusals.pop(0))
        placed = Placed(
            str(7_000_000_000 + len(self.orders)),
            client_id,
            base,
            side,
            amount,
            price,
            reduce_only,
            trigger,
            now_ms(),
        )
        self.orders[placed.number] = placed
        self.look()
        return placed

    def look(self) -> None:
        """Fills what the price has reached."""
        for order in list(self.orders.values()):
            if order.state != "open":
                continue
            price = self.price(order.base)
            if order.trigger is not None:
                hit = price <= order.trigger if order.side == "sell" else price >= order.trigger
                if hit:
                    order.state = "triggered"
                    child = self.place(
                        order.base, order.side, order.amount, price=order.price, reduce_only=True
                    )
                    order.became = child.number
                    order.filled, order.average = child.filled, child.average
                continue
            limit = order.price
            if limit is None or (price <= limit if order.side == "buy" else price >= limit):
                self._fill(order, price)

    def _fill(self, order: Placed, price: float) -> None:
        held = self.held.setdefault(order.base, Held())
        way = 1 if order.side == "buy" else -1
        amount = min(order.amount, abs(held.amount)) if order.reduce_only else order.amount
        before = held.amount
        held.amount = round(before + way * amount, 8)
        if order.reduce_only:
            size = self.contracts[order.base].size
            self.wallet += -way * amount * size * (price - held.entry)
        else:
            held.entry = (abs(before) * held.entry + amount * price) / abs(held.amount)
        order.state, order.filled, order.average = "filled", amount, price
        self.wallet -= self.fee_of(order)

    def open_profit(self, base: str) -> float:
        """In quote currency."""
        held = self.held[base]
        return held.amount * self.contracts[base].size * (self.price(base) - held.entry)

    @property
    def equity(self) -> float:
        return self.wallet + sum(map(self.open_profit, self.held))

    def cancel(self, number: str) -> Placed | None:
        """Returns None where there is no such open order."""
        order = self.orders.get(number)
        if order is None or order.state != "open":
            return None
        order.state = "cancelled"
        return order

    def fee_of(self, order: Placed) -> float:
        return order.filled * self.contracts[order.base].size * order.average * FEE

    def stops(self) -> list[Placed]:
        return [o for o in self.orders.values() if o.trigger is not None and o.state == "open"]
