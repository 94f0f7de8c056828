"""What happens to an account, as the exchange reports it on a user data stream.

The engine reports each event at the moment at which it happens, to `Account.listener`. An event
refers to the engine's own objects, which change later: a listener reads them before it returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.orders import Algo, Fill, Order, PositionSide


class Execution(StrEnum):
    """What happened to an order."""

    NEW = "NEW"
    TRADE = "TRADE"
    CALCULATED = "CALCULATED"  # a trade of an order by which the exchange closes a position
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    AMENDMENT = "AMENDMENT"


class ExpiryReason(IntEnum):
    """Why the exchange ended an order; these are its codes."""

    NONE = 0
    IOC_UNFILLED = 2
    NOTHING_TO_CLOSE = 4
    LIQUIDATION = 5
    DELISTED = 7
    MARKET_UNFILLED = 9


class AccountReason(StrEnum):
    """Why a balance or a position has changed."""

    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    AUTO_EXCHANGE = "AUTO_EXCHANGE"
    MARGIN_TRANSFER = "MARGIN_TRANSFER"
    MARGIN_TYPE_CHANGE = "MARGIN_TYPE_CHANGE"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """ORDER_TRADE_UPDATE.

    :param fill: the trade, where `execution` is one
    """

    order: Order
    execution: Execution
    time: int
    fill: Fill | None = None
    expiry: ExpiryReason = ExpiryReason.NONE


@dataclass(frozen=True, slots=True)
class AlgoEvent:
    """ALGO_UPDATE: a conditional order has the status that it shows."""

    algo: Algo
    time: int


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """ACCOUNT_UPDATE.

    :param time: ms; None for the moment at which it is reported
    :param balances: assets whose balance is reported, with its change other than by profit and
        commission
    :param positions: those that are reported, by symbol and side
    :param symbol: whose funding it is
    """

    reason: AccountReason
    time: int | None
    balances: tuple[tuple[str, Decimal], ...] = ()
    positions: tuple[tuple[str, PositionSide], ...] = ()
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class LeverageEvent:
    """ACCOUNT_CONFIG_UPDATE of a symbol's leverage; `time` as of `AccountEvent`."""

    symbol: str
    leverage: int
    time: int | None = None


@dataclass(frozen=True, slots=True)
class AssetModeEvent:
    """ACCOUNT_CONFIG_UPDATE of multi-assets mode; `time` as of `AccountEvent`."""

    multi_assets: bool
    time: int | None = None


Event = OrderEvent | AlgoEvent | AccountEvent | LeverageEvent | AssetModeEvent


def of_position(
    reason: AccountReason,
    time: int | None,
    asset: str,
    symbol: str,
    side: PositionSide,
    change: Decimal = ZERO,
) -> AccountEvent:
    """Returns the event that one position and the balance of its asset have changed."""
    return AccountEvent(reason, time, ((asset, change),), ((symbol, side),))
