"""Compares positions at the exchange with the trades of the database, without side effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from perpkit.bot.live.at_exchange import AtExchange
from perpkit.bot.live.held import DUST, NOTHING, Sides


@dataclass(frozen=True)
class Traded:
    """An open trade.

    :param amount: in base currency, without the fills of its open orders
    :param entry_side: buy or sell
    :param open_orders: ids of its open orders, without stops
    """

    amount: float
    is_short: bool
    open_orders: frozenset[str] = frozenset()

    @property
    def entry_side(self) -> str:
        return "sell" if self.is_short else "buy"


@dataclass(frozen=True)
class Difference:
    """How a position differs from its trade.

    :param missing: part of the trade that the exchange does not hold
    :param foreign: what the exchange holds in addition to the trade
    :param moving: orders of the trade have ended, but are not booked yet
    """

    missing: float = 0.0
    foreign: Sides = NOTHING
    moving: bool = False

    def __bool__(self) -> bool:
        return bool(self.missing or self.foreign)

    @property
    def text(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"holds {self.missing:g} less than its trade")
        if self.foreign:
            parts.append(f"holds {self.foreign} that the database does not know")
        return f"the exchange {' and '.join(parts)}"


def compare(seen: AtExchange, trades: Mapping[str, Traded]) -> dict[str, Difference]:
    """Returns the differences by pair, leaving out pairs without one."""
    pairs: Iterable[str] = sorted({*seen.held, *trades})
    found = {pair: difference(seen, pair, trades.get(pair)) for pair in pairs}
    return {pair: each for pair, each in found.items() if each}


def difference(seen: AtExchange, pair: str, trade: Traded | None) -> Difference:
    held = seen.of(pair)
    if trade is None:
        return Difference(foreign=held)
    resting = [order for order in seen.orders if order.id in trade.open_orders]
    fills = sum(o.filled if o.side == trade.entry_side else -o.filled for o in resting)
    own, other = held.of(trade.is_short), held.of(not trade.is_short)
    more = own - (trade.amount + fills)
    foreign = max(more, 0.0) if abs(more) > DUST else 0.0
    return Difference(
        missing=-more if more < -DUST else 0.0,
        foreign=Sides(other, foreign) if trade.is_short else Sides(foreign, other),
        moving=len(resting) < len(trade.open_orders),
    )
