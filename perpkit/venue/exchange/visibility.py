"""What queries see of an account while its orders and fills become visible with a delay.

The exchange answers queries from a copy that lags behind the matching engine: an order that was
accepted does not exist yet, a position that was opened is still flat. Placing and cancelling
orders, margin and liquidation use the engine's own state and are not delayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from decimal import Decimal
from itertools import chain, takewhile

from perpkit.venue.engine import (
    Account,
    Algo,
    AlgoStatus,
    Fill,
    Order,
    OrderStatus,
    Position,
    SymbolHolding,
)
from perpkit.venue.engine.contract import ZERO, money
from perpkit.venue.engine.ledger import add_cost
from perpkit.venue.faults.faults import FaultKind, FaultPlan
from perpkit.venue.faults.kinds import MAX_LATE_MS

_LATE = (FaultKind.LATE_ORDERS, FaultKind.LATE_FILLS)


class Visibility:
    """Hides orders and fills for as long as the fault plan demands.

    The delay is drawn once for every order that was placed, or filled, under a fault.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._delays: dict[tuple[FaultKind, int], int] = {}

    def of(self, account: Account, now: int) -> Account:
        """Returns the account as a query at `now` sees it: itself, or a copy to read and discard.

        Fills of a symbol become visible in their order. In a copy, the margin of an isolated
        position is the initial margin at its entry price.
        """
        if not self._delays and not any(fault.kind in _LATE for _, fault in self._plan):
            return account
        late = self._late(account, now)
        hidden = self._hidden(account, now)
        return _without(account, late, hidden) if late or hidden else account

    def _late(self, account: Account, now: int) -> set[int]:
        """Returns the ids of orders and conditional orders that are not visible yet."""
        placed: Iterator[Order | Algo] = chain(
            takewhile(lambda o: o.created + MAX_LATE_MS > now, reversed(account.orders.values())),
            takewhile(lambda a: a.created + MAX_LATE_MS > now, reversed(account.algos.values())),
        )
        return {
            each.id
            for each in placed
            if each.created + self._delay(_LATE[0], each.id, each.symbol, each.created) > now
        }

    def _hidden(self, account: Account, now: int) -> list[Fill]:
        recent = list(takewhile(lambda f: f.time + MAX_LATE_MS > now, reversed(account.fills)))
        shown_at: dict[str, int] = {}
        hidden = []
        for fill in reversed(recent):
            own = fill.time + self._delay(_LATE[1], fill.order_id, fill.symbol, fill.time)
            shown_at[fill.symbol] = max(own, shown_at.get(fill.symbol, 0))
            if shown_at[fill.symbol] > now:
                hidden.append(fill)
        return hidden

    def _delay(self, kind: FaultKind, number: int, symbol: str, time: int) -> int:
        if (kind, number) not in self._delays:
            if not self._plan.active(kind, symbol, time):
                return 0
            fault = self._plan.strike(kind, symbol, time)
            self._delays[kind, number] = int(fault.number("ms")) if fault else 0
        return self._delays[kind, number]


def _without(account: Account, late: set[int], hidden: list[Fill]) -> Account:
    """Returns a copy of the account without those orders and as it was before those fills."""
    gone = {fill.id for fill in hidden}
    filled = {fill.order_id for fill in hidden}
    seen = copy(account)
    seen.fills = [fill for fill in account.fills if fill.id not in gone]
    seen.incomes = [income for income in account.incomes if income.trade_id not in gone]
    seen.wallets = dict(account.wallets)
    for income in account.incomes:
        if income.trade_id in gone:
            seen.wallets[income.asset] -= income.amount
    earlier = {
        number: _earlier(account.orders[number], [f for f in seen.fills if f.order_id == number])
        for number in filled
    }
    seen.orders = {n: earlier.get(n, o) for n, o in account.orders.items() if n not in late}
    seen.orders_by_client_id = {order.client_id: order for order in seen.orders.values()}
    seen.algos = {n: _forwarded(a, earlier) for n, a in account.algos.items() if n not in late}
    seen.algos_by_client_id = {algo.client_id: algo for algo in seen.algos.values()}
    seen.holdings = {
        symbol: _holding(holding, seen, earlier, [f for f in hidden if f.symbol == symbol])
        for symbol, holding in account.holdings.items()
    }
    return seen


def _earlier(order: Order, fills: Sequence[Fill]) -> Order:
    """Returns the order as it was after only these fills: still open."""
    seen = copy(order)
    seen.executed = sum((fill.quantity for fill in fills), ZERO)
    seen.quote = sum((fill.quote for fill in fills), ZERO)
    seen.status = OrderStatus.PARTIALLY_FILLED if fills else OrderStatus.NEW
    seen.updated = fills[-1].time if fills else order.created
    return seen


def _forwarded(algo: Algo, earlier: dict[int, Order]) -> Algo:
    if algo.order is None or algo.order.id not in earlier:
        return algo
    seen = copy(algo)
    seen.order = earlier[algo.order.id]
    seen.status = AlgoStatus.TRIGGERED
    seen.updated = algo.triggered
    return seen


def _holding(
    holding: SymbolHolding, account: Account, earlier: dict[int, Order], hidden: list[Fill]
) -> SymbolHolding:
    """Returns a holding as queries see it.

    :param account: the visible copy, complete except for its holdings
    :param hidden: hidden fills of this symbol
    """
    seen = copy(holding)
    open_ones = {*holding.orders, *(n for n, o in earlier.items() if o.symbol == holding.symbol)}
    seen.orders = {n: account.orders[n] for n in sorted(open_ones) if n in account.orders}
    seen.algos = {n: a for n, a in holding.algos.items() if n in account.algos}
    seen.positions = dict(holding.positions)
    for side in {fill.position_side for fill in hidden}:
        fills = [f for f in account.fills if f.symbol == holding.symbol and f.position_side is side]
        taken_back = [fill for fill in hidden if fill.position_side is side]
        seen.positions[side] = _position(holding, holding.position(side), fills, taken_back)
    return seen


def _position(
    holding: SymbolHolding, position: Position, fills: list[Fill], hidden: list[Fill]
) -> Position:
    """Returns a position as queries see it, from its visible and its hidden fills."""
    seen = _booked(position, fills, sum((f.side.sign * f.quantity for f in hidden), ZERO))
    if holding.isolated:
        seen.isolated_wallet = money(abs(seen.amount) * seen.entry / holding.leverage)
    seen.updated = fills[-1].time if fills else 0
    return seen


def _booked(position: Position, fills: list[Fill], hidden: Decimal) -> Position:
    """Books fills as the ledger does, from when the position was last flat: amount, entry, cost.

    :param fills: the visible fills; `hidden`: signed amount that is not visible yet
    """
    held, first = position.amount - hidden, len(fills)
    while held and first:
        first -= 1
        held -= fills[first].side.sign * fills[first].quantity
    entry, cost = (position.entry, position.cost) if held else (ZERO, ZERO)
    seen = Position(position.side, held, entry, cost=cost)
    for fill in fills[first:]:
        amount = fill.side.sign * fill.quantity
        total = seen.amount + amount
        if seen.amount * amount >= 0:
            seen.entry = (seen.entry * seen.amount + fill.price * amount) / total
        elif total * seen.amount <= 0:  # flat, or flipped
            seen.entry = fill.price if total else ZERO
        seen.amount = total
        add_cost(seen, amount, fill.price, fill.commission)
    return seen
