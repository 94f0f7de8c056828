"""A seeded trader who does anything, in a market that does, too: a seed gives the same run."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

from perpkit.venue.engine import Account, Depth, Engine, NewAlgo, NewOrder, OrderChange
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import BTC, ETH, dec

# By key; the second is soon all in.
WALLETS = {"rich": Decimal(5_000), "poor": Decimal(400)}
CONTRACTS = {contract.symbol: contract for contract in (BTC, ETH)}
SYMBOLS = tuple(CONTRACTS)
ZERO = Decimal(0)

LIMIT_TYPES = ("LIMIT", "STOP", "TAKE_PROFIT")
ALGO_TYPES = (
    "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
)  # fmt: skip


class Run:
    """One seeded run: `step` does one thing, `reached` counts what has come of all of them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now = 1_000
        self.engine = Engine(CONTRACTS.values())
        self.users = [self.engine.add_account(k, "s", w, self.now) for k, w in WALLETS.items()]
        self.prices = dict.fromkeys(SYMBOLS, 100.0)
        self.reached: Counter[str] = Counter()
        for symbol in SYMBOLS:
            self.show(symbol)
        for user in self.users:
            if self.chance(0.4):
                self.engine.set_position_mode(user, hedge=True)
            for symbol in SYMBOLS:
                self.engine.set_leverage(user, symbol, self.dice.choice((1, 5, 20, 100)))
                if self.chance(0.5):
                    self.engine.set_margin_type(user, symbol, isolated=True)

    def chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    def step(self) -> None:
        self.now += self.dice.choice((1, 1_000, 60_000))
        user, symbol = self.dice.choice(self.users), self.dice.choice(SYMBOLS)
        action = self.dice.choices(
            (
                self.order,
                self.algo,
                self.move,
                self.fund,
                self.cancel,
                self.cancel_algo,
                self.set,
                self.amend,
                self.margin,
            ),
            weights=(30, 20, 30, 5, 7, 4, 4, 6, 3),
        )[0]
        before, refusal = summary(self.users), None
        try:
            action(user, symbol)
        except VenueError as error:
            refusal = error
        if refusal is not None:
            self.reached[f"refused {refusal.code}"] += 1
            assert summary(self.users) == before, f"refused, but not without a trace: {refusal}"

    # What a trader does

    def order(self, user: Account, symbol: str) -> None:
        kind = self.dice.choice(("MARKET", "LIMIT"))
        side, position_side, reduce_only = self.direction(user, symbol)
        limits = kind == "LIMIT"
        free = free_margin(self.engine, user)
        order = self.engine.place_order(
            user,
            NewOrder(
                symbol,
                side,
                kind,
                self.quantity(user, symbol, reduce_only),
                self.near(symbol, 0.03) if limits else None,
                self.dice.choice(("GTC", "GTC", "IOC", "FOK", "GTX")) if limits else None,
                reduce_only=reduce_only,
                position_side=position_side,
                client_id=self.client_id(),
            ),
            self.now,
        )
        if not (order.executed or order.closing or order.reduce_only):
            # Where a loss has used it up, an order that binds none is still taken.
            assert free_margin(self.engine, user) >= min(free, ZERO)

    def amend(self, user: Account, symbol: str) -> None:
        resting = self.engine.open_orders(user, symbol)
        if not resting:
            return
        order = self.dice.choice(resting)
        change = OrderChange(
            order.side,
            self.quantity(user, symbol, order.reduce_only),
            self.near(symbol, 0.03),
            reduce_only=order.reduce_only,
        )
        self.engine.amend_order(user, symbol, change, self.now, order_id=order.id)
        self.reached[f"amended {order.status}"] += 1

    def margin(self, user: Account, symbol: str) -> None:
        side = self.dice.choice(("LONG", "SHORT")) if user.hedge else "BOTH"
        amount = dec(self.dice.randint(-3_000, 3_000)) / 10
        change = self.engine.change_margin(user, symbol, side, amount, self.now)
        self.reached["margin added" if change.amount > 0 else "margin taken"] += 1

    def algo(self, user: Account, symbol: str) -> None:
        kind = self.dice.choice(ALGO_TYPES)
        side, position_side, reduce_only = self.direction(user, symbol)
        whole = kind in ("STOP_MARKET", "TAKE_PROFIT_MARKET") and self.chance(0.4)
        trailing = kind == "TRAILING_STOP_MARKET"
        rate = self.dice.choice(("0.1", "1", "5")) if trailing else None
        self.engine.place_algo(
            user,
            NewAlgo(
                symbol,
                side,
                kind,
                None if whole else self.quantity(user, symbol, reduce_only),
                None if trailing else self.beyond(symbol, side, kind),
                self.near(symbol, 0.04) if kind in LIMIT_TYPES else None,
                working_type=self.dice.choice(("CONTRACT_PRICE", "MARK_PRICE")),
                reduce_only=reduce_only and not whole,
                close_position=whole,
                activate_price=self.near(symbol, 0.03) if trailing and self.chance(0.5) else None,
                callback_rate=None if rate is None else dec(rate),
                position_side=position_side,
                client_id=self.client_id(),
            ),
            self.now,
        )

    def cancel(self, user: Account, symbol: str) -> None:
        if user.orders and self.chance(0.8):
            number = self.dice.choice(list(user.orders))
            self.engine.cancel_order(user, user.orders[number].symbol, self.now, order_id=number)
        else:
            self.engine.cancel_all(user, symbol, self.now)

    def cancel_algo(self, user: Account, symbol: str) -> None:
        if user.algos and self.chance(0.8):
            number = self.dice.choice(list(user.algos))
            self.engine.cancel_algo(user, self.now, algo_id=number)
        else:
            self.engine.cancel_all_algos(user, symbol, self.now)

    def set(self, user: Account, symbol: str) -> None:
        match self.dice.randrange(4):
            case 0 | 1:
                leverage = self.dice.choice((1, 3, 10, 50, 125))
                self.engine.set_leverage(user, symbol, leverage)
            case 2:
                self.engine.set_margin_type(user, symbol, isolated=self.chance(0.5))
            case _:
                self.engine.set_position_mode(user, hedge=self.chance(0.5))

    # What the market does

    def move(self, _: Account, symbol: str) -> None:
        width = 0.15 if self.chance(0.1) else 0.008
        self.prices[symbol] *= 1 + self.dice.uniform(-width, width)
        self.show(symbol)

    def fund(self, _: Account, symbol: str) -> None:
        rate = dec(self.dice.randint(-100, 100)) / 10_000
        self.engine.on_funding(symbol, rate, self.near(symbol, 0), self.now)

    def show(self, symbol: str) -> None:
        tick = CONTRACTS[symbol].tick
        last = self.near(symbol, 0)
        sizes = [dec(self.dice.randint(1, 40)) for _ in range(self.dice.randint(0, 6))]
        depth = Depth(
            tuple((last - tick * i, size) for i, size in enumerate(sizes)),
            tuple((last + tick * (i + 1), size) for i, size in enumerate(sizes)),
        )
        traded = dec(self.dice.choice((0, 0, 5)))
        self.engine.on_price(symbol, last, self.near(symbol, 0.004), depth, self.now, traded=traded)

    # Parts of a request

    def near(self, symbol: str, width: float) -> Decimal:
        """A price on the tick, within `width` of the last one."""
        tick = CONTRACTS[symbol].tick
        price = self.prices[symbol] * (1 + self.dice.uniform(-width, width))
        return round(dec(price) / tick) * tick

    def beyond(self, symbol: str, side: str, kind: str) -> Decimal:
        """A price that a conditional order can wait for, mostly."""
        up = (side == "BUY") is kind.startswith("STOP")
        if self.chance(0.1):
            up = not up
        away = 1 + self.dice.uniform(0.001, 0.03) * (1 if up else -1)
        tick = CONTRACTS[symbol].tick
        return round(dec(self.prices[symbol] * away) / tick) * tick

    def direction(self, user: Account, symbol: str) -> tuple[str, str, bool]:
        """Side, position side, reduce-only; now and then one that the user's mode refuses."""
        side = self.dice.choice(("BUY", "SELL"))
        hedge = user.hedge if self.chance(0.97) else not user.hedge
        if hedge:
            return side, self.dice.choice(("LONG", "SHORT")), False
        reduce_only = self.chance(0.35)
        held = self.engine.positions(user, symbol)[0].amount
        if reduce_only and held and self.chance(0.85):
            side = "SELL" if held > 0 else "BUY"
        return side, "BOTH", reduce_only

    def quantity(self, user: Account, symbol: str, reduce_only: bool) -> Decimal:
        """Sometimes exactly what is held, for orders that close."""
        held = [abs(v.amount) for v in self.engine.positions(user, symbol) if v.amount]
        if held and self.chance(0.6 if reduce_only else 0.2):
            return self.dice.choice(held)
        return dec(self.dice.choice((1, 10, 60))) * dec(self.dice.randint(1, 100)) / 100

    def client_id(self) -> str | None:
        """From few, so that some are sent twice."""
        return f"mine-{self.dice.randrange(6)}" if self.chance(0.3) else None


def summary(users: list[Account]) -> list[Any]:
    """All that a request may change."""
    return [
        (
            user.wallet,
            user.hedge,
            len(user.fills),
            len(user.incomes),
            [(o.id, o.status, o.executed, o.price, o.quantity) for o in user.orders.values()],
            len(user.margin_changes),
            [(a.id, a.status) for a in user.algos.values()],
            {
                symbol: (
                    h.leverage,
                    h.isolated,
                    [(s, p.amount, p.entry, p.isolated_wallet) for s, p in h.positions.items()
                     if p.amount],
                )
                for symbol, h in user.holdings.items()
                if any(h.held())
            },
        )
        for user in users
    ]  # fmt: skip


def free_margin(engine: Engine, user: Account) -> Decimal:
    """What is left of cross margin; what `available` shows when it is not negative."""
    held = engine.balance(user)
    bound = held.cross_position_initial_margin + held.open_order_initial_margin
    return held.cross_wallet + held.cross_unrealized - bound
