"""Orders that the exchange itself sends, and the expiry of the user's orders before them."""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import ledger, matching
from perpkit.venue.engine.account import Account, Position, SymbolHolding
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.events import ExpiryReason
from perpkit.venue.engine.orders import (
    AlgoStatus,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.state import EngineState


def closing_order(
    state: EngineState,
    account: Account,
    holding: SymbolHolding,
    position: Position,
    quantity: Decimal,
    now: int,
    *,
    client_id: str,
    limit: Decimal | None = None,
) -> Order:
    """Registers an order with which the exchange closes `quantity` of a position; no trade yet.

    :param client_id: "{}" in it is replaced by the order's id
    :param limit: limit price of an IOC order; None for a MARKET order
    """
    number = next(state.order_ids)
    order = Order(
        id=number,
        client_id=client_id.format(number),
        symbol=holding.symbol,
        side=Side.SELL if position.amount > 0 else Side.BUY,
        position_side=position.side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC if limit is None else TimeInForce.IOC,
        quantity=quantity,
        price=limit or ZERO,
        reduce_only=False,  # as in recorded liquidations
        closing=True,
        created=now,
        updated=now,
        forced=True,
    )
    matching.enter(account, holding, order)
    return order


def expire_all(account: Account, holding: SymbolHolding, now: int, reason: ExpiryReason) -> None:
    """Expires all open orders and conditional orders of a symbol on behalf of the exchange."""
    for order in list(holding.orders.values()):
        ledger.end_order(account, order, OrderStatus.EXPIRED, now, reason)
    for algo in list(holding.algos.values()):
        ledger.end_algo(account, algo, AlgoStatus.EXPIRED, now)
