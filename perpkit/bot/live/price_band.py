"""Between which prices the exchange takes an order at all, and what it says when it does not."""

from __future__ import annotations

from typing import Any

from ccxt import ROUND_DOWN, ROUND_UP

from perpkit.execution.price_band import PriceBand, price_band
from perpkit.execution.refusals import bound_in, code_in


def band_of(exchange: Any, pair: str) -> PriceBand:
    """As its filters and mark price are now (one request, weight 1); raises what ccxt raises.

    :param exchange: Freqtrade's
    """
    filters = exchange.markets[pair]["info"].get("filters", [])
    return price_band(filters, float(exchange._api.fetch_funding_rate(pair)["markPrice"]))


def on_tick(exchange: Any, pair: str, price: float, side: str) -> float:
    """Rounded towards mark, away from the bound that limits an order of this side."""
    mode = ROUND_UP if side == "sell" else ROUND_DOWN
    rounded: float = exchange.price_to_precision(pair, price, rounding_mode=mode)
    return rounded


def refusal_code(error: BaseException) -> int | None:
    """The exchange's code in an error of Freqtrade's or ccxt's."""
    return code_in(str(error.__cause__ or error))


def bound_named(error: BaseException) -> float | None:
    """The bound that a refusal names: "Limit price can't be lower than 47500"."""
    return bound_in(str(error))
