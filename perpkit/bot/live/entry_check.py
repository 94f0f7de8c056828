"""Checks an entry against the order book before it is placed, in dry-run and live; a backtest
has no book."""

from __future__ import annotations

from datetime import datetime

from perpkit.bot.live.slippage import EntrySlippage, Estimate
from perpkit.bot.running_bot import message_of
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.book import Book, Side
from perpkit.execution.entry import EntryLimits, check_entry

# Deep enough for every entry within a size limit of 30% of the depth: see docs/execution.md.
LEVELS = 500


class EntryGate:
    """Checks entries against the book.

    :param slippage: notified of the expected cost of each allowed entry
    """

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
        """Returns why the book does not allow this entry, or None. Never raises.

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
        except Exception as error:  # Freqtrade treats an error in its callback as consent
            return f"the entry could not be checked: {message_of(error)}"
        if not check.allowed:
            return check.reason
        if isinstance(book, Book) and check.slippage is not None:
            self._slippage.expect(pair, Estimate(book.mid, check.slippage.mid_bps))
        return None
