"""Changes an open order: its price and its quantity, nothing else.

USD-M futures, "Modify Order": only LIMIT orders; a changed order goes to the end of the queue at
its price, and trades at once where its new price is met. What breaks a filter is refused and leaves
the order as it was. Two changes end it instead: a quantity that has been filled already, and a
price at which a post-only order would trade.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpkit.venue.engine import filters, ledger, matching
from perpkit.venue.engine.acceptance import (
    check_margin,
    check_reduce_only,
    closes,
    reducible,
)
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ZERO, Contract
from perpkit.venue.engine.events import Execution, OrderEvent
from perpkit.venue.engine.orders import (
    Amendment,
    Order,
    OrderStatus,
    OrderType,
    PriceMatch,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.quote import Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState, SymbolStatus
from perpkit.venue.engine.terms import limit_price, required, word

MOST_AMENDMENTS = 10_000


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What a user wants an open order to be, as sent; `Amendment` is what came of it.

    :param quantity: the whole order, what has been filled included
    :param price_match: replaces `price`: see `PriceMatch`
    :param reduce_only: asks for the checks of a reduce-only order, which it must be already
    :param number: the user's own number of the change, passed back
    """

    side: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    price_match: str = "NONE"
    reduce_only: bool = False
    number: int | None = None


def amend(
    state: EngineState, account: Account, order: Order, change: OrderChange, now: int
) -> None:
    """Changes an open order, or ends it.

    :raises VenueError: the exchange's refusal; nothing has changed
    """
    contract, quote = state.contract(order.symbol), state.quote(order.symbol)
    holding = account.holdings[order.symbol]
    quantity, price, match = _checked(state, contract, quote, order, change)
    if quantity <= order.executed:
        ledger.end_order(account, order, OrderStatus.CANCELED, now)
        return
    quantity = order.executed + _allowed(
        state, account, contract, quote, holding, order, quantity - order.executed, price
    )
    trades = quote.sweep(order.side, quantity - order.executed, price)
    if order.time_in_force is TimeInForce.GTX and trades:
        ledger.end_order(account, order, OrderStatus.CANCELED, now)
        return
    order.amendments.append(
        Amendment(
            next(state.amendment_ids),
            now,
            (order.price, price),
            (order.quantity, quantity),
            len(order.amendments) + 1,
            change.number,
        )
    )
    order.price, order.quantity, order.price_match, order.updated = price, quantity, match, now
    account.report(OrderEvent(order, Execution.AMENDMENT, now))
    matching.execute(state, account, quote, order, trades, now)
    if order.is_open:
        matching.join_queue(state, quote, order)


def _checked(
    state: EngineState, contract: Contract, quote: Quote, order: Order, change: OrderChange
) -> tuple[Decimal, Decimal, PriceMatch]:
    """The new quantity and price, and how the price was chosen, with everything checked but margin
    and position."""
    if order.type is not OrderType.LIMIT:
        raise Refusal.AMENDED_TYPE.error()
    if word(Side, change.side, Refusal.INVALID_SIDE) is not order.side:
        raise Refusal.INVALID_SIDE.error()
    match = word(PriceMatch, change.price_match, Refusal.BAD_PRICE_MATCH)
    if match is not PriceMatch.NONE and change.price is not None:
        raise Refusal.NOT_REQUIRED.error("price")
    quantity = required(change.quantity, "quantity")
    if state.status.get(order.symbol, SymbolStatus.TRADING) is not SymbolStatus.TRADING:
        raise Refusal.AMENDED_STATUS.error()
    price = limit_price(contract, quote, order.side, match, change.price)
    filters.check_quantity(contract, quantity, market=False)
    filters.check_percent_price(contract, order.side, price, quote.best(order.side), quote.mark)
    if change.reduce_only and not order.reduce_only:
        raise Refusal.NOT_REDUCE_ONLY.error()
    closing = change.reduce_only or closes(order.side, order.position_side)
    if not closing and quantity * price < contract.min_notional:
        raise Refusal.AMENDED_NOTIONAL.error(f"{contract.min_notional:f}")
    if (quantity, price) == (order.quantity, order.price):
        raise Refusal.SAME_ORDER.error()
    if len(order.amendments) >= MOST_AMENDMENTS:
        raise Refusal.AMENDED_TOO_OFTEN.error()
    return quantity, price, match


def _allowed(
    state: EngineState,
    account: Account,
    contract: Contract,
    quote: Quote,
    holding: SymbolHolding,
    order: Order,
    left: Decimal,
    price: Decimal,
) -> Decimal:
    """How much of `left` may be open at the new price, as if the order itself were not there."""
    orders = holding.orders
    holding.orders = {n: other for n, other in orders.items() if other is not order}
    try:
        if order.closing:
            if account.strict_reduce_only:
                check_reduce_only(holding, order.side, order.position_side, left, price)
            left = min(left, reducible(holding, order.side, order.position_side, price))
            if left <= ZERO:
                raise Refusal.REDUCE_ONLY.error()
        else:
            check_margin(
                state,
                account,
                contract,
                quote,
                holding,
                order.side,
                order.position_side,
                left,
                price,
            )
    finally:
        holding.orders = orders
    return left
