"""Decides whether the exchange accepts an order: fields, filters, position, bracket, margin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from perpkit.venue.engine import filters, margin
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.balance import balance_of, order_margin, order_notionals
from perpkit.venue.engine.contract import ZERO, Contract
from perpkit.venue.engine.orders import (
    NewOrder,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.quote import Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState, SymbolStatus
from perpkit.venue.engine.terms import good_till, limit_price, price_match, required, word


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that passed every check, with the fields of `Order`; `limit` is None at market."""

    contract: Contract
    quote: Quote
    holding: SymbolHolding
    side: Side
    position_side: PositionSide
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    limit: Decimal | None
    closing: bool
    price_match: PriceMatch
    good_till: int


def accept(
    state: EngineState, account: Account, new: NewOrder, now: int, *, triggered: bool
) -> Accepted:
    """Checks a new order against the exchange's rules and returns it as it may be placed.

    :param triggered: it comes from a conditional order, whose client id and expiry it shares
    :raises VenueError: the exchange's refusal
    """
    contract = state.contract(new.symbol)
    side = word(Side, new.side, Refusal.INVALID_SIDE)
    kind = word(OrderType, new.type, Refusal.INVALID_TYPE)
    if kind.conditional:
        raise Refusal.USE_ALGO_ENDPOINT.error()
    position_side = side_of_position(account, new.position_side, new.reduce_only)
    match = price_match(kind, new)
    time_in_force = _time_in_force(kind, new)
    expiry = (new.good_till or 0) if triggered else good_till(time_in_force, new.good_till, now)
    limit = None
    if kind is OrderType.LIMIT:
        limit = limit_price(contract, state.quote(new.symbol), side, match, new.price)
    if new.client_id is not None and not triggered:
        filters.check_client_id(new.client_id)
        known = account.orders_by_client_id.get(new.client_id)
        if known is not None and known.is_open:
            raise Refusal.DUPLICATE_CLIENT_ID.error()
    quantity = required(new.quantity, "quantity")
    if not triggered:  # checked when it was placed; with closePosition any size may close
        filters.check_quantity(contract, quantity, market=limit is None)

    quote = state.quote(new.symbol)
    holding = state.holding(account, new.symbol)
    closing = new.reduce_only or closes(side, position_side)
    _check_status(state, new.symbol, closing)
    if closing:
        if account.strict_reduce_only and not triggered:
            check_reduce_only(holding, side, position_side, quantity, limit)
        quantity = min(quantity, reducible(holding, side, position_side, limit))
        if quantity <= 0:
            raise Refusal.REDUCE_ONLY.error()
    else:
        filters.check_notional(contract, quantity * (quote.mark if limit is None else limit))
    filters.check_percent_price(contract, side, limit, quote.best(side), quote.mark)
    if len(holding.orders) >= contract.max_orders:
        raise Refusal.MAX_OPEN_ORDERS.error()
    if not closing:
        check_margin(state, account, contract, quote, holding, side, position_side, quantity, limit)
    return Accepted(
        contract,
        quote,
        holding,
        side,
        position_side,
        kind,
        time_in_force,
        quantity,
        limit,
        closing,
        match,
        expiry,
    )


def side_of_position(account: Account, value: str, reduce_only: bool) -> PositionSide:
    side = word(PositionSide, value, Refusal.BAD_POSITION_SIDE)
    if account.hedge is (side is PositionSide.BOTH):
        raise Refusal.POSITION_SIDE_MISMATCH.error()
    if account.hedge and reduce_only:
        raise Refusal.NOT_REQUIRED.error("reduceonly")
    return side


def closes(side: Side, position_side: PositionSide) -> bool:
    """Returns whether an order closes in hedge mode: selling closes LONG, buying closes SHORT."""
    long = position_side is PositionSide.LONG
    return position_side is not PositionSide.BOTH and long is (side is Side.SELL)


