"""Books as ccxt gives them: read, or refused with what is wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.book import Book, NoBook, Side, read_book

NOW = 1_767_225_600_000
BIDS = [[99.0, 1.0], [98.0, 2.0]]
ASKS = [[101.0, 3.0], [102.0, 4.0]]


def raw(bids=BIDS, asks=ASKS, **more):
    return {"bids": bids, "asks": asks, "timestamp": NOW, **more}


def test_a_good_book():
    book = read_book(raw(), NOW)
    assert book == Book(((99.0, 1.0), (98.0, 2.0)), ((101.0, 3.0), (102.0, 4.0)))
    assert book.mid == 100.0
    assert book.spread_bps == pytest.approx(200)
    assert book.offers(Side.BUY) == book.asks
    assert book.offers(Side.SELL) == book.bids


@pytest.mark.parametrize(
    ("within", "bids", "asks"), [(0.005, 0, 0), (0.01, 1, 3), (0.015, 1, 3), (0.02, 3, 7)]
)
def test_the_depth_is_counted_from_the_middle(within, bids, asks):
    book = Book(((99.0, 1.0), (98.0, 2.0)), ((101.0, 3.0), (102.0, 4.0)))
    assert book.depth(Side.SELL, within) == bids
    assert book.depth(Side.BUY, within) == asks


# What ccxt 4.5 returns for an answer that it cannot read.
MALFORMED = {
    "symbol": "BTC/USDT:USDT",
    "bids": [],
    "asks": [],
    "timestamp": None,
    "datetime": None,
    "nonce": None,
}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (MALFORMED, "no bids and no asks"),
        ({}, "bids are None"),
        (raw(bids="99"), "bids are '99'"),
        (raw(bids=[]), "no bids"),
        (raw(asks=[]), "no asks"),
        (raw(bids=[[101.0, 1.0]]), "crossed, best bid 101 and best ask 101"),
        (raw(bids=[[105.0, 1.0]]), "crossed, best bid 105 and best ask 101"),
        (raw(bids=BIDS[::-1]), "bid 2 at 99 comes after 98"),
        (raw(asks=ASKS[::-1]), "ask 2 at 101 comes after 102"),
        (raw(asks=[ASKS[0], ASKS[0]]), "ask 2 at 101 comes after 101"),
        (raw(asks=[[math.nan, 1.0]]), "ask 1 has price nan and amount 1"),
        (raw(asks=[[101.0, math.nan]]), "ask 1 has price 101 and amount nan"),
        (raw(asks=[[101.0, 0.0]]), "ask 1 has price 101 and amount 0"),
        (raw(asks=[[math.inf, 1.0]]), "ask 1 has price inf and amount 1"),
        (raw(bids=[[-1.0, 1.0]]), "bid 1 has price -1 and amount 1"),
        (raw(asks=[[101.0]]), "ask 1 is [101.0]"),
        (raw(asks=[None]), "ask 1 is None"),
        (raw(asks=[["a", 1.0]]), "ask 1 is ['a', 1.0]"),
        (raw(timestamp=None), "it does not say when it was made"),
        (raw(timestamp=math.nan), "it does not say when it was made"),
        (raw(timestamp=NOW - 5_001), "5.0 s old, more than 5 s"),
        (raw(timestamp=NOW + 9_000), "9.0 s ahead of the clock, more than 5 s"),
    ],
)
def test_what_is_no_book_says_why(bad, reason):
    book = read_book(bad, NOW)
    assert book == NoBook(f"no usable book: {reason}")


@pytest.mark.parametrize("age_ms", [-5_000, 0, 5_000])
def test_a_book_of_about_now(age_ms):
    assert isinstance(read_book(raw(timestamp=NOW - age_ms), NOW), Book)


@pytest.mark.parametrize(
    ("age_ms", "reason"),
    [
        (500, None),
        (600, "0.6 s old, more than 0.5 s"),
        (-500, None),
        (-600, "0.6 s ahead of the clock, more than 0.5 s"),
    ],
)
def test_how_old_a_book_may_be(age_ms, reason):
    book = read_book(raw(timestamp=NOW - age_ms), NOW, 0.5)
    assert getattr(book, "reason", None) == (reason and f"no usable book: {reason}")


def test_prices_and_amounts_may_be_below_one():
    bids, asks = [[0.0002, 0.5], [0.0001, 0.25]], [[0.0003, 0.5], [0.0004, 0.25]]
    book = read_book(raw(bids, asks), NOW)
    assert book == Book(tuple(map(tuple, bids)), tuple(map(tuple, asks)))


def test_without_a_present_the_age_does_not_matter():
    assert isinstance(read_book(raw(timestamp=None)), Book)


prices = st.one_of(st.floats(), st.integers(-1, 5).map(float), st.none())
levels = st.lists(st.lists(prices, max_size=3), max_size=4)


@given(levels, levels)
def test_whatever_passes_is_in_order(bids, asks):
    book = read_book({"bids": bids, "asks": asks})
    if isinstance(book, Book):
        down, up = [p for p, _ in book.bids], [p for p, _ in book.asks]
        assert down == sorted(set(down), reverse=True)
        assert up == sorted(set(up))
        assert 0 < down[-1] <= down[0] < up[0] <= up[-1] < math.inf
        assert all(0 < amount < math.inf for _, amount in book.bids + book.asks)
        assert book.spread_bps > 0


@pytest.mark.parametrize(
    ("direction", "side", "sign"), [("long", Side.BUY, 1), ("short", Side.SELL, -1)]
)
def test_the_side_of_an_entry(direction, side, sign):
    assert Side.entering(direction) is side
    assert side.sign == sign


def test_another_direction_is_named():
    with pytest.raises(ValueError, match="direction must be one of long, short, got 'buy'"):
        Side.entering("buy")
