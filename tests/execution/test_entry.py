"""Which books allow an entry. Each refusal has a reason, and the check without it would allow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.entry import EntryLimits, check_entry

LIMITS = EntryLimits()
# Middle 100, spread 2 bps, ten of each within 1%.
BOOK = Book(((99.99, 5.0), (99.5, 5.0)), ((100.01, 5.0), (100.5, 5.0)))
WIDE = Book(((99.89, 5.0),), ((100.11, 5.0),))


def check(book=BOOK, side=Side.BUY, amount=1.0, limits=LIMITS, signal_price=100.0, vol_1h=0.005):
    return check_entry(limits, book, side, amount, signal_price=signal_price, vol_1h=vol_1h)


@pytest.mark.parametrize("side", Side)
def test_a_good_moment(side):
    result = check(side=side)
    assert result.allowed
    assert result.reason == "slippage 1.00 bps, 10.00% of the depth within 1%: high impact"
    assert result.slippage.cautious_bps == pytest.approx(1 + 50 / 60)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"book": NoBook("no usable book: no asks")}, "no usable book: no asks"),
        ({"book": WIDE}, "spread 22.0 bps, above 20"),
        ({"signal_price": 98.0}, "price moved +2.04% since the signal, more than 2.00%"),
        ({"signal_price": 102.1}, "price moved -2.06% since the signal, more than 2.00%"),
        ({"signal_price": math.nan}, "price at the signal unknown"),
        ({"signal_price": 0.0}, "price at the signal unknown"),
        ({"amount": 10.1}, "insufficient depth: the book holds 10 of 10.1"),
        ({"amount": 0.0}, "no amount to enter with, got 0"),
        ({"amount": math.nan}, "no amount to enter with, got nan"),
        ({"vol_1h": math.nan}, "one-hour volatility unknown"),
        (
            {"vol_1h": 0.2},
            "slippage up to 34.3 bps, above 30 "
            "(slippage 1.00 bps, 10.00% of the depth within 1%: high impact)",
        ),
        (
            {"amount": 10.0, "limits": EntryLimits(max_slippage_bps=20.0)},
            "slippage up to 26.3 bps, above 20 "
            "(slippage 25.50 bps, 100.00% of the depth within 1%: high impact)",
        ),
    ],
)
def test_refusals(changed, reason):
    result = check(**changed)
    assert not result.allowed
    assert result.reason == reason


@pytest.mark.parametrize(
    "changed",
    [
        {"signal_price": 98.1},
        {"signal_price": 101.9},
        {"amount": 10.0},
        {"book": WIDE, "limits": EntryLimits(max_spread_bps=23.0)},
    ],
)
def test_within_the_limits(changed):
    assert check(**changed).allowed


def test_exactly_at_a_limit_is_within_it():
    cautious = check().slippage.cautious_bps
    assert check(limits=EntryLimits(max_slippage_bps=cautious)).allowed
    assert not check(limits=EntryLimits(max_slippage_bps=cautious - 0.001)).allowed
    assert check(limits=EntryLimits(max_spread_bps=BOOK.spread_bps)).allowed
    assert not check(limits=EntryLimits(max_spread_bps=BOOK.spread_bps - 0.001)).allowed
    move = BOOK.mid / 80 - 1
    assert check(signal_price=80, limits=EntryLimits(max_move=move)).allowed
    assert not check(signal_price=80, limits=EntryLimits(max_move=move - 0.001)).allowed


@given(
    amount=st.floats(allow_nan=True),
    signal_price=st.floats(allow_nan=True),
    vol_1h=st.floats(allow_nan=True),
    side=st.sampled_from(Side),
)
def test_whatever_is_allowed_is_within_every_limit(amount, signal_price, vol_1h, side):
    result = check(amount=amount, signal_price=signal_price, vol_1h=vol_1h, side=side)
    assert result.reason
    if result.allowed:
        assert 0 < amount <= 10
        assert abs(100 / signal_price - 1) <= LIMITS.max_move
        assert result.slippage.cautious_bps <= LIMITS.max_slippage_bps


@pytest.mark.parametrize(
    "bad",
    [
        {"max_spread_bps": 0.0},
        {"max_slippage_bps": math.nan},
        {"max_move": 0.6},
        {"max_book_age_seconds": 61.0},
        {"latency_seconds": -1.0},
    ],
)
def test_a_bad_limit_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a number from"):
        EntryLimits(**bad)
