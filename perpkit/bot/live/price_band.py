"""Between which prices the exchange takes an order at all, and what it says when it does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Any

from ccxt import ROUND_DOWN, ROUND_UP

# Of the way to mark, inside the bound: mark moves on before the order arrives.
_INSIDE = 0.02
_CODE = re.compile(r'"code"\s*:\s*(-\d+)')
_NAMED = re.compile(r"can't be (?:higher|lower) than (\d+(?:\.\d+)?)")

TOO_LARGE = -4005
# Of a price: above and below what a contract may cost, and too far from mark.
OUT_OF_BAND = frozenset({-4002, -4006, -4007, -4013, -4016, -4024, -4131})

# Of a reduce-only order.
NO_POSITION = -2022


@dataclass(frozen=True)
class Band:
    low: float
    high: float

    def clamp(self, price: float) -> float:
        return min(max(price, self.low), self.high)


def band_of(exchange: Any, pair: str) -> Band:
    """As its filters and mark price are now (one request, weight 1); raises what ccxt raises.

    :param exchange: Freqtrade's
    """
    filters = {f["filterType"]: f for f in exchange.markets[pair]["info"].get("filters", [])}
    price, percent = filters.get("PRICE_FILTER", {}), filters.get("PERCENT_PRICE", {})
    mark = float(exchange._api.fetch_funding_rate(pair)["markPrice"])
    low = mark * float(percent.get("multiplierDown") or 0)
    high = mark * float(percent.get("multiplierUp") or inf)
    least, most = float(price.get("minPrice") or 0), float(price.get("maxPrice") or inf)
    return Band(
        max(low + _INSIDE * (mark - low), least),
        min(high - _INSIDE * (high - mark) if high < inf else inf, most),
    )


def on_tick(exchange: Any, pair: str, price: float, side: str) -> float:
    """Rounded towards mark, away from the bound that limits an order of this side."""
    mode = ROUND_UP if side == "sell" else ROUND_DOWN
    rounded: float = exchange.price_to_precision(pair, price, rounding_mode=mode)
    return rounded


def refusal_code(error: BaseException) -> int | None:
    """The exchange's code in an error of Freqtrade's or ccxt's."""
    found = _CODE.search(str(error.__cause__ or error))
    return int(found[1]) if found else None


def bound_named(error: BaseException) -> float | None:
    """The bound that a refusal names: "Limit price can't be lower than 47500"."""
    found = _NAMED.search(str(error))
    return float(found[1]) if found else None
