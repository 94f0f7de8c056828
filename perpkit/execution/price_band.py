"""The band of prices within which the exchange accepts orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

# How far inside the bound, as a share of the way to mark, which moves before the order arrives.
_INSIDE = 0.02


@dataclass(frozen=True)
class PriceBand:
    low: float
    high: float

    def clamp(self, price: float) -> float:
        return min(max(price, self.low), self.high)


def price_band(filters: Iterable[Mapping[str, Any]], mark: float) -> PriceBand:
    """Returns the prices that both price filters of a contract allow.

    :param filters: the contract's filters, as in exchangeInfo; a bound of 0 means no bound
    :param mark: mark price, in quote asset

    >>> percent = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95"}
    >>> price_band([percent], mark=1000.0)
    PriceBand(low=951.0, high=1049.0)
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
