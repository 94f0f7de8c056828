"""Models of fees, of orders that do not get through, and of funding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from numpy.random import Generator

from perpkit.durations import HOUR_S
from perpkit.execution.book import BPS
from perpkit.parameters.kinds import Range
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.order import Holding, Order

# What Freqtrade closes in a hurry, with an order that takes.
_TAKING = frozenset(
    {
        "stop_loss",
        "trailing_stop_loss",
        "stoploss_on_exchange",
        "emergency_exit",
        "force_exit",
        "liquidation",
    }
)
_FUNDING_S = 8 * HOUR_S


@dataclass(frozen=True)
class MakerTaker(CostModel):
    """Some orders rest in the book and pay the maker's fee, the others the taker's.

    Fees of the results are replaced. Stops, forced exits and liquidations always take.
    """

    maker_share: Annotated[float, Range(0, 1), "The share of other orders' value that rests"] = 0.5
    maker_bps: Annotated[float, Range(-100, 1000, "bps"), "The fee of an order that rests"] = 2.0
    taker_bps: Annotated[float, Range(-100, 1000, "bps"), "The fee of an order that takes"] = 5.0

    def fee(self, order: Order) -> float:
        rests = 0.0 if order.reason in _TAKING else self.maker_share
        return (rests * self.maker_bps + (1 - rests) * self.taker_bps) / BPS


@dataclass(frozen=True)
class FailedOrders(CostModel):
    """Orders do not get through: entries are not made, exits are late by a candle, or by several.

    Funding of the later candles is not added.
    """

    rate: Annotated[float, Range(0, 0.95), "The share of orders that fail"] = 0.02

    def fails(self, order: Order, draw: Generator) -> bool:
        return bool(draw.random() < self.rate)


@dataclass(frozen=True)
class ShiftedFunding(CostModel):
    """Funding is worse by an amount on every position, of longs and of shorts."""

    bps_8h: Annotated[
        float, Range(-100, 100, "bps"), "What each 8 hours cost more, of the position's value"
    ] = 1.0
    times: Annotated[float, Range(-10, 10), "What is booked is multiplied by this first"] = 1.0

    def funding(self, funding: float, held: Sequence[Holding]) -> float:
        periods = sum(one.value * one.seconds / _FUNDING_S for one in held)
        return funding * self.times - periods * self.bps_8h / BPS
