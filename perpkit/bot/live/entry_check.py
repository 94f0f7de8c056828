"""The check of an entry against the order book, before it is made. In dry-run and live; a backtest
has no book."""

from __future__ import annotations

from datetime import datetime

from perpkit.bot.live.slippage import EntrySlippage, Estimate
from perpkit.bot.running_bot import words
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.book import Book, Side
from perpkit.execution.entry import EntryLimits, check_entry

# Deep enough for all that a size limit of 30% of the depth lets through: docs/execution.md.
LEVELS = 500


class EntryGate:
    """:param slippage: told what an entry that is allowed should cost"""

    def __init__(self, books: FreshBooks, limits: EntryLimits, slippage: EntrySlippage) -> None:
        self._books = books
        self._limits = limits
        self._slippage = slippage

    def refusal(
        self,
        pair: str,
        side: str,
        amount: float,
        now: datetime,
        *,
        signal_price: float,
        vol_1h: float,
    ) -> str | None:
        """Why the book does not allow this entry; None where it does. Never raises.

        :param side: long or short
        """
        try:
            book = self._books.ask(pair, LEVELS, now)
            check = check_entry(
                self._limits,
                book,
                Side.entering(side),
                amount,
                signal_price=signal_price,
                vol_1h=vol_1h,
            )
        except Exception as error:  # Freqtrade takes an error in its callback for consent
            return f"the entry could not be checked: {words(error)}"
        if not check.allowed:
            return check.reason
        if isinstance(book, Book) and check.slippage is not None:
            self._slippage.expect(pair, Estimate(book.mid, check.slippage.mid_bps))
        return None
