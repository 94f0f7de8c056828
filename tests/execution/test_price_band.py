"""Between which prices the exchange takes an order, from the filters of exchangeInfo."""

from math import inf

import pytest

from perpkit.execution.price_band import PriceBand, price_band

PRICE = {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764"}
PERCENT = {"filterType": "PERCENT_PRICE", "multiplierDown": "0.9500", "multiplierUp": "1.0500"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.001"}


@pytest.mark.parametrize(
    ("filters", "mark", "low", "high"),
    [
        ([], 50_000, 1000, inf),
        ([PRICE, LOT], 50_000, 1000, 4_529_764),
        # 5% from mark, less a fiftieth of the way, for mark moves on
        ([LOT, PERCENT], 50_000, 47_550, 52_450),
        ([PRICE, PERCENT], 50_000, 47_550, 52_450),
        # what a contract may cost at all
        ([PRICE, PERCENT], 580, 556.8, 608.42),
        ([PRICE, PERCENT], 4_500_000, 4_279_500, 4_529_764),
        ([{**PERCENT, "multiplierUp": None}], 50_000, 47_550, inf),
        ([{**PERCENT, "multiplierDown": None}], 50_000, 1000, 52_450),
        # 0 is no bound
        ([{**PRICE, "maxPrice": "0", "minPrice": "0"}], 50_000, 1000, inf),
        ([{**PERCENT, "multiplierUp": "0"}], 50_000, 47_550, inf),
    ],
)
def test_the_narrower_of_both_filters(filters, mark, low, high):
    found = price_band(filters, mark)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(
    ("price", "clamped"), [(89, 90), (90, 90), (100, 100), (110, 110), (111, 110)]
)
def test_a_price_outside_is_brought_to_the_bound(price, clamped):
    assert PriceBand(90, 110).clamp(price) == clamped
