"""Between which prices the exchange takes an order at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

# Of the way to mark, inside the bound: mark moves on before the order arrives.
_INSIDE = 0.02


@dataclass(frozen=True)
class PriceBand:
    low: float
    high: float

    def clamp(self, price: float) -> float:
        return min(max(price, self.low), self.high)


def price_band(filters: Iterable[Mapping[str, Any]], mark: float) -> PriceBand:
    """Returns the prices that both filters of a contract allow.

    :param filters: of the contract, as exchangeInfo has them; a bound of 0 is none
    :param mark: price, quote asset
    """
    named = {f["filterType"]: f for f in filters}
    price, percent = named.get("PRICE_FILTER", {}), named.get("PERCENT_PRICE", {})
    low = mark * float(percent.get("multiplierDown") or 0)
    high = mark * _upper(percent.get("multiplierUp"))
    lowest, highest = float(price.get("minPrice") or 0), _upper(price.get("maxPrice"))
    return PriceBand(
        max(low + _INSIDE * (mark - low), lowest),
        min(high - _INSIDE * (high - mark) if high < inf else inf, highest),
    )


def _upper(bound: str | None) -> float:
    return float(bound or 0) or inf
