"""What came of flattening an account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Closed:
    """What has been closed of a position.

    :param side: long or short
    :param amount: in base currency
    :param price: mean price, quote asset; 0 where the exchange has not said
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
    """:param kind: entry, exit or conditional"""

    pair: str
    order_id: str
    kind: str

    def __str__(self) -> str:
        return f"{self.pair}: {self.kind} order {self.order_id} cancelled"


@dataclass(frozen=True)
class Flattened:
    """
    :param flat: nothing is left that was to be closed or cancelled, as the last look has shown
    :param closed: positions, or parts of them
    :param cancelled: orders
    :param left: what is not done, and why, one sentence each
    :param notes: what else is to be known, such as a journal that cannot be read
    :param planned: in a preview, what would be done
    :param requests: sent to the exchange
    :param seconds: that it took
    """

    flat: bool
    closed: tuple[Closed, ...] = ()
    cancelled: tuple[Cancelled, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    requests: int = 0
    seconds: float = 0.0
