"""Conditional orders: kept apart from the book, and forwarded to it when their price is reached.

Until then no margin is checked or committed. A trailing stop follows the best price since its
activation; the other types wait for `trigger_price`.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import filters, ledger, matching
from perpkit.venue.engine.acceptance import closes, side_of_position
from perpkit.venue.engine.account import Account, SymbolHolding
from perpkit.venue.engine.contract import ZERO, Contract
from perpkit.venue.engine.events import AlgoEvent
from perpkit.venue.engine.orders import (
    Algo,
    AlgoStatus,
    NewAlgo,
    NewOrder,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    TimeInForce,
    WorkingType,
)
from perpkit.venue.engine.quote import Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState
from perpkit.venue.engine.terms import good_till, price_match, required, word
from perpkit.venue.errors import VenueError

STOPS = (OrderType.STOP, OrderType.STOP_MARKET)
_CAN_CLOSE_POSITION = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)


def place_algo(state: EngineState, account: Account, new: NewAlgo, now: int) -> Algo:
    """Checks a conditional order and adds it to the account's.

    :raises VenueError: the exchange's refusal; nothing has changed
    """
    contract = state.contract(new.symbol)
    side = word(Side, new.side, Refusal.INVALID_SIDE)
    kind = word(OrderType, new.type, Refusal.INVALID_TYPE)
    if not kind.conditional:
        raise Refusal.INVALID_TYPE.error()
    working = word(WorkingType, new.working_type, Refusal.BAD_WORKING_TYPE)
    time_in_force = word(TimeInForce, new.time_in_force, Refusal.INVALID_TIME_IN_FORCE)
    expiry = good_till(time_in_force, new.good_till, now)
    match = price_match(kind, new)
    position_side = side_of_position(account, new.position_side, new.reduce_only)
    if new.client_id is not None:
        filters.check_client_id(new.client_id)
        known = account.algos_by_client_id.get(new.client_id)
        if known is not None and known.is_open:
            raise Refusal.DUPLICATE_CLIENT_ID.error()

    quote = state.quote(new.symbol)
    holding = state.holding(account, new.symbol)
    if len(holding.algos) >= contract.max_algo_orders:
        raise Refusal.MAX_ALGO_ORDERS.error()
    quantity = _check_size(contract, holding, new, side, position_side, kind)
    price = ZERO
    if kind.limits and match is PriceMatch.NONE:
        price = required(new.price, "price")
        filters.check_price(contract, price)
    if kind is OrderType.TRAILING_STOP_MARKET:
        _check_trailing(contract, new, side, _watched(quote, working))
    else:
        trigger = required(new.trigger_price, "triggerPrice")
        filters.check_price(contract, trigger)
        if _has_reached(kind, side, trigger, _watched(quote, working)):
            raise Refusal.WOULD_TRIGGER.error()

    # Fields that the type does not use are dropped, because nothing has checked them.
    trailing = kind is OrderType.TRAILING_STOP_MARKET
    number = next(state.algo_ids)
    algo = Algo(
        id=number,
        client_id=new.client_id or f"venue-algo-{number}",
        symbol=new.symbol,
        side=side,
        position_side=position_side,
        type=kind,
        time_in_force=time_in_force,
        working_type=working,
        quantity=quantity,
        price=price,
        trigger_price=ZERO if trailing else new.trigger_price or ZERO,
        activate_price=new.activate_price or ZERO if trailing else ZERO,
        callback_rate=new.callback_rate or ZERO if trailing else ZERO,
        reduce_only=new.reduce_only,
        close_position=new.close_position,
        created=now,
        updated=now,
        price_match=match,
        good_till=expiry,
        price_protect=new.price_protect,
    )
    if kind is OrderType.TRAILING_STOP_MARKET and new.activate_price is None:
        algo.extreme = _watched(quote, working)
    account.algos[number] = account.algos_by_client_id[algo.client_id] = algo
    holding.algos[number] = algo
    account.report(AlgoEvent(algo, now))
    return algo


def cancel_algo(account: Account, algo: Algo, now: int) -> None:
    """Cancels a conditional order.

    :raises VenueError: -2011 if it has triggered or ended
    """
    if not algo.is_open:
        raise Refusal.UNKNOWN_ORDER.error()
    ledger.end_algo(account, algo, AlgoStatus.CANCELED, now)


def trigger_reached(state: EngineState, symbol: str, now: int) -> None:
    """Forwards every conditional order of the symbol whose price is reached.

    Each account's oldest order comes first.
    """
    quote = state.quotes[symbol]
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is None:
            continue
        for algo in list(holding.algos.values()):
            # An order that triggered before may have closed the position, and expired this one.
            if not algo.is_open:
                continue
            follow(algo, _watched(quote, algo.working_type))
            if due(algo, quote) and not _protected(state.contracts[symbol], quote, algo):
                _forward(state, account, holding, algo, now)


def _check_size(
    contract: Contract,
    holding: SymbolHolding,
    new: NewAlgo,
    side: Side,
    position_side: PositionSide,
    kind: OrderType,
) -> Decimal:
    if not new.close_position:
        quantity = required(new.quantity, "quantity")
        filters.check_quantity(contract, quantity, market=not kind.limits)
        return quantity
    if kind not in _CAN_CLOSE_POSITION:
        raise Refusal.INVALID_PARAMETER.error("closePosition")
    if new.quantity:
        raise Refusal.QUANTITY_WITH_CLOSE.error()
    if new.reduce_only:
        raise Refusal.NOT_REQUIRED.error("reduceonly")
    if position_side is not PositionSide.BOTH and not closes(side, position_side):
        raise Refusal.REDUCE_ONLY.error()
    for other in holding.algos.values():
        if other.close_position and other.side is side and (other.type is kind):
            raise Refusal.CLOSE_POSITION_EXISTS.error()
    return ZERO


def _check_trailing(contract: Contract, new: NewAlgo, side: Side, price: Decimal) -> None:
    rate = required(new.callback_rate, "callbackRate")
    if not Decimal("0.1") <= rate <= 10:
        raise Refusal.INVALID_PARAMETER.error("callbackRate")
    if new.activate_price is not None:
        filters.check_price(contract, new.activate_price)
        if (new.activate_price - price) * side.sign >= 0:
            raise Refusal.WOULD_TRIGGER.error()


def _watched(quote: Quote, working: WorkingType) -> Decimal:
    return quote.mark if working is WorkingType.MARK_PRICE else quote.last


def _has_reached(kind: OrderType, side: Side, trigger: Decimal, price: Decimal) -> bool:
    """Returns whether a price triggers: a stop at prices that are worse for an order of its side, a
    take-profit at better ones."""
    beyond = (price - trigger) * side.sign
    return beyond >= 0 if kind in STOPS else beyond <= 0


def due(algo: Algo, quote: Quote) -> bool:
    """Returns whether the price of a conditional order has been reached; changes nothing."""
    price = _watched(quote, algo.working_type)
    if algo.type is not OrderType.TRAILING_STOP_MARKET:
        return _has_reached(algo.type, algo.side, algo.trigger_price, price)
    extreme = _extreme(algo, price)
    return extreme is not None and (price - turn(algo, extreme)) * algo.side.sign >= 0


def turn(algo: Algo, extreme: Decimal) -> Decimal:
    """Returns the price at which a trailing stop triggers."""
    return extreme * (1 + algo.side.sign * algo.callback_rate / 100)


def follow(algo: Algo, price: Decimal) -> None:
    """Shows a price to a trailing stop; other types ignore it."""
    if algo.type is OrderType.TRAILING_STOP_MARKET:
        algo.extreme = _extreme(algo, price)


def _extreme(algo: Algo, price: Decimal) -> Decimal | None:
    """Returns the best price since activation, including `price`; None before activation."""
    sign = algo.side.sign
    if algo.extreme is None:
        return None if (price - algo.activate_price) * sign > 0 else price
    return price if (price - algo.extreme) * sign < 0 else algo.extreme


def _protected(contract: Contract, quote: Quote, algo: Algo) -> bool:
    """Returns whether price protection blocks the trigger: mark and last are too far apart."""
    apart = abs(quote.mark - quote.last)
    return algo.price_protect and apart > contract.trigger_protect * quote.mark


def _forward(
    state: EngineState, account: Account, holding: SymbolHolding, algo: Algo, now: int
) -> None:
    algo.triggered = now
    ledger.end_algo(account, algo, AlgoStatus.TRIGGERING, now)
    quantity = algo.quantity
    if algo.close_position:
        quantity = abs(holding.position(algo.position_side).amount)
        if not quantity:
            ledger.set_algo(account, algo, AlgoStatus.EXPIRED, now)
            return
    one_way = algo.position_side is PositionSide.BOTH
    new = NewOrder(
        algo.symbol,
        algo.side,
        OrderType.LIMIT if algo.type.limits else OrderType.MARKET,
        quantity,
        algo.price or None,
        algo.time_in_force if algo.type.limits else None,
        reduce_only=one_way and (algo.reduce_only or algo.close_position),
        position_side=algo.position_side,
        client_id=algo.client_id,
        price_match=algo.price_match,
        good_till=algo.good_till if algo.type.limits else None,
    )
    try:
        matching.place(state, account, new, now, algo)
    except VenueError as refusal:
        algo.refusal = refusal
        ledger.set_algo(account, algo, AlgoStatus.REJECTED, now)
