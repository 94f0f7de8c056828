"""The open order intents of a running bot, in its journal and in memory.

If the journal cannot be written, because the disk is full or another program has locked it, exits
and stops are still sent; entries are refused until it can be written again.
"""

from __future__ import annotations

import logging
from typing import Any

from perpkit.bot.running_bot import warn
from perpkit.record.journal import Intent, Journal, JournalEntry, JournalError, Outcome
from perpkit.record.order_ids import Purpose, parse

logger = logging.getLogger(__name__)


class Intents:
    """Writes and settles intents; made once for a running live bot.

    :param journal: one whose start has been recorded
    """

    def __init__(self, bot: Any, journal: Journal) -> None:
        self._bot = bot
        self.journal = journal
        self._open = {entry.intent.client_id: entry for entry in journal.open_entries()}
        # What the journal still lacks, by client id, oldest first.
        self._unwritten: dict[str, JournalEntry] = {}
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why entries are refused: the journal's last error, None if it can be written."""
        return self._failure

    def open(self, pair: str | None = None) -> list[JournalEntry]:
        """Returns intents unanswered or possibly missing in the trade database, oldest first."""
        entries = list(self._open.values())
        return entries if pair is None else [e for e in entries if e.intent.pair == pair]

    def targets(self, pair: str | None = None) -> list[JournalEntry]:
        """Returns those of `open` that may rest beside a stop for as long as their trade."""
        return [e for e in self.open(pair) if e.intent.purpose is Purpose.TARGET]

    def unsettled(self, pair: str | None = None) -> list[JournalEntry]:
        """Returns the others of `open`: what became of them is not known, or not stored."""
        return [e for e in self.open(pair) if e.intent.purpose is not Purpose.TARGET]

    def new_id(self, broker: str, purpose: Purpose) -> str:
        return self.journal.next_id(broker, purpose)

    def issued(self, client_id: str) -> bool:
        """Whether this process issued the id, even if the journal does not have it."""
        order = parse(client_id)
        return order is not None and order.nonce == self.journal.nonce

    def write(self, intent: Intent) -> None:
        """Records an intent before its order is sent.

        :raises JournalError: it cannot be written, and no position waits for the order
        """
        entry = JournalEntry(intent, Outcome.SENT, None, "", intent.at)
        try:
            self.journal.write(intent)
        except JournalError as error:
            self._failed(error)
            if not intent.reduce_only or intent.purpose is Purpose.TARGET:
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
        """Records the outcome of an open intent; arguments that are None change nothing."""
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
        """Returns an intent by the exchange's order id, or None if the journal cannot be read."""
        try:
            return self.journal.find_order(pair, order_id)
        except JournalError as error:
            self._failed(error)
            return None

    def keep(self, kind: str, name: str, value: Any) -> None:
        """Stores another value that must survive a restart; None deletes it. Reports a failure."""
        try:
            if value is None:
                self.journal.drop(kind, name)
            else:
                self.journal.keep(kind, name, value)
        except JournalError as error:
            self._failed(error)

    def kept(self, kind: str) -> dict[str, Any]:
        """Returns the values of a kind by name, empty if the journal cannot be read."""
        try:
            return self.journal.kept(kind)
        except JournalError as error:
            self._failed(error)
            return {}

    def catch_up(self) -> None:
        """Writes what could not be written before; called once per cycle."""
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
        warn(self._bot, "The order journal can be written again; entries are possible again.")

    def _failed(self, error: JournalError) -> None:
        """Notifies the operator once, until the journal can be written again."""
        first, self._failure = self._failure is None, str(error)
        if first:
            warn(
                self._bot,
                f"The order journal cannot be written. Entries are refused until it can be; exits "
                f"and stops are still sent. {error}",
            )

    def _now(self) -> int:
        now: int = self._bot.exchange._api.milliseconds()
        return now
