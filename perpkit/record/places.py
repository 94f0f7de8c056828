"""The paths of a bot's files: next to its trade database, and named after it.

A copied folder, or a volume that is attached to another container, therefore has all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from perpkit.record.urls import without_credentials

# Folder in the user directory for bots whose database is not a file.
_FOLDER = "perpkit"
_STATE = ".state.json"
_DECISIONS = ".decisions.jsonl"
_IN_MEMORY = (None, "", ":memory:")
# What SQLAlchemy takes for one.
_URL = re.compile(r"[\w+]+://")


@dataclass(frozen=True)
class Places:
    """The paths of a bot's files.

    :param journal: None for a database in memory, which ends with its process
    """

    journal: Path | None
    state: Path

    @property
    def lock(self) -> Path | None:
        """The file that the running bot locks. It is not the journal itself, because on some
        systems that would lock SQLite out."""
        if self.journal is None:
            return None
        return self.journal.with_name(f"{self.journal.name}.lock")

    @property
    def runs(self) -> Path:
        """The file that records how the bot's runs ended."""
        return self._beside(".runs.json")

    @property
    def ran(self) -> Path:
        """The file that records what the bot traded with, for `perpkit golive`."""
        return self._beside(".ran.json")

    @property
    def decisions(self) -> Path:
        """The newest file of the bot's decision log."""
        return self._beside(_DECISIONS)

    def _beside(self, suffix: str) -> Path:
        return self.state.with_name(f"{self.state.name.removesuffix(_STATE)}{suffix}")


def places(db_url: str, user_data_dir: Path) -> Places:
    """Returns the paths of the files that belong to a trade database.

    :param db_url: Freqtrade's, of the trade database; a relative file is relative to the working
        directory, as for Freqtrade
    :raises ValueError: if it is not a URL; the message omits it, since it may contain a password
    """
    try:
        url = urlsplit(without_credentials(db_url))
        _ = url.port  # raises for one that is no number
        if not _URL.match(db_url):
            raise ValueError
    except ValueError:
        raise ValueError("db_url must be the URL of a database: this one cannot be read") from None
    database = unquote(url.path).removeprefix("/")
    if not url.scheme.startswith("sqlite"):
        base = user_data_dir / _FOLDER / (database.replace("/", "_") or "bot")
    elif database in _IN_MEMORY:
        return Places(None, user_data_dir / _FOLDER / f"memory{_STATE}")
    else:
        base = Path(database).with_suffix("")
    return Places(_with(base, ".journal.sqlite"), _with(base, _STATE))


def backtest_decisions(user_data_dir: Path, strategy: str) -> Path:
    """Returns the path of the decision log of a strategy's newest backtest."""
    return user_data_dir / _FOLDER / f"backtest.{strategy}{_DECISIONS}"


def exported_decisions(export: str, strategy: str) -> str:
    """Returns the name of the decision log of a strategy in the zip file of a backtest export.

    :param export: name of the zip file, without its suffix
    """
    return f"{export}_{strategy}{_DECISIONS}"


def _with(base: Path, suffix: str) -> Path:
    """Appends a suffix; `with_suffix` would replace the "dryrun" of tradesv3.dryrun."""
    return base.with_name(base.name + suffix)
