"""The filter and the order of pairs by their funding."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Annotated, Literal, NamedTuple

from perpkit.market.band import Measure, Percentile, RankedBand
from perpkit.market.funding import predicted_cost
from perpkit.parameters.kinds import Range

CarrySide = Literal["either", "long", "short"]
_Rate = Annotated[
    float | None,
    Range(-0.25, 0.25, "per 8 h"),
    "The last settled rate, whatever the pair's own interval; 0.0001 is 0.01%. Negative rates are "
    "paid by shorts",
]
_Predicted = Annotated[
    float | None,
    Range(-0.25, 0.25, "per 8 h"),
    "The rate that is predicted for the next settlement: the last one, half of the way to its "
    "30-day mean a day",
]
_Interval = Annotated[
    float | None, Range(1, 8, "h"), "The time between two settlements, which is 1, 2, 4 or 8 hours"
]


class Funding(NamedTuple):
    """The funding of one pair; NaN where unknown.

    :param rate_8h: the last settled rate, fraction per 8 h
    :param rank: rank of the rate in the pair's own recent past, 0 to 1
    :param next_8h: predicted rate of the next settlement, per 8 h
    :param mean_8h: mean rate of the recent past, per 8 h
    :param interval_hours: hours between settlements
    """

    rate_8h: float
    rank: float = nan
    next_8h: float = nan
    mean_8h: float = nan
    interval_hours: float = nan


@dataclass(frozen=True, kw_only=True)
class FundingBand(RankedBand[Funding]):
    """The bounds and the order of pairs by their last settled rate.

    Rates are fractions per 8 h, -0.25 to 0.25; 0.0001 is 0.01%, the usual rate. Negative rates are
    paid by shorts. Percentiles are of the pair's own recent past, 0 to 100.
    """

    MEASURES = (
        Measure("funding_rate_8h", "funding per 8h", ".4%"),
        Measure("percentile", "funding percentile", ".4g"),
        Measure("predicted_rate_8h", "predicted funding per 8h", ".4%"),
        Measure("interval_hours", "hours between settlements", "g"),
        Measure("carry_cost", "carry cost", ".4%"),
    )

    min_funding_rate_8h: _Rate = None
    max_funding_rate_8h: _Rate = None
    min_percentile: Percentile = None
    max_percentile: Percentile = None
    min_predicted_rate_8h: _Predicted = None
    max_predicted_rate_8h: _Predicted = None
    min_interval_hours: _Interval = None
    max_interval_hours: _Interval = None
    max_carry_cost: Annotated[
        float | None,
        Range(-1, 1, "of the position"),
        "What funding is predicted to take over the holding time; a negative bound asks for "
        "funding that pays",
    ] = None
    holding_hours: Annotated[
        float, Range(1, 720, "h"), "The holding time that the carry cost is worked out for"
    ] = 24
    carry_side: Annotated[
        CarrySide, "Whose cost it is: a long's, a short's, or that of either, the side that pays"
    ] = "either"

    def check_together(self) -> None:
        super().check_together()
        most = self.max_carry_cost
        if most is not None and most < 0 and self.carry_side == "either":
            raise ValueError(
                "max_carry_cost must be at least 0 for carry_side either, one of whose sides "
                f"always pays, got {most:g}"
            )

    def figures(self, known: Funding) -> tuple[float, ...]:
        return (
            known.rate_8h,
            100 * known.rank,
            known.next_8h,
            known.interval_hours,
            self._carry_cost(known),
        )

    def _carry_cost(self, known: Funding) -> float:
        long = predicted_cost(known.rate_8h, known.mean_8h, self.holding_hours)
        return {"long": long, "short": -long, "either": abs(long)}[self.carry_side]
