import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.leverage import LeverageLimit, volatility_leverage

NO_CAP = LeverageLimit(125)


@pytest.mark.parametrize(
    ("range_24h", "expected"),
    [
        (0.0, 10),
        (0.05, 10),
        (0.0501, 5),
        (0.10, 5),
        (0.1001, 2),
        (2.0, 2),
        (math.nan, 2),
        (math.inf, 2),
        (-0.01, 2),
    ],
)
def test_the_tier_of_a_daily_range(range_24h, expected):
    assert volatility_leverage(NO_CAP, range_24h, 125) == expected


@pytest.mark.parametrize(
    ("limit", "pair_maximum", "expected"), [(3, 125, 3), (20, 125, 10), (20, 4, 4), (20, 0.5, 1)]
)
def test_caps(limit, pair_maximum, expected):
    assert volatility_leverage(LeverageLimit(limit), 0.01, pair_maximum) == expected


@given(
    limit=st.floats(1, 125),
    maximum=st.floats(1, 125),
    calm=st.floats(0, 1),
    wild=st.floats(0, 1),
)
def test_more_range_never_means_more_leverage(limit, maximum, calm, wild):
    calm, wild = sorted((calm, wild))
    low = volatility_leverage(LeverageLimit(limit), wild, maximum)
    high = volatility_leverage(LeverageLimit(limit), calm, maximum)
    assert 1 <= low <= high <= min(limit, maximum)


@pytest.mark.parametrize("bad", [0.99, 126, math.nan])
def test_a_bad_limit_is_named(bad):
    with pytest.raises(ValueError, match="max_leverage must lie between 1 and 125"):
        LeverageLimit(bad)
