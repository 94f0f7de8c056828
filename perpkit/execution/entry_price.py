"""Limit prices that an entry may be proposed at. Rounding to the tick is left to Freqtrade."""

from __future__ import annotations

from enum import StrEnum

from perpkit.checks import one_of
from perpkit.execution.book import Book, Side
from perpkit.execution.slippage import slippage_of


class Pricing(StrEnum):
    JOIN = "join"  # wait at the best price of its own side, as a maker
    MID = "mid"  # within the spread; where that is one tick, rounding makes it join or cross
    CROSS = "cross"  # take at once


def entry_price(book: Book, side: Side, pricing: Pricing) -> float:
    """Without regard to the amount: a crossing price takes the best level only.

    :raises ValueError: for a side or a pricing that does not exist
    """
    match one_of("pricing", pricing, Pricing):
        case Pricing.JOIN:
            return book.offers(one_of("side", side, Side).other)[0][0]
        case Pricing.MID:
            return book.mid
        case Pricing.CROSS:
            return book.offers(side)[0][0]


def crossing_price(book: Book, side: Side, amount: float) -> float | None:
    """The worst level that the whole amount needs; None where the book does not hold it.

    As a limit it fills at once and pays no more than was seen.
    """
    walked = slippage_of(book, side, amount, vol_1h=0.0)
    return walked.worst if walked.sufficient else None
