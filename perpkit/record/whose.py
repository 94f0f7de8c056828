"""Determines which bot an order at the exchange belongs to, by its client id."""

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
        """Whether the bot may cancel such an order, if nothing else forbids it."""
        return self in (Whose.OURS, Whose.OLD)


def whose(client_id: str | None, journal: Journal, placed: int | None = None) -> Whose:
    """Returns which bot an order belongs to.

    :param placed: when the order reached the exchange, ms since 1970 UTC. Orders that another bot
        placed before `perpkit adopt` made this one its successor belong to this one
    :raises JournalError: when the journal cannot be read
    """
    order = parse(client_id)
    if order is not None and order.tag == journal.tag:
        taken_over = placed is not None and placed <= int(journal.about(ADOPTED_AT) or -1)
        return Whose.OURS if taken_over or journal.gave(order) else Whose.ANOTHERS
    return Whose.OLD if tag_before_nonces(client_id) == journal.tag else Whose.FOREIGN
