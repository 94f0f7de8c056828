"""Order books: when a request is made, and that no failure gets through."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import DDosProtection, OperationalException, TemporaryError

from perpkit.bot.watching.order_books import FreshBooks, OrderBooks
from perpkit.execution.book import Book, NoBook
from tests.factories import START

BOOK = {"bids": [[99.0, 1.0]], "asks": [[101.0, 2.0]]}
MINUTE = timedelta(minutes=1)


class Exchange:
    """A data provider that answers with what it is given, and counts."""

    def __init__(self, answer, contract_size=1.0):
        self.answer, self.asked = answer, []
        self._exchange = SimpleNamespace(get_contract_size=lambda _pair: contract_size)

    def orderbook(self, pair, maximum):
        self.asked.append(pair)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_pair_is_asked_for_once_a_minute():
    exchange = Exchange(BOOK)
    books = OrderBooks(exchange, MINUTE)
    for second in range(0, 150, 5):
        assert books.look("BTC/USDT:USDT", START + timedelta(seconds=second)) == Book(
            ((99.0, 1.0),), ((101.0, 2.0),)
        )
    assert exchange.asked == ["BTC/USDT:USDT"] * 3
    assert books.again_at("BTC/USDT:USDT") == START + 3 * MINUTE
    books.look("ETH/USDT:USDT", START + timedelta(seconds=150))
    assert exchange.asked[3:] == ["ETH/USDT:USDT"]


@pytest.mark.parametrize("size", [0.01, 1.0, 1000.0])
def test_amounts_are_in_base_currency_whatever_a_contract_is(size):
    dp = Exchange({**BOOK, "timestamp": START.timestamp() * 1000}, size)
    expected = Book(((99.0, size),), ((101.0, 2 * size),))
    assert OrderBooks(dp, MINUTE).look("BTC/USDT:USDT", START) == expected
    assert FreshBooks(dp, 5.0).ask("BTC/USDT:USDT", 5, START) == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (TemporaryError("timed out"), "no order book to be had"),
        (DDosProtection("429"), "no order book to be had"),
        (OperationalException("not supported"), "no order book to be had"),
        (AttributeError("'NoneType' object"), "no order book to be had"),
        (None, "no order book to be had"),
        ({"bids": [], "asks": []}, "no usable book: no bids and no asks"),
    ],
)
def test_a_failure_is_a_book_that_nobody_knows(answer, reason):
    exchange = Exchange(answer)
    books = OrderBooks(exchange, MINUTE)
    for second in range(0, 60, 5):
        assert books.look("BTC/USDT:USDT", START + timedelta(seconds=second)) == NoBook(reason)
    assert len(exchange.asked) == 1  # no storm of requests on an exchange in trouble
    exchange.answer = BOOK
    assert isinstance(books.look("BTC/USDT:USDT", START + MINUTE), Book)
