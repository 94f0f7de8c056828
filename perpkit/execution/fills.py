"""The slippage of real fills against its estimate; the last hundred fills are kept."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from perpkit.execution.book import Side
from perpkit.execution.slippage import shortfall_bps

KEPT = 100


@dataclass(frozen=True)
class FillSlippage:
    """Estimated and actual slippage against the mid price of the estimate, in basis points.

    A negative actual slippage is a gain.
    """

    estimated_bps: float
    actual_bps: float


def fill_slippage(
    side: Side, expected: float, average: float, estimated_bps: float
) -> FillSlippage:
    """Returns the slippage of an order's fills next to its estimate.

    :param expected: mid price of the book that the estimate was made from
    :param average: average price of the fills
    :raises ValueError: naming the value that is not a positive price, or not finite

    >>> fill_slippage(Side.BUY, expected=100.0, average=100.5, estimated_bps=40.0).actual_bps
    50.0
    """
    for name, price in (("expected", expected), ("average", average)):
        if not (isfinite(price) and price > 0):
            raise ValueError(f"{name} must be a positive price, got {price!r}")
    if not isfinite(estimated_bps):
        raise ValueError(f"estimated_bps must be finite, got {estimated_bps!r}")
    return FillSlippage(estimated_bps, shortfall_bps(side, expected, average))


@dataclass(frozen=True)
class SlippageRecord:
    """The slippage of the latest fills.

    :param fills: oldest first, at most 100
    """

    fills: tuple[FillSlippage, ...] = ()

    def add(self, fill: FillSlippage) -> SlippageRecord:
        return SlippageRecord((*self.fills, fill)[-KEPT:])

    @property
    def mean_bps(self) -> float | None:
        """The mean of the actual slippage; None before the first fill."""
        return fmean(fill.actual_bps for fill in self.fills) if self.fills else None

    @property
    def mean_excess_bps(self) -> float | None:
        """The mean of actual less estimated slippage; None before the first fill."""
        if not self.fills:
            return None
        return fmean(fill.actual_bps - fill.estimated_bps for fill in self.fills)

    def __str__(self) -> str:
        mean, excess = self.mean_bps, self.mean_excess_bps
        if mean is None or excess is None:
            return "no fills yet"
        return f"{len(self.fills)} fills: {mean:.2f} bps on average, {excess:+.2f} than estimated"
