"""Rank within the recent past."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.percentile import rolling_rank

TEN_HOURS = timedelta(hours=10)


def ranks(values, least=1):
    index = pd.date_range("2023-01-01", periods=len(values), freq="h", tz="UTC")
    return rolling_rank(pd.Series(values, index=index, dtype=float), TEN_HOURS, least)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5], 0.5),
        ([5, 5, 5, 5], 0.5),
        ([1, 2], 0.75),
        ([2, 1], 0.25),
        ([1, 2, 3, 4], 3.5 / 4),
        ([1, 3, 3, 3], 2.5 / 4),
        ([9] * 5 + [1] * 10, 0.5),  # what is older than ten hours is forgotten
    ],
)
def test_rank_of_the_last_value(values, expected):
    assert ranks(values).iloc[-1] == pytest.approx(expected)


def test_no_rank_before_there_is_history():
    assert ranks([1, 2, 3], least=3).isna().tolist() == [True, True, False]


@given(st.lists(st.sampled_from([-2, -1, 0, 1, 2]), min_size=1, max_size=30))
def test_high_and_low_are_mirror_images(values):
    np.testing.assert_allclose(ranks(values) + ranks(np.negative(values)), 1)
