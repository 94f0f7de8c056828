"""Which pairs are crowded; what a band does with figures is in test_funding_band.py."""

import math

import pytest

from perpkit.market.crowd_band import Crowd, CrowdBand

NAN = math.nan
CROWDS = {"A": Crowd(3.4, 0.95), "B": Crowd(0.3, 0.05), "C": Crowd(1.0, NAN), "D": None}


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        ({}, "ABC"),
        ({"max_long_short_ratio": 3}, "BC"),
        ({"min_long_short_ratio": 0.33}, "AC"),
        ({"max_percentile": 90}, "B"),
        ({"min_percentile": 90}, "A"),
        ({"sort": "desc"}, "ACB"),
        ({"sort": "asc", "keep_unknown": True}, "BCAD"),
    ],
)
def test_pairs_that_pass(band, expected):
    assert "".join(CrowdBand(**band).choose("ABCD", CROWDS)) == expected


@pytest.mark.parametrize(
    ("band", "pair", "reason"),
    [
        ({"max_long_short_ratio": 3}, "A", "long/short ratio 3.4 is above 3"),
        ({"min_percentile": 10}, "B", "long/short percentile 5 is below 10"),
        ({"max_long_short_ratio": 3}, "C", None),
    ],
)
def test_the_reason_names_the_figure_and_the_bound(band, pair, reason):
    assert CrowdBand(**band).objection(CROWDS[pair]) == reason


def test_a_bad_bound_is_named():
    with pytest.raises(ValueError, match=r"max_long_short_ratio must .*got 0"):
        CrowdBand(max_long_short_ratio=0)
