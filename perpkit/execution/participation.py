"""Slippage where there is no order book, as in backtests: from an order's share of the turnover."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, log2, sqrt
from typing import Annotated

from perpkit.execution.book import BPS
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

REFERENCE_SHARE = 0.01  # of an hour's turnover, where all three shapes cost the same


class Shape(StrEnum):
    """How the cost grows with the order. Studies of market impact find the square root."""

    LINEAR = "linear"
    SQUARE_ROOT = "square_root"
    LOGARITHMIC = "logarithmic"

    def at(self, multiple: float) -> float:
        """Returns the cost at a multiple of the reference share, relative to that at the share.

        >>> Shape.SQUARE_ROOT.at(4.0), Shape.LINEAR.at(4.0)
        (2.0, 4.0)
        """
        match self:
            case Shape.LINEAR:
                return multiple
            case Shape.SQUARE_ROOT:
                return sqrt(multiple)
            case Shape.LOGARITHMIC:
                return log2(1 + multiple)


@dataclass(frozen=True)
class ParticipationModel(Parameters):
    """The cost of an order by its share of the turnover."""

    shape: Annotated[Shape, "How the cost rises with the order"] = Shape.SQUARE_ROOT
    half_spread_bps: Annotated[float, Range(0, 1000, "bps"), "What the smallest order pays too"] = (
        0.5
    )
    # A tenth is the square-root law with a factor of one (Tóth et al., Anomalous price impact,
    # 2011).
    impact: Annotated[
        float,
        Range(0, 10, "standard deviations"),
        "The cost at 1% of an hour's turnover, in standard deviations of one-hour returns",
    ] = 0.1

    def slippage_bps(self, notional: float, turnover_1h: float, vol_1h: float) -> float:
        """Returns the slippage against the mid price; infinite where an input is unknown.

        :param notional: value of the order, in the currency of `turnover_1h`
        :param turnover_1h: turnover of the last hour
        :param vol_1h: standard deviation of one-hour returns, a fraction

        >>> ParticipationModel().slippage_bps(notional=10_000, turnover_1h=1e6, vol_1h=0.005)
        5.5
        """
        known = isfinite(turnover_1h) and turnover_1h > 0 and isfinite(vol_1h) and vol_1h >= 0
        if not known:
            return inf
        multiple = notional / turnover_1h / REFERENCE_SHARE
        return self.half_spread_bps + self.impact * vol_1h * BPS * self.shape.at(multiple)
