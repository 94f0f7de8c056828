"""Prices that an entry is proposed at."""

import pytest

from perpkit.execution.book import Book, Side
from perpkit.execution.entry_price import Pricing, crossing_price, entry_price

BOOK = Book(((99.9, 1.0), (99.5, 2.0)), ((100.1, 3.0), (100.5, 4.0)))


@pytest.mark.parametrize(
    ("side", "pricing", "price"),
    [
        (Side.BUY, Pricing.JOIN, 99.9),
        (Side.BUY, Pricing.MID, 100.0),
        (Side.BUY, Pricing.CROSS, 100.1),
        (Side.SELL, Pricing.JOIN, 100.1),
        (Side.SELL, Pricing.MID, 100.0),
        (Side.SELL, Pricing.CROSS, 99.9),
    ],
)
def test_prices(side, pricing, price):
    assert entry_price(BOOK, side, pricing) == price


@pytest.mark.parametrize(
    ("side", "amount", "price"),
    [
        (Side.BUY, 3.0, 100.1),
        (Side.BUY, 3.1, 100.5),
        (Side.BUY, 7.1, None),
        (Side.SELL, 0.5, 99.9),
        (Side.SELL, 3.0, 99.5),
        (Side.SELL, 3.1, None),
    ],
)
def test_a_crossing_price_takes_all(side, amount, price):
    assert crossing_price(BOOK, side, amount) == price
