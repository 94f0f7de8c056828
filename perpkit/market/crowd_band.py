"""Which pairs are crowded on one side, by the accounts that are net long for each that is short."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from perpkit.market.band import Measure, RankedBand


class Crowd(NamedTuple):
    """:param ratio: accounts net long / net short, of all accounts
    :param rank: 0 to 1 within the pair's own recent past, NaN without enough history"""

    ratio: float
    rank: float = nan


@dataclass(frozen=True, kw_only=True)
class CrowdBand(RankedBand[Crowd]):
    """The band and the order, by the long/short ratio.

    :param min_long_short_ratio: 0.001 to 1000: 3 is three accounts long for each that is short;
        and maximum
    :param min_percentile: of the pair's own recent past, 0 to 100; and maximum
    """

    MEASURES = (
        Measure("long_short_ratio", 0.001, 1000, "long/short ratio", ".4g"),
        Measure("percentile", 0, 100, "long/short percentile", ".4g"),
    )

    min_long_short_ratio: float | None = None
    max_long_short_ratio: float | None = None
    min_percentile: float | None = None
    max_percentile: float | None = None

    def figures(self, known: Crowd) -> tuple[float, ...]:
        return known.ratio, 100 * known.rank
