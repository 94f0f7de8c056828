"""The filter and the order of pairs by the number of net long accounts per net short account."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Annotated, NamedTuple

from perpkit.market.band import Measure, Percentile, RankedBand
from perpkit.parameters.kinds import Range


class Crowd(NamedTuple):
    """The crowd in one pair.

    :param ratio: accounts net long / net short, of all accounts
    :param rank: rank of the ratio in the pair's own recent past, 0 to 1; NaN without enough history
    """

    ratio: float
    rank: float = nan


_Ratio = Annotated[
    float | None,
    Range(0.001, 1000, "accounts"),
    "The accounts that are net long for each that is net short: 3 is a crowd of longs, 0.33 one of "
    "shorts",
]


@dataclass(frozen=True, kw_only=True)
class CrowdBand(RankedBand[Crowd]):
    """The bounds and the order of pairs by their long/short ratio."""

    MEASURES = (
        Measure("long_short_ratio", "long/short ratio", ".4g"),
        Measure("percentile", "long/short percentile", ".4g"),
    )

    min_long_short_ratio: _Ratio = None
    max_long_short_ratio: _Ratio = None
    min_percentile: Percentile = None
    max_percentile: Percentile = None

    def figures(self, known: Crowd) -> tuple[float, ...]:
        return known.ratio, 100 * known.rank
