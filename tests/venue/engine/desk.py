"""A desk to trade from in tests: one engine, one user, a market that is set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from perpkit.venue.engine import (
    Account,
    Algo,
    Bracket,
    Brackets,
    Contract,
    Depth,
    Engine,
    NewAlgo,
    NewOrder,
    Order,
    PositionView,
)

Number = Decimal | int | float | str


def dec(value: Number) -> Decimal:
    return Decimal(str(value))


# The exchange's older BTC and ETH brackets as far as its worked examples need them.
BRACKETS = Brackets(
    (
        Bracket(1, dec(0), dec(50_000), dec("0.004"), dec(0), 125),
        Bracket(2, dec(50_000), dec(250_000), dec("0.005"), dec(50), 100),
        Bracket(3, dec(250_000), dec(1_000_000), dec("0.01"), dec(1300), 50),
        Bracket(4, dec(1_000_000), dec(10_000_000), dec("0.025"), dec(16_300), 20),
        Bracket(5, dec(10_000_000), dec(20_000_000), dec("0.05"), dec(266_300), 10),
        Bracket(6, dec(20_000_000), dec(50_000_000), dec("0.1"), dec(1_266_300), 5),
        Bracket(7, dec(50_000_000), dec(100_000_000), dec("0.125"), dec(2_516_300), 4),
    )
)
BTC = Contract("BTCUSDT", dec("0.1"), dec("0.001"), BRACKETS)
ETH = Contract("ETHUSDT", dec("0.05"), dec("0.01"), BRACKETS)


def depth(
    bid: Number, ask: Number, size: Number = 1000, levels: int = 10, gap: Number = "0.1"
) -> Depth:
    """`levels` levels of `size` on each side, `gap` apart."""
    steps = [dec(gap) * i for i in range(levels)]
    return Depth(
        tuple((dec(bid) - step, dec(size)) for step in steps),
        tuple((dec(ask) + step, dec(size)) for step in steps),
    )


class Desk:
    """One user's view; a second is added by `another`."""

    def __init__(
        self,
        wallet: Number = 10_000,
        *,
        isolated: bool = False,
        leverage: int = 10,
        contracts: Sequence[Contract] = (BTC, ETH),
    ):
        self.now = 1_000
        self.engine = Engine(contracts)
        self.user = self.another("key", wallet)
        self.price(100)
        self.engine.set_leverage(self.user, "BTCUSDT", leverage)
        if isolated:
            self.engine.set_margin_type(self.user, "BTCUSDT", isolated=True)

    def another(self, key: str, wallet: Number = 10_000) -> Account:
        return self.engine.add_account(key, "secret", dec(wallet), self.now)

    def price(
        self,
        last: Number,
        mark: Number | None = None,
        book: Depth | None = None,
        symbol: str = "BTCUSDT",
        **more: Any,
    ) -> None:
        """The market moves to `last`, half a tick within the best prices, deep unless said."""
        self.now += 1
        if book is None:
            book = depth(dec(last), dec(last) + dec("0.1"))
        mark = last if mark is None else mark
        self.engine.on_price(symbol, dec(last), dec(mark), book, self.now, **more)

    def order(
        self,
        side: str,
        quantity: Number | None,
        price: Number | None = None,
        tif: str | None = "GTC",
        *,
        symbol: str = "BTCUSDT",
        user: Account | None = None,
        **more: Any,
    ) -> Order:
        """LIMIT when there is a price, else MARKET."""
        new = NewOrder(
            symbol,
            side,
            more.pop("type", "MARKET" if price is None else "LIMIT"),
            None if quantity is None else dec(quantity),
            None if price is None else dec(price),
            None if price is None else tif,
            **more,
        )
        return self.engine.place_order(user or self.user, new, self.now)

    def algo(
        self, side: str, kind: str, quantity: Number | None, trigger: Number | None, **more: Any
    ) -> Algo:
        for name in ("price", "activate_price", "callback_rate"):
            if name in more:
                more[name] = dec(more[name])
        new = NewAlgo(
            more.pop("symbol", "BTCUSDT"),
            side,
            kind,
            None if quantity is None else dec(quantity),
            None if trigger is None else dec(trigger),
            **more,
        )
        return self.engine.place_algo(self.user, new, self.now)

    def position(self, symbol: str = "BTCUSDT") -> PositionView:
        return self.engine.positions(self.user, symbol)[0]

    @property
    def amount(self) -> Decimal:
        return self.position().amount

    def incomes(self, kind: str | None = None) -> list[Decimal]:
        return [i.amount for i in self.user.incomes if kind in (None, i.kind)]
