"""The open intents of a running bot, in its journal and in memory.

A journal that cannot be written, on a full disk or while another program locks it, must hold up
neither an exit nor a stop; nothing is entered meanwhile.
"""

from __future__ import annotations

import logging
from typing import Any

from perpkit.bot.running_bot import warn
from perpkit.record.journal import Intent, Journal, JournalEntry, JournalError, Outcome
from perpkit.record.order_ids import Purpose, parse

logger = logging.getLogger(__name__)


class Intents:
    """Made once for a running live bot.

    :param journal: whose start has been written
    """

    def __init__(self, bot: Any, journal: Journal) -> None:
        self._bot = bot
        self.journal = journal
        self._open = {entry.intent.client_id: entry for entry in journal.open_entries()}
        # What the journal lacks, by client id, in the order in which it happened.
        self._unwritten: dict[str, JournalEntry] = {}
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why nothing is entered: what the journal said when it was last written."""
        return self._failure

    def open(self, pair: str | None = None) -> list[JournalEntry]:
        """Those without an answer, and those that the trade database may lack; oldest first."""
        entries = list(self._open.values())
        return entries if pair is None else [e for e in entries if e.intent.pair == pair]

    def new_id(self, broker: str, purpose: Purpose) -> str:
        return self.journal.next_id(broker, purpose)

    def gave(self, client_id: str) -> bool:
        """Whether this process did, be it in the journal or not."""
        order = parse(client_id)
        return order is not None and order.nonce == self.journal.nonce

    def write(self, intent: Intent) -> None:
        """Before the request goes out.

        :raises JournalError: for what is not reduce-only, where it cannot be written
        """
        entry = JournalEntry(intent, Outcome.SENT, None, "", intent.at)
        try:
            self.journal.write(intent)
        except JournalError as error:
            self._failed(error)
            if not intent.reduce_only:
                raise
            self._unwritten[intent.client_id] = entry
        self._open[intent.client_id] = entry

    def settle(
        self,
        client_id: str,
        outcome: Outcome,
        order_id: str | None = None,
        note: str | None = None,
    ) -> None:
        """Write down what has become of an open intent; what is None stays as it is."""
        entry = self._open.get(client_id)
        if entry is None:
            return
        entry = JournalEntry(
            entry.intent, outcome, order_id or entry.order_id, note or entry.note, self._now()
        )
        if entry.is_open:
            self._open[client_id] = entry
        else:
            del self._open[client_id]
        if client_id in self._unwritten:
            self._unwritten[client_id] = entry
            return
        try:
            self.journal.settle(client_id, outcome, entry.changed, order_id, note)
        except JournalError as error:
            self._failed(error)
            self._unwritten[client_id] = entry

    def find(self, pair: str, order_id: str) -> JournalEntry | None:
        """By the exchange's id; None where it cannot be read."""
        try:
            return self.journal.find_order(pair, order_id)
        except JournalError as error:
            self._failed(error)
            return None

    def keep(self, kind: str, name: str, value: Any) -> None:
        """Something else that must outlive the process; None to drop it. A failure is reported."""
        try:
            if value is None:
                self.journal.drop(kind, name)
            else:
                self.journal.keep(kind, name, value)
        except JournalError as error:
            self._failed(error)

    def kept(self, kind: str) -> dict[str, Any]:
        """By name; nothing where it cannot be read."""
        try:
            return self.journal.kept(kind)
        except JournalError as error:
            self._failed(error)
            return {}

    def catch_up(self) -> None:
        """Write what could not be written; to be tried once a cycle."""
        if self._failure is None:
            return
        try:
            self.journal.describe("caught_up", str(self._now()))
            for client_id, entry in list(self._unwritten.items()):
                if self.journal.find(client_id) is None:
                    self.journal.write(entry.intent)
                self.journal.settle(
                    client_id, entry.outcome, entry.changed, entry.order_id, entry.note
                )
                del self._unwritten[client_id]
        except JournalError as error:
            self._failure = str(error)
            return
        self._failure = None
        warn(self._bot, "The journal of orders is written again; entries are made again.")

    def _failed(self, error: JournalError) -> None:
        """Said once, until it is written again."""
        first, self._failure = self._failure is None, str(error)
        if first:
            warn(
                self._bot,
                f"The journal of orders cannot be written. No entry is made until it can be; exits "
                f"and stops go out. {error}",
            )

    def _now(self) -> int:
        now: int = self._bot.exchange._api.milliseconds()
        return now
