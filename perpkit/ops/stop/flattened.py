"""The result of flattening an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Closed:
    """The part of a position that was closed.

    :param side: long or short
    :param amount: in base currency
    :param price: mean price, quote asset; 0 if the exchange has not reported it
    """

    pair: str
    side: str
    amount: float
    price: float
    orders: int

    def __str__(self) -> str:
        at = f" at {self.price:g}" if self.price else ""
        parts = f" in {self.orders} orders" if self.orders > 1 else ""
        return f"{self.pair} {self.side}: {self.amount:g} closed{at}{parts}"


@dataclass(frozen=True)
class Cancelled:
    """An order that was cancelled.

    :param kind: entry, exit or conditional
    :param answered: whether the exchange has answered so; otherwise the order is not there any more
        after a request to cancel it, and may have filled before
    """

    pair: str
    order_id: str
    kind: str
    answered: bool = True

    def __str__(self) -> str:
        became = "cancelled" if self.answered else "cancelled or filled: it is not there any more"
        return f"{self.pair}: {self.kind} order {self.order_id} {became}"


@dataclass(frozen=True)
class Flattened:
    """The result of flattening an account.

    :param flat: whether the last snapshot shows nothing left to close or cancel
    :param closed: positions, or parts of them
    :param cancelled: orders
    :param left: what is not done, and why, one sentence each
    :param notes: other facts, such as a journal that cannot be read
    :param planned: in a preview, what would be done
    :param requests: how many were sent to the exchange
    :param seconds: how long it took
    """

    flat: bool
    closed: tuple[Closed, ...] = ()
    cancelled: tuple[Cancelled, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    requests: int = 0
    seconds: float = 0.0
