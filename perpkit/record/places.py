"""Where a bot's files are: beside its trade database, and named after it.

A folder that is copied, or a volume that is carried to another container, has all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from perpkit.record.urls import without_credentials

# Of databases that are no files.
_FOLDER = "perpkit"
_STATE = ".state.json"
_IN_MEMORY = (None, "", ":memory:")


@dataclass(frozen=True)
class Places:
    """:param journal: None for a database in memory, which ends with its process"""

    journal: Path | None
    state: Path

    @property
    def lock(self) -> Path | None:
        """Held by the bot that runs. Not the journal itself, for on some systems that would lock
        SQLite out."""
        if self.journal is None:
            return None
        return self.journal.with_name(f"{self.journal.name}.lock")

    @property
    def runs(self) -> Path:
        """How the bot's runs ended."""
        return self.state.with_name(f"{self.state.name.removesuffix(_STATE)}.runs.json")


def places(db_url: str, user_data_dir: Path) -> Places:
    """
    :param db_url: Freqtrade's, of the trade database; a relative file is relative to the working
        directory, as for Freqtrade
    :raises ValueError: for what is no URL; without it, for it may hold a password
    """
    try:
        url = urlsplit(without_credentials(db_url))
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


def _with(base: Path, suffix: str) -> Path:
    """Not `with_suffix`, which would take "dryrun" of tradesv3.dryrun for one."""
    return base.with_name(base.name + suffix)
