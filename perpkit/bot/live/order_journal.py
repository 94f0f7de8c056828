"""The journal of a bot that starts: opened, or made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perpkit.record.journal import Journal
from perpkit.record.places import places


def open_journal(config: dict[str, Any], tag: str) -> Journal:
    """
    :param config: Freqtrade's
    :param tag: of the trade database
    :raises JournalError: where it is damaged
    """
    path = places(config["db_url"], Path(config["user_data_dir"])).journal
    if path is None or not path.exists():
        return Journal.create(path, tag)
    return Journal.open(path)
