"""Instruments: the properties of a contract that do not change from minute to minute."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from perpkit.venue.market.underlyings import Underlying

# Defaults of an instrument; see `contract_rules` for limits that fit its price and turnover.
MAX_PRICE = 10_000_000
MAX_QUANTITY = 1_000_000
MAX_MARKET_QUANTITY = 100_000
BOUND = 0.05
# For every contract: open orders, and conditional ones (the exchange's filter for those ended in
# 2025).
MAX_ORDERS = 200
MAX_ALGO_ORDERS = 200

# BASE/QUOTE:QUOTE, for dated contracts with the delivery: "BTC/USDT:USDT-260327".
_PAIR = re.compile(r"([^\s/:_]+)/([A-Z0-9]+):\2(?:-(\d{6}))?")


class ContractType(StrEnum):
    """Types of contracts by the exchange's names."""

    PERPETUAL = "PERPETUAL"
    TRADIFI_PERPETUAL = "TRADIFI_PERPETUAL"  # on shares, metals, indices: XAU, TSLA
    CURRENT_QUARTER = "CURRENT_QUARTER"
    NEXT_QUARTER = "NEXT_QUARTER"

    @property
    def perpetual(self) -> bool:
        return self in (ContractType.PERPETUAL, ContractType.TRADIFI_PERPETUAL)


@dataclass(frozen=True, order=True)
class Name:
    """The parts of a pair's name.

    :param delivery: "YYMMDD" of a dated contract, "" for a perpetual
    """

    base: str
    quote: str = "USDT"
    delivery: str = ""

    @property
    def pair(self) -> str:
        """Freqtrade's name, e.g. "BTC/USDT:USDT", "BTC/USDT:USDT-260327"."""
        dated = f"-{self.delivery}" if self.delivery else ""
        return f"{self.base}/{self.quote}:{self.quote}{dated}"

    @property
    def symbol(self) -> str:
        """The exchange's name, e.g. "BTCUSDT", "BTCUSDT_260327"."""
        return f"{self.base}{self.quote}" + (f"_{self.delivery}" if self.delivery else "")

    @property
    def stem(self) -> str:
        """How Freqtrade spells the pair in file names, e.g. "BTC_USDT_USDT"."""
        return self.pair.replace("/", "_").replace(":", "_")


@dataclass(frozen=True)
class Instrument:
    """A linear contract and its order filters.

    :param base: asset, e.g. "BTC"; names outside ASCII exist
    :param tick_size: price grid, quote asset
    :param step_size: quantity grid, base asset
    :param min_notional: minimum value of an order, quote asset
    :param funding_hours: hours between funding settlements: 1, 2, 4 or 8
    :param funding_cap: maximum absolute funding rate of one settlement, a fraction
    :param quote: asset that prices, margin and profit are in: "USDT", "USDC"
    :param delivery: "YYMMDD" of a dated contract, "" for a perpetual
    :param max_quantity: largest limit order, base asset
    :param max_market_quantity: largest market order, base asset
    :param min_price, max_price: bounds of limit and trigger prices, quote asset; a minimum of 0
        means the tick
    :param liquidation_fee: fee on the value that is liquidated, a fraction
    :param price_precision: decimals that a price may have; 0 for those of the tick
    :param bound: largest distance from mark of a limit price, and of the fills of a market order,
        a fraction
    :param kinds: the exchange's categories of the contract (`underlyingSubType`)
    """

    base: str
    tick_size: float
    step_size: float
    min_notional: float = 5.0
    funding_hours: int = 8
    funding_cap: float = 0.02
    quote: str = "USDT"
    contract_type: ContractType = ContractType.PERPETUAL
    delivery: str = ""
    max_quantity: float = MAX_QUANTITY
    max_market_quantity: float = MAX_MARKET_QUANTITY
    min_price: float = 0.0
    max_price: float = MAX_PRICE
    liquidation_fee: float = 0.0125
    price_precision: int = 0
    bound: float = BOUND
    underlying: Underlying = Underlying.COIN
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "tick_size",
            "step_size",
            "min_notional",
            "funding_cap",
            "max_quantity",
            "max_market_quantity",
            "max_price",
            "liquidation_fee",
            "bound",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.funding_hours not in (1, 2, 4, 8):
            raise ValueError(f"funding_hours must be 1, 2, 4 or 8, got {self.funding_hours}")
        if self.contract_type.perpetual is bool(self.delivery):
            raise ValueError(
                f"delivery must be given for dated contracts and for no other, got "
                f"{self.delivery!r} for {self.contract_type}"
            )

        if self.delivery:
            _delivered(self.delivery)

    @property
    def name(self) -> Name:
        return Name(self.base, self.quote, self.delivery)

    @property
    def symbol(self) -> str:
        """The exchange's name; see `Name` for this, `pair` and `stem`."""
        return self.name.symbol

    @property
    def pair(self) -> str:
        return self.name.pair

    @property
    def stem(self) -> str:
        return self.name.stem

    def is_continuous(self, contract_type: str) -> bool:
        """Whether it is all of the pair's continuous contract of that type.

        Of dated contracts the venue has no series that goes on from one to the next.
        """
        return self.contract_type.perpetual and self.contract_type == contract_type

    def delivered_at(self, otherwise: int) -> int:
        """When a dated contract is delivered, ms, at the latest at `otherwise`.

        Of a perpetual it is `otherwise` itself.
        """
        return min(_delivered(self.delivery), otherwise) if self.delivery else otherwise

    def shifted(self, ms: int) -> Instrument:
        """The instrument `ms` later: a dated contract's delivery, and with it its name, moves."""
        if not self.delivery:
            return self
        moved = datetime.fromtimestamp((_delivered(self.delivery) + ms) / 1000, UTC)
        return replace(self, delivery=f"{moved:%y%m%d}")

    @property
    def price_decimals(self) -> int:
        """Decimals of prices in texts: those of the precision, which may be finer than the tick."""
        return max(decimals_of(self.tick_size), self.price_precision)

    @property
    def quantity_decimals(self) -> int:
        return decimals_of(self.step_size)


def named(pair: str) -> Name:
    """The parts of Freqtrade's name for a pair.

    :raises ValueError: when it does not name a linear contract
    """
    match = _PAIR.fullmatch(pair)
    if match is None:
        raise ValueError(
            f"pair must look like BTC/USDT:USDT, or BTC/USDT:USDT-260327 for a dated contract, "
            f"got {pair!r}"
        )
    return Name(*match.groups(default=""))


def _delivered(day: str) -> int:
    """The delivery on the day "YYMMDD", which is at 08:00 UTC, in ms."""
    try:
        at = datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"delivery must be a day such as 260327, got {day!r}") from None
    return int(at.timestamp() * 1000)


def decimals_of(grid: float) -> int:
    """Decimals needed to write every multiple of `grid` (1 → 0, 0.1 → 1, 0.005 → 3)."""
    text = f"{grid:.10f}".rstrip("0")
    return len(text) - text.index(".") - 1