def _time_in_force(kind: OrderType, new: NewOrder) -> TimeInForce:
    if kind is OrderType.MARKET:
        if new.time_in_force is not None:
            raise Refusal.NOT_REQUIRED.error("timeInForce")
        if new.price is not None:
            raise Refusal.NOT_REQUIRED.error("price")
        return TimeInForce.GTC
    sent = required(new.time_in_force, "timeInForce")
    return word(TimeInForce, sent, Refusal.INVALID_TIME_IN_FORCE)


def _check_status(state: EngineState, symbol: str, closing: bool) -> None:
    status = state.status.get(symbol, SymbolStatus.TRADING)
    if status is SymbolStatus.CLOSE:
        raise Refusal.SYMBOL_CLOSED.error()
    if status is SymbolStatus.SETTLING and not closing:
        raise Refusal.NOT_OPENING.error()


def reducible(
    holding: SymbolHolding, side: Side, position_side: PositionSide, limit: Decimal | None
) -> Decimal:
    """Returns how much an order may close: the position less what resting orders close before it.

    A MARKET order trades before every resting order; a limit queues behind better and equal ones.
    """
    position = holding.position(position_side)
    if position.amount * side.sign >= 0:
        return ZERO
    before = ZERO
    if limit is not None:
        for order in holding.orders.values():
            if order.closing and order.side is side and (order.price - limit) * side.sign >= 0:
                before += order.remaining
    return abs(position.amount) - before


def check_reduce_only(
    holding: SymbolHolding,
    side: Side,
    position_side: PositionSide,
    quantity: Decimal,
    limit: Decimal | None,
) -> None:
    """Raises -2022 above the position, -4118 above what resting orders leave of it to close.

    In one-way mode only, and never of a MARKET order for the whole position or more. Binance FAQ
    360039707291 has the first case and the exception, a user's report the second: see
    docs/venue.md. The exchange publishes neither the codes nor whether all such orders are refused.
    """
    held = -side.sign * holding.position(position_side).amount
    if position_side is not PositionSide.BOTH or held <= 0 or (limit is None and quantity >= held):
        return
    if quantity > held:
        raise Refusal.REDUCE_ONLY.error()
    orders = (order for order in holding.orders.values() if order.closing and order.side is side)
    if quantity + sum((order.remaining for order in orders), ZERO) > held:
        raise Refusal.REDUCE_ONLY_ORDERS.error()


def check_margin(
    state: EngineState,
    account: Account,
    contract: Contract,
    quote: Quote,
    holding: SymbolHolding,
    side: Side,
    position_side: PositionSide,
    quantity: Decimal,
    limit: Decimal | None,
) -> None:
    """Raises -2027 above the bracket, -2018 for an empty wallet, -2019 if the cost is too high."""
    price = margin.assumed_price(side, limit, quote)
    bids, asks = order_notionals(holding.orders.values())
    amount = holding.position(position_side).amount
    resting = bids if side is Side.BUY else asks
    notional = quantity * price
    if side.sign * amount * quote.mark + resting + notional > contract.brackets.cap_at(
        holding.leverage
    ):
        raise Refusal.MAX_POSITION.error()
    balance = balance_of(state, account, holding.asset)
    if balance.shared.wallet <= 0:
        raise Refusal.NO_BALANCE.error()
    opening = quantity - min(quantity, max(ZERO, -side.sign * amount))
    trades = quote.sweep(side, quantity, limit)
    # A MARKET order that goes deep into the book costs more than its assumed price implies.
    notional = max(notional, sum((p * q for p, q in trades), ZERO))
    signed = amount * quote.mark
    hedged = account.hedge
    now = order_margin(holding.leverage, signed, bids, asks, hedged)
    if side is Side.BUY:
        bids += notional
    else:
        asks += notional
    then = order_margin(holding.leverage, signed, bids, asks, hedged)
    cost = then - now + margin.open_loss(side, opening, price, quote.mark)
    if cost > balance.available:
        raise Refusal.NO_MARGIN.error()
