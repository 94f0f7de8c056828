"""Opens the journal when a bot starts, and decides what its state means for the bot.

A bot with a copied journal is passive, since the original may be trading, and so is a bot with an
older database, which would act on outdated trades. Without a sound journal of its own a bot makes
no entry; if nothing is open, it does not start. `perpkit adopt` resolves most of these states.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from freqtrade.persistence import Trade

from perpkit.bot.refusals import RunRefusedError
from perpkit.record import bot_lock
from perpkit.record.journal import Journal, JournalError
from perpkit.record.opening import JournalFinding, JournalState, assess, make, mark_opened
from perpkit.record.order_ids import Purpose
from perpkit.record.places import Places, places
from perpkit.record.trade_database import DatabaseError, TradeDatabase

logger = logging.getLogger(__name__)

ADOPT = '"perpkit adopt", with the bot\'s configuration,'
_WAY_OUT = {
    JournalState.COPY: f"stop the original for good, then {ADOPT} makes this the active bot",
    JournalState.MISSING: f"restore it, or {ADOPT} writes a new one from the trade database",
    JournalState.DAMAGED: f"{ADOPT} writes a new one from the trade database and keeps this one",
    JournalState.NEWER: "use that Perpkit",
    JournalState.UNWRITABLE: "make the file and its folder readable and writable, with free space",
    JournalState.UNFIT: f"restore the file of this database, or {ADOPT} writes a new one",
    JournalState.OLDER_DATABASE: f"restore the newest database, or {ADOPT} continues with this one",
    JournalState.OLDER_JOURNAL: f"restore the newest journal, or {ADOPT} continues with this one",
}


@dataclass(frozen=True)
class Opened:
    """An opened journal and its state.

    :param journal: kept in memory if no file can be used
    """

    journal: Journal
    finding: JournalFinding

    @property
    def reason(self) -> str | None:
        """Why entries are refused, and the remedy; None if the journal is sound."""
        if self.finding.state.is_sound:
            return None
        return f"{self.finding.words}; {_WAY_OUT[self.finding.state]}"

    @property
    def found(self) -> tuple[str, str]:
        """The state of the journal, and why entries are refused: empty if it is sound."""
        if self.reason is None:
            return JournalState.SOUND, ""
        return self.finding.state, self.reason


def open_at_start(config: dict[str, Any], tag: str) -> Opened:
    """Opens the journal of a bot that starts, or one in memory if that must not be used.

    :param config: Freqtrade's
    :param tag: identifies the trade database
    """
    path, database = files_of(config).journal, _trade_database()
    if path is None:
        return Opened(Journal.create(None, tag), JournalFinding(JournalState.SOUND))
    try:
        finding = assess(path, database)
        if finding.state is JournalState.FIRST:
            return Opened(make(path, database, tag, _now()), finding)
        if finding.state is JournalState.SOUND:
            return _open(path, database, finding)
    except (JournalError, DatabaseError, OSError) as error:
        finding = JournalFinding(
            JournalState.UNWRITABLE, f"The journal {path} cannot be used: {error}"
        )
    return Opened(Journal.create(None, tag), finding)


def open_if_sound(config: dict[str, Any]) -> Opened | None:
    """Opens the journal of a running bot once it has become the bot's own; None until then."""
    path, database = files_of(config).journal, _trade_database()
    if path is None:
        return None
    try:
        finding = assess(path, database)
        return _open(path, database, finding) if finding.state is JournalState.SOUND else None
    except (JournalError, DatabaseError, OSError) as error:
        logger.warning(f"The journal {path} cannot be used yet: {error}")
        return None


def open_targets(config: dict[str, Any]) -> set[str]:
    """Returns the pairs with targets that are open in a journal which is not in use; reads only."""
    path = files_of(config).journal
    if path is None or not path.is_file():
        return set()
    try:
        journal = Journal.open(path, read_only=True)
        try:
            found = [entry.intent for entry in journal.open_entries()]
        finally:
            journal.close()
    except (JournalError, OSError) as error:
        logger.warning(f"The journal {path} cannot be read, so open targets are not known: {error}")
        return set()
    return {intent.pair for intent in found if intent.purpose is Purpose.TARGET}


def files_of(config: dict[str, Any]) -> Places:
    db_url, user_data = config.get("db_url", "sqlite://"), config.get("user_data_dir", "user_data")
    return places(db_url, Path(user_data))


def hold(config: dict[str, Any]) -> FileLock | None:
    """Locks the bot's files against a second process; the lock is released when the bot ends.

    :raises RunRefusedError: another process holds the lock and manages the open trades
    """
    path = files_of(config).lock
    if path is None:
        return None
    taken = RunRefusedError(
        f"A bot with this trade database is already running (it holds {path}), and manages its "
        "open trades. End that bot first, or give this one its own db_url"
    )
    return bot_lock.hold(path, taken)


def _open(path: Path, database: TradeDatabase, finding: JournalFinding) -> Opened:
    journal = Journal.open(path)
    mark_opened(journal, database)
    return Opened(journal, finding)


def _trade_database() -> TradeDatabase:
    return TradeDatabase(Trade.session.get_bind())


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
