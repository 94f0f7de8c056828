"""Matches orders against the book.

A taker order trades with the snapshot, level by level, and removes what it trades. A resting LIMIT
order queues behind the quantity shown at its price. While the last price equals its price, only the
quantity traded there counts, first for those ahead of it in the queue. Once the last price has gone
beyond its price, or the opposite side offers that price or better, it fills as a maker at its own
price, at most by what the opposite side shows up to there (or at its best level). Orders of
different accounts never match each other.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger
from perpkit.venue.engine.acceptance import Accepted, accept
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.events import Execution, ExpiryReason, OrderEvent
from perpkit.venue.engine.orders import (
    Algo,
    AlgoStatus,
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
    """Checks an order and trades what can be traded now; the remainder rests or expires.

    :param algo: the triggered conditional order from which it comes, if any
    :raises VenueError: the exchange's refusal; nothing has changed
    """
    accepted, trades = _checked(state, account, new, now, algo)
    order = _made(accepted, new, next(state.order_ids), now, algo)
    enter(account, accepted.holding, order)
    if algo is not None:
        algo.order = order
        ledger.set_algo(account, algo, AlgoStatus.TRIGGERED, now)
    execute(state, account, accepted.quote, order, trades, now)
    if order.is_open:
        if order.type is OrderType.LIMIT and order.time_in_force.rests:
            join_queue(state, accepted.quote, order)
        else:
            market = order.type is OrderType.MARKET
            reason = ExpiryReason.MARKET_UNFILLED if market else ExpiryReason.IOC_UNFILLED
            ledger.end_order(account, order, OrderStatus.EXPIRED, now, reason)
    return order


def check(state: EngineState, account: Account, new: NewOrder, now: int) -> Order:
    """Checks an order as `place` does, and returns what it would be: with id 0, and nothing filled.

    :raises VenueError: the exchange's refusal
    """
    accepted, _ = _checked(state, account, new, now, None)
    return _made(accepted, new, 0, now, None)


def join_queue(state: EngineState, quote: Quote, order: Order) -> None:
    """Puts a resting order behind everything else that waits at its price."""
    order.ahead = quote.depth.resting(order.side, order.price)
    order.place = next(state.places)


def _checked(
    state: EngineState, account: Account, new: NewOrder, now: int, algo: Algo | None
) -> tuple[Accepted, list[Level]]:
    """The order as it may be placed, and what it trades with at once."""
    accepted = accept(state, account, new, now, triggered=algo is not None)
    trades = accepted.quote.sweep(accepted.side, accepted.quantity, _reach(accepted))
    traded = sum((quantity for _, quantity in trades), ZERO)
    if accepted.time_in_force is TimeInForce.FOK and traded < accepted.quantity:
        raise Refusal.FOK.error()
    if accepted.time_in_force is TimeInForce.GTX and trades:
        raise Refusal.GTX.error()
    return accepted, trades


def _reach(accepted: Accepted) -> Decimal:
    """Returns the worst price at which an order may trade; at market it is bounded around mark."""
    if accepted.limit is not None:
        return accepted.limit
    return accepted.quote.mark * (1 + accepted.side.sign * accepted.contract.take_bound)


def _made(accepted: Accepted, new: NewOrder, number: int, now: int, algo: Algo | None) -> Order:
    return Order(
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


def enter(account: Account, holding: SymbolHolding, order: Order) -> None:
    account.orders[order.id] = order
    account.orders_by_client_id[order.client_id] = order
    holding.orders[order.id] = order
    account.report(OrderEvent(order, Execution.NEW, order.created))


def execute(
    state: EngineState,
    account: Account,
    quote: Quote,
    order: Order,
    trades: list[Level],
    now: int,
    commission_rate: Decimal | None = None,
) -> None:
    """Books the trades of a taker order."""
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


def cancel(account: Account, order: Order, now: int) -> None:
    """Cancels an order.

    :raises VenueError: -2011 if it is not open
    """
    if not order.is_open:
        raise Refusal.UNKNOWN_ORDER.error()
    ledger.end_order(account, order, OrderStatus.CANCELED, now)


def match_resting(
    state: EngineState, symbol: str, now: int, traded: Decimal, most: Decimal | None
) -> None:
    """Fills resting orders, best price first, then those first that have waited there longest.

    :param traded: quantity that traded at the last price since the previous call
    :param most: maximum that all resting orders together may fill now; None for no limit
    """
    contract, quote = state.contracts[symbol], state.quotes[symbol]
    waiting = [
        (account, order)
        for account in state.accounts.values()
        if (holding := account.holdings.get(symbol)) is not None
        for order in holding.orders.values()
    ]
    waiting.sort(key=lambda pair: (-pair[1].side.sign * pair[1].price, pair[1].place))
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
    """Fills an open order at its own price as if another user had traded with it.

    :raises VenueError: -2011 if it is not open, -1130 if it cannot fill that much
    """
    if not order.is_open:
        raise Refusal.UNKNOWN_ORDER.error()
    if not 0 < quantity <= _fillable(account, order):
        raise Refusal.INVALID_PARAMETER.error("quantity")
    ledger.fill(state, account, order, order.price, quantity, now, maker=True)


def _fillable(account: Account, order: Order) -> Decimal:
    """Returns an order's unfilled quantity; for a closing order, no more than it can close."""
    if not order.closing:
        return order.remaining
    position = account.holdings[order.symbol].position(order.position_side)
    return min(order.remaining, max(ZERO, -order.side.sign * position.amount))


def through(order: Order, quote: Quote) -> bool:
    """Returns whether the last price has gone beyond that of a resting order."""
    return (order.price - quote.last) * order.side.sign > 0


def _reached(
    order: Order, quote: Quote, wanted: Decimal, traded: Decimal
) -> tuple[Decimal, Decimal]:
    """Returns how much of `wanted` fills, and how much of `traded` is left for orders behind it."""
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
