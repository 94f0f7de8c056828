"""Which pairs pass the band, in what order."""

import pytest

from perpkit.market.funding_band import Funding, FundingBand

NAN = float("nan")
FUNDING = {
    "ADA": Funding(0.0001, 0.50),
    "BTC": Funding(0.0005, 0.98),
    "ETH": Funding(-0.0003, 0.02),
    "LTC": Funding(0.0001, NAN),
    "XRP": None,
}
PAIRS = ["XRP", "LTC", "ETH", "BTC", "ADA"]


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        ({}, ["LTC", "ETH", "BTC", "ADA"]),
        ({"min_funding_rate_8h": 0}, ["LTC", "BTC", "ADA"]),
        ({"max_funding_rate_8h": 0.0001}, ["LTC", "ETH", "ADA"]),
        ({"min_funding_rate_8h": 0.0001, "max_funding_rate_8h": 0.0001}, ["LTC", "ADA"]),
        # A pair without enough history is unknown to a percentile, not to a rate.
        ({"min_percentile": 0}, ["ETH", "BTC", "ADA"]),
        ({"min_percentile": 50}, ["BTC", "ADA"]),
        ({"max_percentile": 50}, ["ETH", "ADA"]),
        ({"min_percentile": 10, "max_funding_rate_8h": 0.0002}, ["ADA"]),
        ({"sort": "asc"}, ["ETH", "ADA", "LTC", "BTC"]),
        ({"sort": "desc"}, ["BTC", "ADA", "LTC", "ETH"]),
        ({"number_assets": 2}, ["LTC", "ETH"]),
        ({"sort": "desc", "number_assets": 1}, ["BTC"]),
        ({"number_assets": 9}, ["LTC", "ETH", "BTC", "ADA"]),
        ({"keep_unknown": True}, PAIRS),
        ({"keep_unknown": True, "sort": "desc"}, ["BTC", "ADA", "LTC", "ETH", "XRP"]),
        ({"keep_unknown": True, "min_percentile": 50, "sort": "asc"}, ["ADA", "BTC", "LTC", "XRP"]),
        ({"min_funding_rate_8h": 0.2}, []),
    ],
)
def test_pairs_that_pass(band, expected):
    assert FundingBand(**band).choose(PAIRS, FUNDING) == expected


def test_the_order_does_not_depend_on_the_order_pairs_came_in():
    band = FundingBand(sort="asc")
    assert band.choose(PAIRS[::-1], FUNDING) == band.choose(PAIRS, FUNDING)


@pytest.mark.parametrize(
    ("band", "pair", "reason"),
    [
        ({"max_funding_rate_8h": 0.0003}, "BTC", "funding per 8h 0.0500% is above 0.0300%"),
        ({"min_funding_rate_8h": 0}, "ETH", "funding per 8h -0.0300% is below 0.0000%"),
        ({"max_percentile": 90}, "BTC", "funding percentile 98 is above 90"),
        ({"min_percentile": 5}, "ETH", "funding percentile 2 is below 5"),
        ({"min_percentile": 5}, "ADA", None),
    ],
)
def test_the_reason_names_the_figure_and_the_bound(band, pair, reason):
    assert FundingBand(**band).objection(FUNDING[pair]) == reason


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"min_funding_rate_8h": 1}, "min_funding_rate_8h must be a number from -0.25 to 0.25"),
        ({"max_funding_rate_8h": -1}, "max_funding_rate_8h .*got -1"),
        ({"max_funding_rate_8h": "0.1"}, "max_funding_rate_8h .*got '0.1'"),
        ({"max_funding_rate_8h": NAN}, "max_funding_rate_8h .*got nan"),
        ({"min_percentile": 101}, "min_percentile must be a number from 0 to 100, got 101"),
        ({"max_percentile": True}, "max_percentile .*got True"),
        (
            {"min_funding_rate_8h": 0.01, "max_funding_rate_8h": 0},
            "min_funding_rate_8h must not exceed max_funding_rate_8h, got 0.01 and 0",
        ),
        ({"min_percentile": 60, "max_percentile": 40}, "min_percentile must not exceed"),
        ({"sort": "down"}, "sort must be one of none, asc, desc, got 'down'"),
        ({"number_assets": -1}, "number_assets must be a whole number from 0 to 10000, got -1"),
        ({"number_assets": 1.5}, "number_assets .*got 1.5"),
        ({"keep_unknown": "yes"}, "keep_unknown must be true or false, got 'yes'"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_what_is_allowed(bad, message):
    with pytest.raises(ValueError, match=message):
        FundingBand(**bad)
