"""Whether the book allows an entry. Exits are not asked about: there is nothing here to ask."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from perpkit.checks import check_range
from perpkit.execution.book import Book, NoBook, Side
from perpkit.execution.slippage import Slippage, slippage_of


@dataclass(frozen=True)
class EntryLimits:
    """Parameters.

    :param max_spread_bps: between the best prices
    :param max_slippage_bps: cautious estimate against the middle, as if the order took at once
    :param max_move: of the price since the signal, either way, a fraction
    :param max_book_age_seconds: an older book is none
    :param latency_seconds: from the making of the book to the arrival of the order
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    max_spread_bps: float = 20.0
    max_slippage_bps: float = 30.0
    max_move: float = 0.02
    max_book_age_seconds: float = 5.0
    latency_seconds: float = 1.0

    def __post_init__(self) -> None:
        check_range("max_spread_bps", self.max_spread_bps, 0.1, 1000)
        check_range("max_slippage_bps", self.max_slippage_bps, 0.1, 1000)
        check_range("max_move", self.max_move, 0.0005, 0.5)
        check_range("max_book_age_seconds", self.max_book_age_seconds, 0.1, 60)
        check_range("latency_seconds", self.latency_seconds, 0, 60)


@dataclass(frozen=True)
class EntryCheck:
    """:param slippage: the estimate, where there was a book to walk
    :param reason: for people, with the figures in it
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
    """What is missing refuses: no book, no price at the signal, no volatility.

    An order that waits in the book is judged as if it took: whoever enters must be able to leave.

    :param amount: of base asset
    :param signal_price: at which the strategy saw its signal
    :param vol_1h: standard deviation of one-hour returns, a fraction; NaN when unknown
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
