"""Which pairs have funding in a band, and in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal, NamedTuple, get_args

Sort = Literal["none", "asc", "desc"]


class Funding(NamedTuple):
    """:param rate_8h: fraction per 8 h
    :param rank: 0 to 1 within the pair's own recent past, NaN without enough history"""

    rate_8h: float
    rank: float


@dataclass(frozen=True)
class FundingBand:
    """The band and the order. A bound that is None does not bind; bounds belong to the band.

    :param min_funding_rate_8h: fraction per 8 h, -0.25 to 0.25; 0.0001 is 0.01%, the usual rate.
        Negative rates are paid by shorts
    :param max_funding_rate_8h: likewise, not below the minimum
    :param min_percentile: of the pair's own recent past, 0 to 100
    :param max_percentile: likewise, not below the minimum
    :param sort: by rate: "asc", "desc", or "none", which keeps the order the pairs came in
    :param number_assets: pairs kept, the first in that order; 0 keeps all
    :param keep_unknown: whether pairs with unknown funding pass; they sort last
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    min_funding_rate_8h: float | None = None
    max_funding_rate_8h: float | None = None
    min_percentile: float | None = None
    max_percentile: float | None = None
    sort: Sort = "none"
    number_assets: int = 0
    keep_unknown: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("funding_rate_8h", -0.25, 0.25), ("percentile", 0, 100)):
            bounds = [getattr(self, f"{side}_{name}") for side in ("min", "max")]
            for side, value in zip(("min", "max"), bounds, strict=True):
                if value is not None and not (_is_number(value) and low <= value <= high):
                    raise ValueError(
                        f"{side}_{name} must be a number between {low} and {high}, got {value!r}"
                    )
            if None not in bounds and bounds[0] > bounds[1]:
                raise ValueError(
                    f"min_{name} must not exceed max_{name}, got {bounds[0]} and {bounds[1]}"
                )
        if self.sort not in get_args(Sort):
            raise ValueError(f"sort must be one of {', '.join(get_args(Sort))}, got {self.sort!r}")
        if type(self.number_assets) is not int or self.number_assets < 0:
            raise ValueError(
                f"number_assets must be a whole number from 0, got {self.number_assets!r}"
            )
        if not isinstance(self.keep_unknown, bool):
            raise ValueError(f"keep_unknown must be true or false, got {self.keep_unknown!r}")

    def knows(self, funding: Funding | None) -> bool:
        """Whether this band can judge: a rank is needed only where a percentile binds."""
        if funding is None or isnan(funding.rate_8h):
            return False
        ranked = self.min_percentile is not None or self.max_percentile is not None
        return not (ranked and isnan(funding.rank))

    def objection(self, funding: Funding) -> str | None:
        """Why known funding lies outside the band, None when it lies inside."""
        rate, percentile = funding.rate_8h, 100 * funding.rank
        if self.min_funding_rate_8h is not None and rate < self.min_funding_rate_8h:
            return f"funding {rate:.4%} per 8h is below {self.min_funding_rate_8h:.4%}"
        if self.max_funding_rate_8h is not None and rate > self.max_funding_rate_8h:
            return f"funding {rate:.4%} per 8h is above {self.max_funding_rate_8h:.4%}"
        if self.min_percentile is not None and percentile < self.min_percentile:
            return f"funding at percentile {percentile:.1f} is below {self.min_percentile:g}"
        if self.max_percentile is not None and percentile > self.max_percentile:
            return f"funding at percentile {percentile:.1f} is above {self.max_percentile:g}"
        return None

    def choose(self, pairs: Sequence[str], funding: Mapping[str, Funding | None]) -> list[str]:
        """The pairs that pass, in order; equal rates by name.

        :param funding: of every pair; None where unknown
        """
        inside: list[tuple[float, str]] = []
        unknown: list[str] = []
        passed: list[str] = []
        for pair in pairs:
            known = funding[pair]
            if known is None or not self.knows(known):
                if not self.keep_unknown:
                    continue
                unknown.append(pair)
            elif self.objection(known) is None:
                inside.append((-known.rate_8h if self.sort == "desc" else known.rate_8h, pair))
            else:
                continue
            passed.append(pair)
        if self.sort != "none":
            passed = [pair for _, pair in sorted(inside)] + sorted(unknown)
        return passed[: self.number_assets or None]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
