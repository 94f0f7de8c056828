"""A contract as the engine needs it: grids, limits, liquidation fee, leverage brackets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from perpkit.venue.engine.brackets import Brackets
from perpkit.venue.market import instruments
from perpkit.venue.market.instruments import Instrument

ZERO = Decimal(0)
ONE = Decimal(1)
_CENT = Decimal("1E-8")


def money(amount: Decimal) -> Decimal:
    """Rounds to the eight decimals in which the exchange keeps its accounts."""
    return amount.quantize(_CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Contract:
    """A linear contract.

    :param tick: price grid, quote asset
    :param step: quantity grid, base asset; also the minimum quantity
    :param asset: margin and settlement asset
    :param precision: decimals that a price may have; those of the tick are always allowed
    :param min_price: quote asset; 0 means the tick
    :param max_quantity: of a limit order, base asset; `max_market_quantity`: of a MARKET order
    :param bound: how far from mark a limit may be and a MARKET order may trade, a fraction
    :param liquidation_fee: fraction of the liquidated notional
    """

    symbol: str
    tick: Decimal
    step: Decimal
    brackets: Brackets
    min_notional: Decimal = Decimal(5)
    asset: str = "USDT"
    precision: int = 0
    min_price: Decimal = ZERO
    max_price: Decimal = Decimal(instruments.MAX_PRICE)
    max_quantity: Decimal = Decimal(instruments.MAX_QUANTITY)
    max_market_quantity: Decimal = Decimal(instruments.MAX_MARKET_QUANTITY)
    max_orders: int = instruments.MAX_ORDERS
    max_algo_orders: int = instruments.MAX_ALGO_ORDERS
    bound: Decimal = Decimal(str(instruments.BOUND))
    liquidation_fee: Decimal = Decimal("0.0125")

    @classmethod
    def of(cls, instrument: Instrument, brackets: Brackets) -> Contract:
        return cls(
            instrument.symbol,
            tick=_exact(instrument.tick_size),
            step=_exact(instrument.step_size),
            brackets=brackets,
            min_notional=_exact(instrument.min_notional),
            asset=instrument.quote,
            precision=instrument.price_decimals,
            min_price=_exact(instrument.min_price),
            max_price=_exact(instrument.max_price),
            max_quantity=_exact(instrument.max_quantity),
            max_market_quantity=_exact(instrument.max_market_quantity),
            bound=_exact(instrument.bound),
            liquidation_fee=_exact(instrument.liquidation_fee),
        )

    @property
    def percent_up(self) -> Decimal:
        """Highest price of a buy as a multiple of mark; `percent_down`: lowest of a sell."""
        return 1 + self.bound

    @property
    def percent_down(self) -> Decimal:
        return 1 - self.bound

    @property
    def take_bound(self) -> Decimal:
        """How far from mark a MARKET order may trade, a fraction."""
        return self.bound

    @property
    def trigger_protect(self) -> Decimal:
        """The gap of mark and last above which price protection blocks triggers, a fraction."""
        return self.bound

    def price(self, value: float | Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
        """Rounds to the price grid, to the nearest tick by default."""
        return (Decimal(value) / self.tick).quantize(Decimal(1), rounding) * self.tick

    def quantity(self, value: float | Decimal) -> Decimal:
        """Rounds down to the quantity grid.

        A float that is off the grid only by its last bits is treated as on it.
        """
        exact = value if isinstance(value, Decimal) else _exact(value)
        return (exact / self.step).quantize(Decimal(1), ROUND_DOWN) * self.step


def _exact(value: float) -> Decimal:
    """Returns the decimal number that the float was written as."""
    return Decimal(f"{value:.10f}").normalize()
