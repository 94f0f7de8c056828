"""Decimals of prices, as Freqtrade prints them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market import decimals
from tests import factories
from tests.cases import cases

PRICES = st.one_of(
    st.tuples(st.integers(1, 10**7), st.integers(0, 8)).map(lambda each: each[0] / 10 ** each[1]),
    st.floats(1e-12, 1e16),
    st.sampled_from([1.0, 1000.0, 999.9999999999999, 0.1, 1e-9, 1e13, 1e14, 0.0, 5e-324, np.nan]),
    # Whose fourteenth digit is between two.
    st.integers(10**13, 10**14 - 1).map(lambda each: (each + 0.5) / 10**9),
)


@cases(200)
@given(st.lists(PRICES, min_size=1, max_size=30))
def test_prices_have_the_decimals_that_freqtrade_prints(prices):
    printed = [decimals._printed(price) for price in prices]
    np.testing.assert_array_equal(decimals.decimals(np.array(prices)), printed)


def test_candles_without_floats_are_left_as_they_are():
    candles = factories.candles(10)
    candles["high"] = candles["high"].astype(str)
    before = candles.copy()
    assert decimals.tick_sizes(candles) is None
    assert decimals.tick_sizes(candles[:0]) is None
    assert candles.equals(before)
