"""Instruments: what the exchange says of a contract that does not change from minute to minute."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Limits that all contracts of the venue share.
MAX_PRICE = 10_000_000
MAX_QUANTITY = 1_000_000
MAX_MARKET_QUANTITY = 100_000
MAX_ORDERS = 200
MAX_ALGO_ORDERS = 10
PERCENT_UP, PERCENT_DOWN = "1.05", "0.95"  # of mark
TAKE_BOUND = "0.05"  # how far from mark a MARKET order may eat into the book
LIQUIDATION_FEE = "0.0125"

_PAIR = re.compile(r"^([A-Z0-9]+)/USDT:USDT$")


@dataclass(frozen=True)
class Instrument:
    """A USDT-margined perpetual and its order filters.

    :param base: asset, e.g. "BTC"
    :param tick_size: price grid, USDT
    :param step_size: quantity grid, base asset
    :param min_notional: least value of an order, USDT
    :param funding_hours: hours between funding settlements: 1, 2, 4 or 8
    :param funding_cap: greatest absolute funding rate of one settlement
    """

    base: str
    tick_size: float
    step_size: float
    min_notional: float = 5.0
    funding_hours: int = 8
    funding_cap: float = 0.02

    def __post_init__(self) -> None:
        for name in ("tick_size", "step_size", "min_notional", "funding_cap"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.funding_hours not in (1, 2, 4, 8):
            raise ValueError(f"funding_hours must be 1, 2, 4 or 8, got {self.funding_hours}")

    @property
    def symbol(self) -> str:
        """The exchange's name, e.g. "BTCUSDT"."""
        return f"{self.base}USDT"

    @property
    def pair(self) -> str:
        """Freqtrade's name, e.g. "BTC/USDT:USDT"."""
        return f"{self.base}/USDT:USDT"

    @property
    def stem(self) -> str:
        """How Freqtrade spells the pair in file names, e.g. "BTC_USDT_USDT"."""
        return f"{self.base}_USDT_USDT"

    @property
    def price_decimals(self) -> int:
        return decimals_of(self.tick_size)

    @property
    def quantity_decimals(self) -> int:
        return decimals_of(self.step_size)


def base_of(pair: str) -> str:
    """Base asset of a Freqtrade pair name.

    :raises ValueError: when it is not a USDT-margined perpetual
    """
    match = _PAIR.match(pair)
    if match is None:
        raise ValueError(f"pair must look like BTC/USDT:USDT, got {pair!r}")
    return match[1]


def decimals_of(grid: float) -> int:
    """Decimals needed to write every multiple of `grid` (1 → 0, 0.1 → 1, 0.005 → 3)."""
    text = f"{grid:.10f}".rstrip("0")
    return len(text) - text.index(".") - 1
