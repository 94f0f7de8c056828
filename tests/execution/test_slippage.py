"""Walking the book."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perpkit.execution.book import Book, Side
from perpkit.execution.slippage import (
    Impact,
    amount_of,
    impact_of,
    move_bps,
    shortfall_bps,
    slippage_of,
)

# Middle 100; 7 asks and 3 bids within 1%.
BOOK = Book(
    ((99.9, 1.0), (99.5, 2.0), (98.0, 10.0)),
    ((100.1, 3.0), (100.5, 4.0), (102.0, 5.0)),
)


@pytest.mark.parametrize(
    ("side", "amount", "best", "average", "worst"),
    [
        (Side.BUY, 0.001, 100.1, 100.1, 100.1),
        (Side.BUY, 3.0, 100.1, 100.1, 100.1),
        (Side.BUY, 4.0, 100.1, 100.2, 100.5),
        (Side.BUY, 12.0, 100.1, (300.3 + 402.0 + 510.0) / 12, 102.0),
        (Side.SELL, 1.0, 99.9, 99.9, 99.9),
        (Side.SELL, 2.0, 99.9, 99.7, 99.5),
        (Side.SELL, 13.0, 99.9, (99.9 + 199.0 + 980.0) / 13, 98.0),
    ],
)
def test_prices(side, amount, best, average, worst):
    walked = slippage_of(BOOK, side, amount, vol_1h=0.0)
    assert walked.sufficient
    assert (walked.mid, walked.best, walked.worst) == (100.0, best, worst)
    assert walked.average == pytest.approx(average)
    assert walked.held == amount
    assert walked.mid_bps == pytest.approx(abs(average / 100 - 1) * 1e4, abs=1e-9)
    assert walked.best_bps == pytest.approx(abs(average / best - 1) * 1e4, abs=1e-9)


@pytest.mark.parametrize(
    ("side", "amount", "share", "impact"),
    [
        (Side.BUY, 0.069, 0.069 / 7, Impact.NEGLIGIBLE),
        (Side.BUY, 0.071, 0.071 / 7, Impact.LOW),
        (Side.BUY, 0.351, 0.351 / 7, Impact.MODERATE),
        (Side.BUY, 0.701, 0.701 / 7, Impact.HIGH),
        (Side.SELL, 0.701, 0.701 / 3, Impact.HIGH),
    ],
)
def test_impact_by_share_of_depth(side, amount, share, impact):
    walked = slippage_of(BOOK, side, amount, vol_1h=0.0)
    assert walked.depth_share == pytest.approx(share)
    assert walked.impact is impact


@pytest.mark.parametrize(
    ("share", "impact"),
    [
        (0.0099, "negligible"),
        (0.01, "low"),
        (0.0499, "low"),
        (0.05, "moderate"),
        (0.0999, "moderate"),
        (0.1, "high"),
        (math.inf, "high"),
        (math.nan, "high"),
    ],
)
def test_the_bounds_of_impact(share, impact):
    assert impact_of(share) == impact


def test_what_the_book_does_not_hold_has_no_price():
    walked = slippage_of(BOOK, Side.BUY, 12.5, vol_1h=0.01)
    assert not walked.sufficient
    assert walked.held == 12
    assert walked.reason == "insufficient depth: the book holds 12 of 12.5"
    assert walked.impact is Impact.HIGH
    assert walked.mid_bps == walked.best_bps == walked.cautious_bps == math.inf


def test_best_prices_further_than_the_depth_is_measured():
    thin = Book(((95.0, 1.0),), ((105.0, 1.0),))
    walked = slippage_of(thin, Side.BUY, 0.5, vol_1h=0.0)
    assert (walked.depth_share, walked.impact) == (math.inf, Impact.HIGH)
    assert walked.sufficient


@pytest.mark.parametrize(
    ("vol_1h", "seconds", "bps"),
    [
        (0.01, 3600, 100),
        (0.01, 36, 10),
        (0.01, 0, 0),
        (0.0, 36, 0),
        (math.nan, 36, math.inf),
        (-0.01, 36, math.inf),
        (math.inf, 36, math.inf),
    ],
)
def test_the_move_before_an_order_arrives(vol_1h, seconds, bps):
    assert move_bps(vol_1h, seconds) == pytest.approx(bps)
    walked = slippage_of(BOOK, Side.BUY, 1.0, vol_1h=vol_1h, latency_seconds=seconds)
    assert walked.cautious_bps == pytest.approx(walked.mid_bps + bps)


@pytest.mark.parametrize(
    ("side", "expected", "actual", "bps"),
    [
        (Side.BUY, 100, 100.1, 10),
        (Side.BUY, 100, 99.9, -10),
        (Side.SELL, 100, 99.9, 10),
        (Side.SELL, 100, 100.1, -10),
    ],
)
def test_shortfall_is_what_hurts(side, expected, actual, bps):
    assert shortfall_bps(side, expected, actual) == pytest.approx(bps)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_a_bad_size_is_named(bad):
    with pytest.raises(ValueError, match="amount must be positive"):
        slippage_of(BOOK, Side.BUY, bad, vol_1h=0.0)
    with pytest.raises(ValueError, match="notional must be positive"):
        amount_of(BOOK, Side.BUY, bad)


@pytest.mark.parametrize(
    ("side", "notional", "amount"),
    [
        (Side.BUY, 100.1, 1.0),
        (Side.BUY, 300.3, 3.0),
        (Side.BUY, 300.3 + 100.5, 4.0),
        (Side.SELL, 99.9 + 99.5, 2.0),
        (Side.BUY, 300.3 + 402.0 + 510.0 + 102.0, 13.0),  # one more than there is
    ],
)
def test_the_amount_of_a_notional(side, notional, amount):
    assert amount_of(BOOK, side, notional) == pytest.approx(amount)


@st.composite
def books(draw):
    gaps = st.lists(st.tuples(st.integers(1, 50), st.floats(0.001, 1e4)), min_size=1, max_size=30)
    tick = draw(st.sampled_from([1e-4, 0.1, 1.0]))
    best = draw(st.integers(2_000, 1_000_000))

    def side(start, direction):
        price, levels = start, []
        for gap, amount in draw(gaps):
            levels.append((price * tick, amount))
            price += direction * gap
        return tuple(levels)

    return Book(side(best, -1), side(best + draw(st.integers(1, 50)), 1))


sides = st.sampled_from(Side)
sizes = st.floats(1e-3, 4e5)


@given(books(), sides, sizes)
def test_an_average_lies_between_the_best_and_the_worst(book, side, amount):
    walked = slippage_of(book, side, amount, vol_1h=0.0)
    low, high = sorted((walked.best, walked.worst))
    assert low * (1 - 1e-12) <= walked.average <= high * (1 + 1e-12)
    assert walked.held <= amount
    assert walked.sufficient is (walked.held == amount)


@given(books(), sides, sizes, st.floats(1, 10))
def test_more_never_costs_less(book, side, amount, times):
    little, much = (slippage_of(book, side, a, vol_1h=0.0) for a in (amount, amount * times))
    assert much.mid_bps >= little.mid_bps - 1e-6
    assert (much.worst - little.worst) * side.sign >= 0
    assert much.depth_share >= little.depth_share


@given(books(), sides, st.floats(0.01, 1e9))
def test_an_amount_costs_its_notional(book, side, notional):
    amount = amount_of(book, side, notional)
    walked = slippage_of(book, side, amount, vol_1h=0.0)
    assume(walked.sufficient)
    assert walked.average * amount == pytest.approx(notional, rel=1e-9)


@given(books(), sizes)
def test_a_mirrored_book_costs_the_mirrored_side_the_same(book, amount):
    """Reflected in the middle, bids become asks."""
    middle = book.mid
    mirrored = Book(
        tuple((2 * middle - p, a) for p, a in book.asks),
        tuple((2 * middle - p, a) for p, a in book.bids),
    )
    buy = slippage_of(book, Side.BUY, amount, vol_1h=0.0)
    sell = slippage_of(mirrored, Side.SELL, amount, vol_1h=0.0)
    assert sell.mid_bps == pytest.approx(buy.mid_bps, rel=1e-6, abs=1e-6)
