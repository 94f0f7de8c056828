"""Models of the price at which orders fill."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Annotated, ClassVar

from numpy.random import Generator

from perpkit.execution.book import BPS
from perpkit.execution.participation import ParticipationModel, Shape
from perpkit.execution.slippage import move_bps
from perpkit.parameters.kinds import Range
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.order import Order


@dataclass(frozen=True)
class SquareRoot(CostModel):
    """Impact by the order's share of its candle's turnover: it rises with the square root.

    It is impact alone, without a spread and its floor: put `Spread` beside it.
    At 1% of an hour's turnover all three shapes cost the same; see
    `perpkit.execution.participation`.
    """

    shape: ClassVar[Shape] = Shape.SQUARE_ROOT

    impact: Annotated[
        float,
        Range(0, 10, "standard deviations"),
        "The cost at 1% of an hour's turnover, in standard deviations of one-hour returns",
    ] = ParticipationModel.impact

    @cached_property
    def _model(self) -> ParticipationModel:
        return ParticipationModel(self.shape, 0.0, self.impact)

    def slippage_bps(self, order: Order, draw: Generator) -> float:
        if order.candle is None:
            return nan
        turnover = order.candle.turnover_1h
        cost = self._model.slippage_bps(order.value, turnover, order.vol_1h)
        return cost if isfinite(cost) else nan


@dataclass(frozen=True)
class Linear(SquareRoot):
    """Impact that rises in proportion to the order's share of its candle's turnover."""

    shape: ClassVar[Shape] = Shape.LINEAR


@dataclass(frozen=True)
class Logarithmic(SquareRoot):
    """Impact that rises with the logarithm of the order's share of its candle's turnover."""

    shape: ClassVar[Shape] = Shape.LOGARITHMIC


@dataclass(frozen=True)
class Spread(CostModel):
    """Half of a spread that widens with volatility, and is never narrower than its floor."""

    floor_bps: Annotated[float, Range(0, 1000, "bps"), "The narrowest spread"] = 1.0
    share_of_vol: Annotated[
        float, Range(0, 10), "The spread, in standard deviations of one-hour returns"
    ] = 0.05

    def slippage_bps(self, order: Order, draw: Generator) -> float:
        if not isfinite(order.vol_1h):
            return nan
        return max(self.floor_bps, self.share_of_vol * order.vol_1h * BPS) / 2

    def least_bps(self) -> float:
        return self.floor_bps / 2


@dataclass(frozen=True)
class Latency(CostModel):
    """The price moves on while an order is under way, by volatility, within its candle.

    How far is drawn from a normal distribution. By default it always moves against the order: a
    stress, not a forecast. With `against` 0.5 it is a random walk, which costs nothing on average.
    """

    # It is drawn already, and noise would carry it out of its candle.
    noisy: ClassVar[bool] = False

    ms: Annotated[float, Range(0, 3_600_000, "ms"), "How long an order is under way"] = 500.0
    against: Annotated[float, Range(0, 1), "The share of moves that go against the order"] = 1.0

    def slippage_bps(self, order: Order, draw: Generator) -> float:
        # Drawn before anything is known to be missing: other orders keep their numbers.
        size, way = abs(float(draw.standard_normal())), float(draw.random())
        if order.candle is None or not isfinite(order.vol_1h):
            return nan
        move = size * move_bps(order.vol_1h, self.ms / 1000)
        high, low = (_bps(order, price) for price in (order.candle.high, order.candle.low))
        against, favour = (high, low) if order.buys else (-low, -high)
        return min(move, max(against, 0.0)) if way < self.against else -min(move, max(-favour, 0.0))


@dataclass(frozen=True)
class WorstFills(CostModel):
    """Every order fills at the worst price of its candle."""

    noisy: ClassVar[bool] = False

    def slippage_bps(self, order: Order, draw: Generator) -> float:
        if order.candle is None:
            return nan
        worst = _bps(order, order.candle.high) if order.buys else -_bps(order, order.candle.low)
        return max(worst, 0.0)


def _bps(order: Order, price: float) -> float:
    return (price / order.rate - 1) * BPS
