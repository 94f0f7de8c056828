"""A contract as the engine needs it: grids, limits, fees of liquidation, leverage brackets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from perpkit.venue import instruments
from perpkit.venue.engine.brackets import Brackets
from perpkit.venue.instruments import Instrument

ZERO = Decimal(0)
_CENT = Decimal("1E-8")


def money(amount: Decimal) -> Decimal:
    """Rounded to the eight decimals in which the exchange keeps its accounts."""
    return amount.quantize(_CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Contract:
    """A linear contract.

    :param tick: price grid, USDT; also the least price
    :param step: quantity grid, base asset; also the least quantity
    :param percent_up: greatest price of a buy as a multiple of mark; `percent_down` for sells
    :param take_bound: how far from mark a MARKET order may eat into the book, a fraction
    :param liquidation_fee: of the notional that is liquidated, a fraction
    :param asset: that prices, margin and profit are in
    :param trigger_protect: how far mark and last may be apart when an order with price protection
        triggers, a fraction of mark
    """

    symbol: str
    tick: Decimal
    step: Decimal
    brackets: Brackets
    min_notional: Decimal = Decimal(5)
    max_price: Decimal = Decimal(instruments.MAX_PRICE)
    max_quantity: Decimal = Decimal(instruments.MAX_QUANTITY)
    max_market_quantity: Decimal = Decimal(instruments.MAX_MARKET_QUANTITY)
    max_orders: int = instruments.MAX_ORDERS
    max_algo_orders: int = instruments.MAX_ALGO_ORDERS
    percent_up: Decimal = Decimal(instruments.PERCENT_UP)
    percent_down: Decimal = Decimal(instruments.PERCENT_DOWN)
    take_bound: Decimal = Decimal(instruments.TAKE_BOUND)
    liquidation_fee: Decimal = Decimal(instruments.LIQUIDATION_FEE)
    asset: str = "USDT"
    trigger_protect: Decimal = Decimal("0.05")

    @classmethod
    def of(cls, instrument: Instrument, brackets: Brackets) -> Contract:
        return cls(
            instrument.symbol,
            tick=_exact(instrument.tick_size),
            step=_exact(instrument.step_size),
            brackets=brackets,
            min_notional=_exact(instrument.min_notional),
            asset=instrument.quote,
        )

    def price(self, value: float | Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
        """On the price grid, nearest unless said otherwise."""
        return (Decimal(value) / self.tick).quantize(Decimal(1), rounding) * self.tick

    def quantity(self, value: float | Decimal) -> Decimal:
        """On the quantity grid, rounded down; a float that is on it but for its last bits stays."""
        exact = value if isinstance(value, Decimal) else _exact(value)
        return (exact / self.step).quantize(Decimal(1), ROUND_DOWN) * self.step


def _exact(value: float) -> Decimal:
    """The decimal number that the float was written as."""
    return Decimal(f"{value:.10f}").normalize()
