"""The journal of a bot that starts: in which state it is, and what that means for the bot.

A copy is passive, for the original may be trading, and so is a bot with an older database, which
would act on what is long over. Without a sound journal of its own a bot makes no entry. With
nothing open none of them starts. `perpkit adopt` is the way out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from freqtrade.persistence import Trade

from perpkit.bot.refusals import RunRefusedError
from perpkit.record.journal import Journal, JournalError
from perpkit.record.opening import JournalFinding, JournalState, assess, make, mark_opened
from perpkit.record.places import Places, places
from perpkit.record.trade_database import DatabaseError, TradeDatabase

logger = logging.getLogger(__name__)

ADOPT = '"perpkit adopt", with the bot\'s configuration,'
_WAY_OUT = {
    JournalState.COPY: f"stop the original for good, then {ADOPT} makes this one the bot",
    JournalState.MISSING: f"bring it back, or {ADOPT} writes another from the trade database",
    JournalState.DAMAGED: f"{ADOPT} writes another from the trade database and keeps this one",
    JournalState.NEWER: "use that Perpkit",
    JournalState.UNWRITABLE: "make the file and its folder readable and writable, with room on it",
    JournalState.UNFIT: f"bring back the file of this database, or {ADOPT} writes another",
    JournalState.OLDER_DATABASE: f"bring back the newest database, or {ADOPT} goes on with this",
    JournalState.OLDER_JOURNAL: f"bring back the newest journal, or {ADOPT} goes on with this one",
}


@dataclass(frozen=True)
class Opened:
    """:param journal: in memory where there is no file to be used"""

    journal: Journal
    finding: JournalFinding

    @property
    def reason(self) -> str | None:
        """Why there is to be no entry, and the way out; None where the journal is sound."""
        if self.finding.state.is_sound:
            return None
        return f"{self.finding.words}; {_WAY_OUT[self.finding.state]}"

    @property
    def found(self) -> tuple[str, str]:
        """How it was found, in a word, and why there is to be no entry, empty where it is sound."""
        if self.reason is None:
            return JournalState.SOUND, ""
        return self.finding.state, self.reason


def open_at_start(config: dict[str, Any], tag: str) -> Opened:
    """
    :param config: Freqtrade's
    :param tag: of the trade database
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
    """The journal of a bot that runs, once it is the bot's own; None until then."""
    path, database = files_of(config).journal, _trade_database()
    if path is None:
        return None
    try:
        finding = assess(path, database)
        return _open(path, database, finding) if finding.state is JournalState.SOUND else None
    except (JournalError, DatabaseError, OSError) as error:
        logger.warning(f"The journal {path} cannot be used yet: {error}")
        return None


def files_of(config: dict[str, Any]) -> Places:
    db_url, user_data = config.get("db_url", "sqlite://"), config.get("user_data_dir", "user_data")
    return places(db_url, Path(user_data))


def hold(config: dict[str, Any]) -> FileLock | None:
    """What keeps another process from starting with the same files; to be released at the end.

    :raises RunRefusedError: when another process has it, whatever is open: that one looks after it
    """
    path = files_of(config).lock
    if path is None:
        return None
    # One for the process, where /reload_config makes the bot once more.
    lock = FileLock(path, timeout=0, is_singleton=True, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise RunRefusedError(
            f"A bot with this trade database runs already (it holds {path}), and manages what is "
            "open. End that one first, or give this one a db_url of its own"
        ) from None
    except (OSError, NotImplementedError) as error:
        logger.warning(f"{path} cannot be locked; a second start would not be noticed: {error}")
        return None
    return lock


def _open(path: Path, database: TradeDatabase, finding: JournalFinding) -> Opened:
    journal = Journal.open(path)
    mark_opened(journal, database)
    return Opened(journal, finding)


def _trade_database() -> TradeDatabase:
    return TradeDatabase(Trade.session.get_bind())


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
