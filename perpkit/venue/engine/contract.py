"""A contract as the engine needs it: grids, limits, fees of liquidation, leverage brackets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from perpkit.venue.engine.brackets import Brackets
from perpkit.venue.market import instruments
from perpkit.venue.market.instruments import Instrument

ZERO = Decimal(0)
_CENT = Decimal("1E-8")


def money(amount: Decimal) -> Decimal:
    """Rounded to the eight decimals in which the exchange keeps its accounts."""
    return amount.quantize(_CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Contract:
    """A linear contract.

    :param tick: price grid, quote asset
    :param step: quantity grid, base asset; also the least quantity
    :param asset: that it is margined and settled in
    :param precision: decimals that a price may have, finer than the tick or as fine
    :param min_price: 0: the tick
    :param max_quantity: of a limit order, base asset; `max_market_quantity` of one at market
    :param bound: how far from mark a limit may be, and a MARKET order may eat into the book
    :param liquidation_fee: of the notional that is liquidated, a fraction
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
        """Greatest price of a buy as a multiple of mark; `percent_down` of a sell."""
        return 1 + self.bound

    @property
    def percent_down(self) -> Decimal:
        return 1 - self.bound

    @property
    def take_bound(self) -> Decimal:
        """How far from mark a MARKET order may eat into the book, a fraction."""
        return self.bound

    @property
    def trigger_protect(self) -> Decimal:
        """How far mark and last may be apart for an order with price protection to trigger."""
        return self.bound

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
