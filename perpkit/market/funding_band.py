"""Which pairs have funding in a band, and in what order."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Literal, NamedTuple, get_args

from perpkit.checks import check_range
from perpkit.market.band import Measure, RankedBand
from perpkit.market.funding import predicted_cost

CarrySide = Literal["either", "long", "short"]


class Funding(NamedTuple):
    """:param rate_8h: the last settled rate, fraction per 8 h
    :param rank: 0 to 1 within the pair's own recent past, NaN without enough history
    :param next_8h: predicted for the next settlement; `mean_8h` of the recent past
    :param interval_hours: between settlements"""

    rate_8h: float
    rank: float = nan
    next_8h: float = nan
    mean_8h: float = nan
    interval_hours: float = nan


@dataclass(frozen=True, kw_only=True)
class FundingBand(RankedBand[Funding]):
    """The band and the order, by the last settled rate.

    Rates are fractions per 8 h, -0.25 to 0.25; 0.0001 is 0.01%, the usual rate. Negative rates are
    paid by shorts. Percentiles are of the pair's own recent past, 0 to 100.

    :param min_predicted_rate_8h: of the next settlement, as `predicted_cost` predicts; and maximum
    :param min_interval_hours: between settlements, 1 to 8; and maximum
    :param max_carry_cost: what funding is predicted to take over a holding time, as a fraction of
        the position, -1 to 1; negative asks for funding that pays
    :param holding_hours: of that holding time, 1 to 720
    :param carry_side: whose cost: of a "long", a "short", or of "either", the one that pays
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    MEASURES = (
        Measure("funding_rate_8h", -0.25, 0.25, "funding per 8h", ".4%"),
        Measure("percentile", 0, 100, "funding percentile", ".4g"),
        Measure("predicted_rate_8h", -0.25, 0.25, "predicted funding per 8h", ".4%"),
        Measure("interval_hours", 1, 8, "hours between settlements", "g"),
        Measure("carry_cost", -1, 1, "carry cost", ".4%"),
    )

    min_funding_rate_8h: float | None = None
    max_funding_rate_8h: float | None = None
    min_percentile: float | None = None
    max_percentile: float | None = None
    min_predicted_rate_8h: float | None = None
    max_predicted_rate_8h: float | None = None
    min_interval_hours: float | None = None
    max_interval_hours: float | None = None
    max_carry_cost: float | None = None
    holding_hours: float = 24
    carry_side: CarrySide = "either"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("holding_hours", self.holding_hours, 1, 720)
        if self.carry_side not in get_args(CarrySide):
            raise ValueError(
                f"carry_side must be one of {', '.join(get_args(CarrySide))}, "
                f"got {self.carry_side!r}"
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
