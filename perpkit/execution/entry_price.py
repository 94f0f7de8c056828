"""Limit prices for entries. Freqtrade rounds them to the tick."""

from __future__ import annotations

from enum import StrEnum

from perpkit.checks import one_of
from perpkit.execution.book import Book, Side
from perpkit.execution.slippage import slippage_of


class Pricing(StrEnum):
    JOIN = "join"  # wait at the best price of the order's own side, as a maker
    MID = "mid"  # within the spread; where that is one tick, rounding makes it join or cross
    CROSS = "cross"  # take the other side's best price at once


def entry_price(book: Book, side: Side, pricing: Pricing) -> float:
    """Returns a limit price for any amount: a crossing price reaches the best level only.

    :raises ValueError: for a side or a pricing that does not exist

    >>> book = Book(bids=((99.0, 2.0),), asks=((101.0, 3.0),))
    >>> entry_price(book, Side.BUY, Pricing.JOIN), entry_price(book, Side.BUY, Pricing.CROSS)
    (99.0, 101.0)
    """
    match one_of("pricing", pricing, Pricing):
        case Pricing.JOIN:
            return book.offers(one_of("side", side, Side).other)[0][0]
        case Pricing.MID:
            return book.mid
        case Pricing.CROSS:
            return book.offers(side)[0][0]


def crossing_price(book: Book, side: Side, amount: float) -> float | None:
    """Returns the worst price that the whole amount reaches; None where the book is too shallow.

    An order with it as its limit fills at once and pays no more than the snapshot shows.

    :param amount: base asset

    >>> book = Book(bids=((99.0, 2.0),), asks=((101.0, 3.0), (102.0, 5.0)))
    >>> crossing_price(book, Side.BUY, 4.0)
    102.0
    """
    walked = slippage_of(book, side, amount, vol_1h=0.0)
    return walked.worst if walked.sufficient else None
