"""Whether the order book allows an entry. Exits are never checked against it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.slippage import Slippage, slippage_of
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class EntryLimits(Parameters):
    """What the order book must be like for an entry."""

    max_spread_bps: Annotated[
        float, Range(0.1, 1000, "bps"), "The widest distance between the best prices"
    ] = 20.0
    max_slippage_bps: Annotated[
        float,
        Range(0.1, 1000, "bps"),
        "The highest cautious estimate against the middle, as if the order took at once",
    ] = 30.0
    max_move: Annotated[
        float,
        Range(0.0005, 0.5, "of the price"),
        "How far the price may have moved since the signal, either way",
    ] = 0.02
    max_book_age_seconds: Annotated[
        float, Range(0.1, 60, "s"), "A book that is older counts as none"
    ] = 5.0
    latency_seconds: Annotated[
        float, Range(0, 60, "s"), "The time from the making of the book to the arrival of the order"
    ] = 1.0


@dataclass(frozen=True)
class EntryCheck:
    """Whether an entry is allowed, and why.

    :param slippage: the estimate, where there was a book to walk
    :param reason: for the operator, with the figures
    """

    allowed: bool
    reason: str
    slippage: Slippage | None = None


def check_entry(
    limits: EntryLimits,
    book: Book | NoBook,
    side: Side,
    amount: float,
    *,
    signal_price: float,
    vol_1h: float,
) -> EntryCheck:
    """Returns whether the order book allows an entry, and why.

    Missing input refuses it: no book, no price at the signal, no volatility. A maker order is
    judged as if it were a taker, because the position must be easy to close, too.

    :param amount: amount to enter with, in base asset
    :param signal_price: the price at which the strategy saw its signal
    :param vol_1h: standard deviation of one-hour returns, a fraction; NaN when unknown

    >>> book = Book(bids=((99.99, 50.0),), asks=((100.01, 50.0),))
    >>> check_entry(EntryLimits(), book, Side.BUY, 1.0, signal_price=97.0, vol_1h=0.005).reason
    'price moved +3.09% since the signal, more than 2.00%'
    """
    if isinstance(book, NoBook):
        return EntryCheck(False, book.reason)
    if reason := _market_refuses(limits, book, signal_price):
        return EntryCheck(False, reason)
    if not (isfinite(amount) and amount > 0):
        return EntryCheck(False, f"no amount to enter with, got {amount:g}")
    slippage = slippage_of(
        book, side, amount, vol_1h=vol_1h, latency_seconds=limits.latency_seconds
    )
    if reason := _slippage_refuses(limits, slippage):
        return EntryCheck(False, reason, slippage)
    return EntryCheck(True, slippage.reason, slippage)


def _market_refuses(limits: EntryLimits, book: Book, signal_price: float) -> str | None:
    if book.spread_bps > limits.max_spread_bps:
        return f"spread {book.spread_bps:.1f} bps, above {limits.max_spread_bps:g}"
    if not (isfinite(signal_price) and signal_price > 0):
        return "price at the signal unknown"
    move = book.mid / signal_price - 1
    if abs(move) > limits.max_move:
        return f"price moved {move:+.2%} since the signal, more than {limits.max_move:.2%}"
    return None


def _slippage_refuses(limits: EntryLimits, slippage: Slippage) -> str | None:
    if not slippage.sufficient:
        return slippage.reason
    if not isfinite(slippage.cautious_bps):
        return "one-hour volatility unknown"
    if slippage.cautious_bps > limits.max_slippage_bps:
        return (
            f"slippage up to {slippage.cautious_bps:.1f} bps, above {limits.max_slippage_bps:g} "
            f"({slippage.reason})"
        )
    return None
