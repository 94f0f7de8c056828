"""The record of what fills have cost."""

import math
from functools import reduce

import pytest

from perpkit.execution.book import Side
from perpkit.execution.fills import FillSlippage, SlippageRecord, fill_slippage


def record(*actual: float, estimated: float = 2.0) -> SlippageRecord:
    fills = [FillSlippage(estimated, bps) for bps in actual]
    return reduce(SlippageRecord.add, fills, SlippageRecord())


@pytest.mark.parametrize(
    ("side", "average", "bps"),
    [(Side.BUY, 100.05, 5), (Side.BUY, 99.9, -10), (Side.SELL, 99.9, 10), (Side.SELL, 100.1, -10)],
)
def test_a_fill(side, average, bps):
    fill = fill_slippage(side, 100.0, average, 3.0)
    assert fill.actual_bps == pytest.approx(bps)
    assert fill.estimated_bps == 3.0


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ((math.nan, 1.0, 1.0), "expected"),
        ((0.0, 1.0, 1.0), "expected"),
        ((1.0, math.inf, 1.0), "average"),
        ((1.0, 1.0, math.inf), "estimated_bps"),
    ],
)
def test_what_would_spoil_the_means_is_refused(bad, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        fill_slippage(Side.BUY, *bad)


def test_means():
    kept = record(1.0, 2.0, 6.0)
    assert (kept.mean_bps, kept.mean_excess_bps) == (3.0, 1.0)
    assert str(kept) == "3 fills: 3.00 bps on average, +1.00 than estimated"


def test_nothing_yet():
    assert (record().mean_bps, record().mean_excess_bps) == (None, None)
    assert str(record()) == "no fills yet"


def test_only_the_last_hundred_count():
    kept = record(*range(150))
    assert [fill.actual_bps for fill in kept.fills] == list(range(50, 150))
