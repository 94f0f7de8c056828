"""What a book can take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.book import Book
from perpkit.execution.liquidity import LiquidityRule
from tests.bench.ranges import has_range

LOOSE = {"max_spread_bps": 1000, "min_depth": 0, "max_slippage_bps": 1000, "notional": 1}


def book(bid_amount=1000.0, ask_amount=1000.0, half_spread=0.05):
    """Two levels on each side around 100, the second 0.4 further out."""
    bids = tuple((100 - half_spread - away, bid_amount) for away in (0, 0.4))
    asks = tuple((100 + half_spread + away, ask_amount) for away in (0, 0.4))
    return Book(bids, asks)


@pytest.mark.parametrize(
    ("rule", "seen", "reason"),
    [
        ({"max_spread_bps": 10}, book(), None),
        ({"max_spread_bps": 9.9}, book(), "the spread is 10.0 bps, above 9.9"),
        ({"min_depth": 100_000, "depth_within": 0.001}, book(), None),
        ({"min_depth": 100_001, "depth_within": 0.001}, book(), "100,000 are offered within 0.10%"),
        ({"min_depth": 200_000, "depth_within": 0.005}, book(), None),
        # The thinner side counts, for depth and for slippage.
        ({"min_depth": 1000}, book(bid_amount=2), "400 are offered within 0.50%, below 1,000"),
        ({"notional": 150_000, "max_slippage_bps": 25}, book(), None),
        ({"notional": 150_000, "max_slippage_bps": 15}, book(), "order of 150,000 would cost 18.4"),
        ({"notional": 900, "max_slippage_bps": 4}, book(), "an order of 900 would cost 5.0 bps"),
        ({"notional": 500}, book(ask_amount=1), "the book holds less than an order of 500"),
        ({"notional": 500}, book(bid_amount=1), "the book holds less than an order of 500"),
    ],
)
def test_the_reason_names_the_figure_and_the_limit(rule, seen, reason):
    found = LiquidityRule(**(LOOSE | rule)).objection(seen)
    if reason is None:
        assert found is None
    else:
        assert reason in found


@pytest.mark.parametrize(
    ("stake", "least", "reason"),
    [
        (None, 105.0, None),
        (100, None, None),
        (105, 105.0, None),
        (100, 105.0, "its least order needs a stake of 105.00, above 100"),
    ],
)
def test_the_least_order_against_the_stake(stake, least, reason):
    assert LiquidityRule(**LOOSE, stake=stake).objection(book(), least) == reason


@given(st.floats(1, 300_000), st.floats(1, 300_000), st.floats(0, 100))
def test_what_takes_a_large_order_takes_a_smaller_one(one, other, limit):
    small, large = sorted((one, other))
    rule = LOOSE | {"max_slippage_bps": limit}
    if LiquidityRule(**(rule | {"notional": large})).objection(book()) is None:
        smaller = LiquidityRule(**(rule | {"notional": small, "max_slippage_bps": limit + 1e-6}))
        assert smaller.objection(book()) is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"max_spread_bps": -1}, "max_spread_bps must be a number from 0 to 1000, got -1"),
        ({"min_depth": "x"}, "min_depth must be .*got 'x'"),
        ({"depth_within": 0}, "depth_within must be a number from 0.0001 to 0.1, got 0"),
        ({"notional": 0}, "notional must be .*got 0"),
        ({"stake": 0}, "stake must be .*got 0"),
        ({"leverage": 126}, "leverage must be a number from 1 to 125, got 126"),
        ({"levels": 5}, "levels must be one of 20, 50, 100, 500, 1000, got 5"),
    ],
)
def test_a_bad_parameter_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        LiquidityRule(**bad)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("max_spread_bps", 0, 1000),
        ("min_depth", 0, 1e12),
        ("depth_within", 0.0001, 0.1),
        ("notional", 1, 1e9),
        ("max_slippage_bps", 0, 1000),
        ("stake", 0.01, 1e9),
        ("leverage", 1, 125),
    ],
)
def test_both_ends_of_a_range_are_allowed(name, low, high):
    has_range(lambda value: LiquidityRule(**{name: value}), low, high)


@pytest.mark.parametrize("levels", [20, 50, 100, 500, 1000])
def test_the_exchange_serves_so_many_levels(levels):
    assert LiquidityRule(levels=levels).levels == levels


def test_what_is_asked_of_a_book_unless_something_else_is_said():
    assert LiquidityRule() == LiquidityRule(
        max_spread_bps=10, min_depth=50_000, depth_within=0.005, notional=1000,
        max_slippage_bps=10, stake=None, leverage=1, levels=100,
    )  # fmt: skip
