"""Decides what to do next, from what the exchange shows and which part of it is the bot's.

Resting entries and exits are cancelled first, then positions are closed, and a stop is cancelled
when it protects nothing any more. No more than the bot's own part is ever closed, and never a
position of the opposite side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.price_band import PriceBand, price_band
from perpkit.ops.stop.contracts import ZERO, ListedContract, floor_to

BOTH = "BOTH"


@dataclass(frozen=True)
class HeldPosition:
    """A position at the exchange.

    :param position_side: BOTH, or in hedge mode LONG or SHORT
    :param amount: in contracts, negative for a short
    :param mark: mark price, in quote asset
    """

    symbol: str
    position_side: str
    amount: Decimal
    mark: float

    @property
    def side(self) -> str:
        return "short" if self.amount < 0 else "long"

    @property
    def closing_side(self) -> str:
        return "BUY" if self.amount < 0 else "SELL"


@dataclass(frozen=True)
class Resting:
    """An order that has not ended.

    :param reduces: whether it cannot open a position
    :param conditional: a stop, take-profit or trailing stop, which have their own endpoint
    :param executed: in contracts
    :param ours: whether it is to be cancelled
    """

    symbol: str
    id: str
    side: str
    reduces: bool
    conditional: bool
    executed: Decimal
    ours: bool

    @property
    def protects(self) -> bool:
        """Whether it must stay until its position is closed."""
        return self.conditional and self.reduces

    @property
    def kind(self) -> str:
        return "conditional" if self.conditional else "exit" if self.reduces else "entry"


@dataclass(frozen=True)
class DueClosing:
    """How much of a position is to be closed.

    :param amount: in contracts, positive; 0 for a position that is not the bot's
    """

    held: HeldPosition
    amount: Decimal


@dataclass(frozen=True)
class OrderToSend:
    """A closing order.

    :param quantity: in contracts
    :param price: of a limit order that crosses; None for a market order
    """

    symbol: str
    side: str
    position_side: str
    quantity: Decimal
    price: Decimal | None = None


def due_of(
    held: HeldPosition, ours: Mapping[str, Decimal] | None, contract: ListedContract | None
) -> DueClosing:
    """Returns how much of a position is to be closed.

    :param ours: the bot's signed amounts, in contracts, by symbol; None to close everything
    """
    if ours is None:
        return DueClosing(held, abs(held.amount))
    own = ours.get(held.symbol, ZERO)
    if own * held.amount <= 0:
        return DueClosing(held, ZERO)
    amount = min(abs(own), abs(held.amount))
    return DueClosing(held, amount if contract is None else floor_to(amount, contract.step))


def cancels_first(orders: Iterable[Resting]) -> list[Resting]:
    """Returns the orders to cancel before positions are closed, entries before exits."""
    wanted = [order for order in orders if order.ours and not order.protects]
    return sorted(wanted, key=lambda order: order.reduces)


def cancels_last(orders: Iterable[Resting], kept: Iterable[str]) -> list[Resting]:
    """Returns the stops that protect nothing of the bot's any more.

    :param kept: symbols in which something is still to be closed, or whose state is not known
    """
    symbols = set(kept)
    return [o for o in orders if o.ours and o.protects and o.symbol not in symbols]


def within_book(
    amount: Decimal, contract: ListedContract, book: Book | NoBook, side: str, reach: float
) -> Decimal:
    """Returns the part of an amount that the book can fill within `reach` of the mid price.

    Without a book this is all of it, because the exchange bounds the price of market orders.

    :param reach: as a fraction
    """
    if isinstance(book, NoBook):
        return amount
    depth = Decimal(str(book.depth(Side(side.lower()), reach))) / contract.size
    return min(amount, floor_to(depth, contract.market_step))


def parts(amount: Decimal, most: Decimal, step: Decimal) -> list[Decimal]:
    """Splits an amount into orders of at most `most`; a remainder below one step is left out."""
    largest, left, found = floor_to(most, step), floor_to(amount, step), []
    while left > 0 and largest > 0:
        found.append(min(left, largest))
        left -= found[-1]
    return found


def closing(held: HeldPosition, quantity: Decimal, price: Decimal | None = None) -> OrderToSend:
    return OrderToSend(held.symbol, held.closing_side, held.position_side, quantity, price)


def crossing_price(held: HeldPosition, contract: ListedContract) -> Decimal | None:
    """Returns the worst price that the exchange allows; None if no bound is known."""
    bounds: PriceBand = price_band(contract.filters, held.mark)
    worst = bounds.low if held.closing_side == "SELL" else bounds.high
    if not 0 < worst < float("inf"):
        return None
    return contract.on_tick(worst, held.closing_side)


def request_of(order: OrderToSend, client_id: str) -> dict[str, str]:
    """Returns the parameters of POST /fapi/v1/order, such that it cannot open a position."""
    sent = {
        "symbol": order.symbol,
        "side": order.side,
        "type": "MARKET",
        "quantity": f"{order.quantity:f}",
        "newClientOrderId": client_id,
        "newOrderRespType": "RESULT",
    }
    if order.position_side == BOTH:
        sent["reduceOnly"] = "true"
    else:  # reduceOnly is refused here; a closing order of this side can only reduce its position
        sent["positionSide"] = order.position_side
    if order.price is not None:
        sent |= {"type": "LIMIT", "timeInForce": "IOC", "price": f"{order.price:f}"}
    return sent
