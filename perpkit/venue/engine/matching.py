"""Orders against the book.

An order that takes trades with the snapshot, level by level, and takes away what it trades. A LIMIT
order that rests waits behind the quantity shown at its price. While the last price stands at its
price, only what is traded there counts, first for those ahead of it. Once the last price has gone
through, or the other side offers at its price or better, it fills as a maker at its own price, at
most as much as the other side shows up to there (or at its best level). Orders of different
accounts never meet each other.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger
from perpkit.venue.engine.acceptance import Accepted, accept
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.orders import (
    Algo,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.quote import Level, Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState


def place(
    state: EngineState, account: Account, new: NewOrder, now: int, algo: Algo | None = None
) -> Order:
    """Accept, trade what can be traded now, then rest or expire.

    :param algo: the conditional order that has triggered
    :raises VenueError: nothing has happened then
    """
    accepted = accept(state, account, new, now, triggered=algo is not None)
    trades = accepted.quote.sweep(accepted.side, accepted.quantity, _reach(accepted))
    traded = sum((quantity for _, quantity in trades), ZERO)
    if accepted.time_in_force is TimeInForce.FOK and traded < accepted.quantity:
        raise Refusal.FOK.error()
    if accepted.time_in_force is TimeInForce.GTX and trades:
        raise Refusal.GTX.error()

    order = _register(state, account, accepted, new, now, algo)
    execute(state, account, accepted.quote, order, trades, now)
    if order.is_open:
        if order.type is OrderType.LIMIT and order.time_in_force.rests:
            order.ahead = accepted.quote.depth.resting(order.side, order.price)
        else:
            ledger.end_order(accepted.holding, order, OrderStatus.EXPIRED, now)
    return order


def _reach(accepted: Accepted) -> Decimal:
    """The worst price it may trade at; a MARKET order is bounded around mark."""
    if accepted.limit is not None:
        return accepted.limit
    return accepted.quote.mark * (1 + accepted.side.sign * accepted.contract.take_bound)


def _register(
    state: EngineState,
    account: Account,
    accepted: Accepted,
    new: NewOrder,
    now: int,
    algo: Algo | None,
) -> Order:
    number = next(state.order_ids)
    order = Order(
        id=number,
        client_id=new.client_id or f"venue-{number}",
        symbol=new.symbol,
        side=accepted.side,
        position_side=accepted.position_side,
        type=accepted.type,
        time_in_force=accepted.time_in_force,
        quantity=accepted.quantity,
        price=accepted.limit or ZERO,
        reduce_only=new.reduce_only,
        closing=accepted.closing,
        created=now,
        updated=now,
        algo=algo,
        price_match=accepted.price_match,
        good_till=accepted.good_till,
    )
    enter(account, accepted.holding, order)
    return order


def enter(account: Account, holding: SymbolHolding, order: Order) -> None:
    account.orders[order.id] = order
    account.orders_by_client_id[order.client_id] = order
    holding.orders[order.id] = order


def execute(
    state: EngineState,
    account: Account,
    quote: Quote,
    order: Order,
    trades: list[Level],
    now: int,
    commission_rate: Decimal | None = None,
) -> None:
    """Book the trades of an order that takes."""
    quote.take(trades)
    for price, quantity in trades:
        ledger.fill(
            state,
            account,
            order,
            price,
            quantity,
            now,
            maker=False,
            commission_rate=commission_rate,
        )


def cancel(holding: SymbolHolding, order: Order, now: int) -> None:
    """:raises VenueError: -2011 when it is not open"""
    if not order.is_open:
        raise Refusal.UNKNOWN_ORDER.error()
    ledger.end_order(holding, order, OrderStatus.CANCELED, now)


def match_resting(
    state: EngineState, symbol: str, now: int, traded: Decimal, most: Decimal | None
) -> None:
    """Fill what rests, best price first, then oldest first.

    :param traded: quantity that traded at the last price since the previous call
    :param most: what all resting orders together may fill now; None for no limit
    """
    contract, quote = state.contracts[symbol], state.quotes[symbol]
    waiting = [
        (account, order)
        for account in state.accounts.values()
        if (holding := account.holdings.get(symbol)) is not None
        for order in holding.orders.values()
    ]
    waiting.sort(key=lambda pair: (-pair[1].side.sign * pair[1].price, pair[1].id))
    for account, order in waiting:
        if not order.is_open:  # expired with the position it was to close
            continue
        wanted = _fillable(account, order)
        if most is not None:
            wanted = min(wanted, contract.quantity(most))
        quantity, traded = _reached(order, quote, wanted, traded)
        quantity = contract.quantity(quantity)
        if quantity:
            ledger.fill(state, account, order, order.price, quantity, now, maker=True)
            if most is not None:
                most -= quantity


def fill_resting(
    state: EngineState, account: Account, order: Order, quantity: Decimal, now: int
) -> None:
    """Fill an open order at its own price as if somebody had traded with it.

    :raises VenueError: -2011 when it is not open, -1130 when it cannot fill that much
    """
    if not order.is_open:
        raise Refusal.UNKNOWN_ORDER.error()
    if not 0 < quantity <= _fillable(account, order):
        raise Refusal.INVALID_PARAMETER.error("quantity")
    ledger.fill(state, account, order, order.price, quantity, now, maker=True)


def _fillable(account: Account, order: Order) -> Decimal:
    """What is left of an order; of a closing order, as much as there is to close."""
    if not order.closing:
        return order.remaining
    position = account.holdings[order.symbol].position(order.position_side)
    return min(order.remaining, max(ZERO, -order.side.sign * position.amount))


def through(order: Order, quote: Quote) -> bool:
    """Whether the last price has gone beyond that of a resting order."""
    return (order.price - quote.last) * order.side.sign > 0


def _reached(
    order: Order, quote: Quote, wanted: Decimal, traded: Decimal
) -> tuple[Decimal, Decimal]:
    """How much of `wanted` fills, and what is left of `traded` for those behind."""
    sign = order.side.sign
    best = quote.best(order.side)
    if through(order, quote) or (best is not None and (order.price - best) * sign >= 0):
        order.ahead = ZERO
        if best is None:
            return ZERO, traded
        reach = max(order.price, best) if order.side is Side.BUY else min(order.price, best)
        trades = quote.sweep(order.side, wanted, reach) if wanted else []
        quote.take(trades)
        return sum((quantity for _, quantity in trades), ZERO), traded
    if order.price == quote.last:
        passed = min(order.ahead, traded)
        order.ahead -= passed
        filled = min(wanted, traded - passed)
        return filled, traded - filled
    return ZERO, traded
