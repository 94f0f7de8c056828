"""The price at which an order may trade, and how long: its limit, time in force and expiry."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from perpkit.venue.engine import filters, ledger
from perpkit.venue.engine.contract import Contract
from perpkit.venue.engine.orders import (
    AlgoStatus,
    NewAlgo,
    NewOrder,
    OrderStatus,
    OrderType,
    PriceMatch,
    Side,
    TimeInForce,
)
from perpkit.venue.engine.quote import Quote
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import EngineState

Word = TypeVar("Word", bound=StrEnum)
Value = TypeVar("Value")

GOOD_FOR_MS = 600_000  # the minimum life of a GTD order
GOOD_TILL_MAX = 253_402_300_799_000


def word(kind: type[Word], value: str, refusal: Refusal) -> Word:
    try:
        return kind(value)
    except ValueError:
        raise refusal.error() from None


def required(value: Value | None, name: str) -> Value:
    if value is None:
        raise Refusal.MANDATORY.error(name)
    return value


def price_match(kind: OrderType, new: NewOrder | NewAlgo) -> PriceMatch:
    """Returns how an order's limit is read from the book.

    :raises VenueError: -5037 for an unknown value, -5038 for an order type without a limit, -1106
        if a price is sent as well
    """
    match = word(PriceMatch, new.price_match, Refusal.BAD_PRICE_MATCH)
    if match is PriceMatch.NONE:
        return match
    if not kind.limits:
        raise Refusal.PRICE_MATCH_TYPE.error()
    if new.price is not None:
        raise Refusal.NOT_REQUIRED.error("price")
    return match


def limit_price(
    contract: Contract, quote: Quote, side: Side, match: PriceMatch, sent: Decimal | None
) -> Decimal:
    """Returns the limit that was sent, or the book's price if the order requests that.

    :raises VenueError: -5041 if the book has too few levels
    """
    if match is PriceMatch.NONE:
        price = required(sent, "price")
        filters.check_price(contract, price)
        return price
    levels = quote.offers(side if match.opponent else side.opposite)
    level = next(islice(levels, match.level - 1, None), None)
    if level is None:
        raise Refusal.NO_PRICE_MATCH.error()
    return level[0]


def good_till(time_in_force: TimeInForce, sent: int | None, now: int) -> int:
    """Returns when an order expires by itself, ms, cut to the second; 0 for never.

    :raises VenueError: -1102 if GTD has no date, -1106 for a date without GTD, -5040 for a date
        that is too early or too late
    """
    if time_in_force is not TimeInForce.GTD:
        if sent:
            raise Refusal.NOT_REQUIRED.error("goodTillDate")
        return 0
    moment = required(sent, "goodTillDate") // 1000 * 1000
    if not now + GOOD_FOR_MS < moment < GOOD_TILL_MAX:
        raise Refusal.GOOD_TILL.error()
    return moment


def expire_due(state: EngineState, symbol: str, now: int) -> None:
    """Expires the GTD orders of the symbol that are due, and those whose countdown has ended."""
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        ended = account.countdowns.get(symbol)
        if ended is not None and ended <= now:
            # Where the symbol was never used, too: it must not end the orders of later.
            del account.countdowns[symbol]
            for order in [] if holding is None else list(holding.orders.values()):
                ledger.end_order(account, order, OrderStatus.CANCELED, ended)
        if holding is None:
            continue
        for order in list(holding.orders.values()):
            if order.good_till and order.good_till <= now:
                ledger.end_order(account, order, OrderStatus.EXPIRED, order.good_till)
        for algo in list(holding.algos.values()):
            if algo.good_till and algo.good_till <= now:
                ledger.end_algo(account, algo, AlgoStatus.EXPIRED, algo.good_till)


def next_expiry(state: EngineState, symbol: str, after: int) -> int | None:
    """Returns the first moment after `after`, ms, at which the clock ends orders of the symbol."""
    moments: list[int] = []
    for account in state.accounts.values():
        holding = account.holdings.get(symbol)
        if holding is not None:
            moments += (order.good_till for order in holding.orders.values())
            moments += (algo.good_till for algo in holding.algos.values())
            if holding.orders and symbol in account.countdowns:
                moments.append(account.countdowns[symbol])
    return min((moment for moment in moments if moment > after), default=None)
