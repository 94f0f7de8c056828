"""Limits on the orders of a contract: grids, lots and bounds, scaled to its price and turnover.

They are fitted to the filters in `recorded_contracts`; tests/venue/market/test_limits.py bounds how
far off they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

_LEAST_NOTIONAL = 5.0
_LEAST_MARKET_WORTH = 5_000.0  # value of the largest market order in the smallest contract
_LOTS = 6.0  # the largest limit order, as a multiple of the largest market order
_HIGHEST = 50.0  # the maximum price, as a multiple of the price
_LEAST_HIGHEST = 200.0  # but no less than this: contracts below 1 USDT are listed with it
# By daily turnover: an order's largest distance from mark, and the liquidation fee, as fractions.
_BOUNDS = ((1e9, 0.05), (1e8, 0.1), (0.0, 0.15))
_FEES = ((3e9, 0.0125), (3e7, 0.015), (0.0, 0.02))
_TRADFI_BOUND = 0.02


@dataclass(frozen=True)
class ContractLimits:
    """The filters of a contract; quantities in base asset, prices in quote asset.

    :param price_precision: decimals that a price may have, possibly finer than the tick
    :param bound: largest distance from mark of a limit price, and of the fills of a market order,
        a fraction
    """

    tick_size: float
    price_precision: int
    step_size: float
    min_notional: float
    max_quantity: float
    max_market_quantity: float
    min_price: float
    max_price: float
    liquidation_fee: float
    bound: float


def scaled(price: float, turnover: float, *, tradfi: bool = False) -> ContractLimits:
    """The limits that the exchange would list a new contract with.

    The tick has about four digits less than the price, the step is worth about one quote asset, and
    the largest market order is worth turnover^(2/3): 8 million for BTC's 25 billion a day, 100,000
    for 30 million. Lots and the maximum price are 1, 2 or 5 times a power of ten.

    :param turnover: turnover of a day, quote asset; 0 where none is on record
    :param tradfi: whether it is on shares, metals or indices, whose orders must stay nearer to mark
    :raises ValueError: naming the parameter
    """
    if not (price > 0 and math.isfinite(price)):
        raise ValueError(f"price must be positive, got {price}")
    if not (turnover >= 0 and math.isfinite(turnover)):
        raise ValueError(f"turnover must not be negative, got {turnover}")
    places = round(math.log10(price))
    tick = _power(max(-8, min(places - 4, -2 if price < 10_000 else -1)))
    step = _power(max(-3, min(-places, 0)))
    market = decade(max(turnover ** (2 / 3), _LEAST_MARKET_WORTH) / price)
    market = max(market, step)
    return ContractLimits(
        tick_size=tick,
        price_precision=_precision(tick),
        step_size=step,
        min_notional=_LEAST_NOTIONAL,
        max_quantity=decade(_LOTS * market),
        max_market_quantity=market,
        min_price=tick,
        max_price=decade(max(_HIGHEST * price, _LEAST_HIGHEST)),
        liquidation_fee=_by_turnover(_FEES, turnover),
        bound=_TRADFI_BOUND if tradfi else _by_turnover(_BOUNDS, turnover),
    )


def on_grids(limits: ContractLimits, tick: float, step: float) -> ContractLimits:
    """The same limits on another tick and step."""
    if (tick, step) == (limits.tick_size, limits.step_size):
        return limits
    least = tick if limits.min_price == limits.tick_size else limits.min_price
    market = max(limits.max_market_quantity, step)
    return replace(
        limits,
        tick_size=tick,
        price_precision=_precision(tick) if tick != limits.tick_size else limits.price_precision,
        step_size=step,
        max_quantity=max(limits.max_quantity, market),
        max_market_quantity=market,
        min_price=least,
    )


def decade(value: float) -> float:
    """The number nearest by ratio among 1, 2, 5, 10, ... and 0.5, 0.2, ..."""
    power = math.floor(math.log10(value))
    steps = [digit * 10.0 ** (power + up) for up in (0, 1) for digit in (1, 2, 5)]
    nearest = min(steps, key=lambda step: abs(math.log(step / value)))
    return float(f"{nearest:.0e}")


def _precision(tick: float) -> int:
    """One decimal more than the tick needs, as most contracts on record have; at most 8."""
    return max(0, min(8, round(-math.log10(tick)) + 1))


def _power(places: int) -> float:
    return float(f"1e{places}")


def _by_turnover(rows: tuple[tuple[float, float], ...], turnover: float) -> float:
    return next(value for least, value in rows if turnover >= least)
