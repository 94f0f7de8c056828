"""The prices at which the exchange accepts orders, and its errors when it refuses one."""

from __future__ import annotations

from typing import Any

from ccxt import ROUND_DOWN, ROUND_UP

from perpkit.execution.price_band import PriceBand, price_band
from perpkit.execution.refusals import bound_in, code_in


def band_of(exchange: Any, pair: str) -> PriceBand:
    """Returns the current band from filters and mark price: one request (weight 1).

    Raises ccxt's errors.

    :param exchange: Freqtrade's
    """
    filters = exchange.markets[pair]["info"].get("filters", [])
    return price_band(filters, float(exchange._api.fetch_funding_rate(pair)["markPrice"]))


def on_tick(exchange: Any, pair: str, price: float, side: str) -> float:
    """Returns a price rounded to a tick, away from the bound that limits this side."""
    mode = ROUND_UP if side == "sell" else ROUND_DOWN
    rounded: float = exchange.price_to_precision(pair, price, rounding_mode=mode)
    return rounded


def refusal_code(error: BaseException) -> int | None:
    """Returns the exchange's error code in an error of Freqtrade or ccxt."""
    return code_in(str(error.__cause__ or error))


def bound_named(error: BaseException) -> float | None:
    """Returns the bound that a refusal names, as in "Limit price can't be lower than 47500"."""
    return bound_in(str(error))
