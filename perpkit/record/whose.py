"""Whose an order at the exchange is, by its client id."""

from __future__ import annotations

from enum import Enum

from perpkit.record.journal import Journal
from perpkit.record.opening import ADOPTED_AT
from perpkit.record.order_ids import parse, tag_before_nonces


class Whose(Enum):
    OURS = "this bot's"
    OLD = "this bot's, from before it kept a journal"
    ANOTHERS = "of another bot with the same trade database: a copy, or a restored backup"
    FOREIGN = "of the trader, or of another bot"

    @property
    def may_be_cancelled(self) -> bool:
        """Whether it is the bot's to cancel, where nothing else speaks against that."""
        return self in (Whose.OURS, Whose.OLD)


def whose(client_id: str | None, journal: Journal, placed: int | None = None) -> Whose:
    """
    :param placed: when the exchange was given the order, ms since 1970 UTC: what another bot had
        placed before `perpkit adopt` made this its successor is this one's
    :raises JournalError: when the journal cannot be read
    """
    order = parse(client_id)
    if order is not None and order.tag == journal.tag:
        taken_over = placed is not None and placed <= int(journal.about(ADOPTED_AT) or -1)
        return Whose.OURS if taken_over or journal.gave(order) else Whose.ANOTHERS
    return Whose.OLD if tag_before_nonces(client_id) == journal.tag else Whose.FOREIGN
