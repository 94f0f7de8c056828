"""A thousand seeded runs of a trader who does anything: money and invariants after every step.

Two users, two symbols; orders of every type and time in force, conditional orders, cancels,
settings; isolated and cross, one-way and hedge; prices that wander and jump, funding. The same
seed gives the same run, and a failure names its seed and step.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpkit.venue.engine import Account, Algo, Depth, Engine, NewAlgo, NewOrder, Order
from perpkit.venue.errors import VenueError
from tests.cases import scaled
from tests.venue.engine.desk import BTC, ETH, dec

RUNS = scaled(1_000)
BLOCKS = 10
STEPS = 50
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
            (self.order, self.algo, self.move, self.fund, self.cancel, self.cancel_algo, self.set),
            weights=(30, 20, 30, 5, 7, 4, 4),
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
            [(o.id, o.status, o.executed) for o in user.orders.values()],
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


def check_money(engine: Engine, user: Account) -> None:
    incomes = sum((i.amount for i in user.incomes), ZERO)
    assert user.wallet == WALLETS[user.api_key] + incomes  # exactly
    held = engine.balance(user)
    assert held.available >= 0
    # A wallet below 0 is one that profits not yet taken make up for.
    assert held.cross_wallet + held.cross_unrealized >= 0
    by_kind: Counter[str] = Counter()
    for income in user.incomes:
        by_kind[income.kind] += income.amount
    assert sum((f.commission for f in user.fills), ZERO) == -by_kind["COMMISSION"]
    assert sum((f.realized_pnl for f in user.fills), ZERO) == by_kind["REALIZED_PNL"]


def check_positions(engine: Engine, user: Account) -> None:
    traded: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in user.fills:
        key = fill.symbol, fill.position_side
        before, after = traded[key], traded[key] + fill.side.sign * fill.quantity
        order = user.orders[fill.order_id]
        if order.reduce_only or order.closing:
            # It never opens, adds or flips.
            assert abs(after) < abs(before)
            assert after * before >= 0
        assert fill.position_side == "BOTH" or after * (1 if key[1] == "LONG" else -1) >= 0
        traded[key] = after
    for symbol in SYMBOLS:
        for view in engine.positions(user, symbol):
            assert view.amount == traded.pop((symbol, view.position_side), ZERO)
            assert view.isolated_wallet >= 0
            assert view.amount or not view.isolated_wallet
    assert not any(traded.values())


def check_orders(user: Account) -> None:
    filled: defaultdict[int, Decimal] = defaultdict(Decimal)
    for fill in user.fills:
        filled[fill.order_id] += fill.quantity
        order = user.orders[fill.order_id]
        assert fill.maker or order.time_in_force != "GTX"
        assert not order.price or (order.price - fill.price) * order.side.sign >= 0
    for order in user.orders.values():
        assert order.executed == filled[order.id] <= order.quantity
        assert (order.executed == order.quantity) is (order.status == "FILLED")
    is_open = _open(user.orders, [h.orders for h in user.holdings.values()])
    for order in is_open:
        assert order.remaining > 0
        assert order.type == "LIMIT"
        assert order.time_in_force not in ("IOC", "FOK")
        if order.closing:
            held = user.holdings[order.symbol].position(order.position_side).amount
            assert held * order.side.sign < 0  # else it would wait for the next position
    for algo in user.algos.values():
        if algo.triggered:
            assert not algo.is_open
            # To close a position that is gone needs no order.
            assert algo.order or algo.refusal or algo.close_position
        else:
            assert algo.order is None
    _open(user.algos, [h.algos for h in user.holdings.values()])


def _open(known: dict[int, Any], listed: list[dict[int, Any]]) -> list[Any]:
    """Those that are open: neither more nor fewer than are listed as such, each id once."""
    is_open: list[Order | Algo] = [each for each in known.values() if each.is_open]
    assert sorted(each.id for each in is_open) == sorted(i for some in listed for i in some)
    ids = [each.client_id for each in is_open]
    assert len(ids) == len(set(ids))
    return is_open


def play(seed: int) -> Counter[str]:
    """:return: how often each thing came about"""
    run = Run(seed)
    for number in range(STEPS):
        try:
            run.step()
            for user in run.users:
                check_money(run.engine, user)
                check_positions(run.engine, user)
                check_orders(user)
        except AssertionError as error:
            error.add_note(f"seed {seed}, step {number} of {STEPS}")
            raise
    for user in run.users:
        run.reached.update(f"{o.type} {o.status}" for o in user.orders.values())
        run.reached.update(f"{a.type} {a.status}" for a in user.algos.values())
        run.reached.update(f"income {i.kind}" for i in user.incomes)
    return run.reached


# Without these a run would show little.
REACHED = {
    *(f"MARKET {status}" for status in ("FILLED", "EXPIRED")),
    *(f"LIMIT {status}" for status in ("NEW", "FILLED", "CANCELED", "EXPIRED")),
    *(f"{kind} {status}" for kind in ALGO_TYPES for status in ("NEW", "FINISHED", "REJECTED")),
    *(f"income {kind}" for kind in (
        "REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "INSURANCE_CLEAR")),
    *(f"refused {code}" for code in (
        -2011, -2019, -2021, -2022, -4061, -4116, -5021, -5022)),
}  # fmt: skip


@pytest.mark.parametrize("block", range(BLOCKS))
def test_money_is_conserved_and_invariants_are_kept(block: int):
    reached: Counter[str] = Counter()
    for seed in range(block, RUNS, BLOCKS):
        reached += play(seed)
    assert not REACHED - reached.keys()


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_run(seed: int):
    def history(play: Callable[[int], Any] = Run) -> list[Any]:
        run = play(seed)
        for _ in range(STEPS):
            run.step()
        return summary(run.users)

    assert history() == history()
