"""A thousand seeded runs of a trader who does anything: money and invariants after every step.

Two users, two symbols; orders of every type and time in force, conditional orders, cancels,
settings; isolated and cross, one-way and hedge; prices that wander and jump, funding. The same
seed gives the same run, and a failure names its seed and step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpkit.venue.engine import Account, Algo, Engine, Order
from tests.cases import SLOW, scaled
from tests.venue.engine.random_trader import ALGO_TYPES, SYMBOLS, WALLETS, ZERO, Run, summary

RUNS = scaled(1_000)
BLOCKS = 10
STEPS = 50


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
        -2011, -2019, -2021, -2022, -4049, -4054, -4061, -4116, -5021, -5022)),
    "amended NEW",
    "margin added",
}  # fmt: skip


@pytest.mark.parametrize(
    "block", [pytest.param(block, marks=SLOW if block % 2 else ()) for block in range(BLOCKS)]
)
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
