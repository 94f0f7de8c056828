"""The estimate against the fills of the simulated venue; benchmarks/slippage_model.py has more."""

import pytest

from benchmarks.slippage_model import median, sample, samples, trader
from perpkit.execution.book import Side
from tests.cases import SLOW

PAIR = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def at():
    with trader(seed=5, pairs=[PAIR], days=6) as made:
        yield made


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("share", [0.001, 0.05, 0.3])
def test_in_the_book_that_was_read_it_is_exact(at, side, share):
    at.clock.advance(10_000)
    amount = round(at.book("BTCUSDT").depth(side, 0.01) * share, 3)
    row = sample(at, "BTCUSDT", side, amount, latency=0.0)
    assert row.actual_bps == pytest.approx(row.estimate.mid_bps, rel=1e-6)


@pytest.mark.parametrize("latency", [pytest.param(0.25, marks=SLOW), 0.5])
def test_after_the_time_a_bot_takes_the_median_error_is_under_a_fifth(latency):
    with trader(seed=6, pairs=[PAIR], days=6) as at:
        rows = samples(at, latency, count=60, seed=1)
    assert min(row.share for row in rows) < 0.003
    assert max(row.share for row in rows) > 0.2
    moved = [row for row in rows if row.actual_bps != pytest.approx(row.estimate.mid_bps, rel=1e-6)]
    assert len(moved) > 10  # it is not one book that is compared with itself
    assert median(row.error for row in rows) < 0.2
