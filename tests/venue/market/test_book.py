"""The order book: ordered, on its grids, and thinner and wider when the market is rough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.market.book import Book, make_book, volatility_stress
from perpkit.venue.market.candles import Candles
from perpkit.venue.market.instruments import Instrument

BTC = Instrument("BTC", 0.1, 0.001)


def book(instrument=BTC, last=60_000.0, stress=1.0, levels=100, seed=1, turnover=9e9) -> Book:
    return make_book(
        instrument,
        last,
        turnover=turnover,
        stress=stress,
        levels=levels,
        rng=np.random.default_rng(seed),
    )


@given(
    last=st.integers(100, 10_000_000),
    tick=st.sampled_from([1e-4, 0.01, 0.1, 1.0]),
    stress=st.floats(0.5, 10),
    seed=st.integers(0, 1000),
)
def test_sides_are_ordered_apart_and_on_their_grids(last, tick, stress, seed):
    instrument = Instrument("X", tick, 0.01)
    made = book(instrument, last * tick, stress, seed=seed)
    assert made.bid_prices[0] < made.ask_prices[0]
    assert made.bid_prices[0] <= last * tick * (1 + 1e-12)
    assert made.ask_prices[0] >= last * tick * (1 - 1e-12)
    assert np.all(np.diff(made.bid_prices) < 0)
    assert np.all(np.diff(made.ask_prices) > 0)
    assert np.all(made.bid_prices > 0)
    for values, grid in (
        (made.bid_prices, tick), (made.ask_prices, tick),
        (made.bid_sizes, 0.01), (made.ask_sizes, 0.01),
    ):  # fmt: skip
        np.testing.assert_allclose(values / grid, np.rint(values / grid), atol=1e-6)
        assert np.all(values > 0)


def test_a_short_book_is_the_top_of_a_long_one():
    short, long = book(levels=5), book(levels=1000)
    for name, values in vars(short).items():
        np.testing.assert_array_equal(vars(long)[name][:5], values)
    assert len(long.bid_prices) == 1000


def test_stress_widens_the_spread_and_thins_the_depth():
    def spread_and_depth(stress: float) -> tuple[float, float]:
        books = [book(stress=stress, levels=1000, seed=s) for s in range(20)]
        near = [b.ask_sizes[b.ask_prices < 60_060].sum() for b in books]
        spreads = [b.ask_prices[0] - b.bid_prices[0] for b in books]
        return float(np.mean(spreads)), float(np.mean(near))

    (calm, deep), (wide, thin) = spread_and_depth(1.0), spread_and_depth(5.0)
    assert wide == pytest.approx(calm * 5**1.5, rel=0.15)
    assert thin == pytest.approx(deep / 5, rel=0.25)


def candles(returns: np.ndarray) -> Candles:
    close = 100 * np.exp(np.cumsum(returns))
    time = np.arange(len(close), dtype=np.int64) * 60_000
    return Candles(time, close, close, close, close, close)


@pytest.mark.parametrize(("rough", "stress"), [(1.0, 1.0), (4.0, 4.0), (100.0, 10.0), (0.01, 0.5)])
def test_stress_compares_the_recent_with_the_ordinary(rough, stress):
    returns = np.random.default_rng(2).normal(0, 0.001, 5000)
    returns[-100:] *= rough
    assert volatility_stress(candles(returns), 100, 5000) == pytest.approx(stress, rel=0.15)


@pytest.mark.parametrize("returns", [np.zeros(1), np.zeros(24), np.zeros(500)])
def test_without_a_past_or_without_moves_nothing_is_stressed(returns):
    assert volatility_stress(candles(returns), 24, 2000) == 1.0
