"""Positions that the account holds at the exchange.

The two sides of a pair are kept apart, because in hedge mode it can have both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

CcxtPosition = dict[str, Any]

DUST = 1e-9  # tolerance when amounts are compared


@dataclass(frozen=True)
class Sides:
    """The amounts held in one pair, in base currency; neither is negative.

    :param long_price: entry price, 0 if unknown; two objects are equal if their amounts are
    """

    long: float = 0.0
    short: float = 0.0
    long_price: float = field(default=0.0, compare=False)
    short_price: float = field(default=0.0, compare=False)

    def __bool__(self) -> bool:
        return bool(self.long or self.short)

    def __str__(self) -> str:
        sides = [(self.long, ""), (self.short, "-")]
        return " and ".join(f"{sign}{amount:g}" for amount, sign in sides if amount) or "nothing"

    def of(self, is_short: bool) -> float:
        return self.short if is_short else self.long

    def price_of(self, is_short: bool) -> float:
        return self.short_price if is_short else self.long_price


NOTHING = Sides()


def held_of(exchange: Any, positions: Iterable[CcxtPosition]) -> dict[str, Sides]:
    """Returns the positions by pair, leaving out empty ones.

    :param exchange: Freqtrade's
    :param positions: as returned by its `fetch_positions`
    """
    held: dict[str, Sides] = {}
    for position in positions:
        if not position["contracts"]:
            continue
        pair = position["symbol"]
        amount = abs(exchange._contracts_to_amount(pair, position["contracts"]))
        price = float(position.get("entryPrice") or 0.0)
        side = "short" if position["side"] == "short" else "long"
        held[pair] = replace(held.get(pair, NOTHING), **{side: amount, f"{side}_price": price})
    return held
