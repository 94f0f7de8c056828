"""The mark of a data directory that a simulated venue has filled.

Its candles have the names, the layout and the dates of real ones: nothing else tells them apart.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from perpkit.rehearsal import RehearsalError

FILE = "perpkit-venue.json"
WAY_OUT = "Use another data directory (--datadir), or delete this one"
# Of Freqtrade's data formats; in JSON, the names of candles and trades have a dash.
_DATA = {".feather", ".parquet", ".h5", ".gz"}


def mark(datadir: Path, source: str) -> None:
    """Say in the directory that its data are simulated. What an earlier mark says is kept.

    :param source: what made them, such as "synthetic market, seed 1" or the venue's URL
    :raises OSError: where that cannot be written
    """
    path = datadir / FILE
    if path.exists():
        return
    datadir.mkdir(parents=True, exist_ok=True)
    content = {
        "note": "The data in this directory were made by a simulated venue, not by an exchange.",
        "source": source,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(content, indent=4) + "\n")
    os.replace(temporary, path)


def marked(datadir: Path) -> str | None:
    """What the mark of a directory says, in one sentence; None where there is none."""
    path = datadir / FILE
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text())
        made = f"{content['source']}, {content['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        made = "it cannot be read"  # that it is there is enough
    return f"The data in {datadir} were made by a simulated venue ({made}; {path} says so)"


def before_filling(datadir: Path, venue: str | None) -> None:
    """To be called before data of an exchange, or of a venue, go into a directory.

    A venue marks it. Neither goes where there are data of the other.

    :param venue: its URL, or what else it is made of; None where the data are an exchange's
    :raises RehearsalError: naming the directory, what marks it, and the way out
    """
    refuse_mixing(datadir, venue)
    if venue is None:
        return
    try:
        mark(datadir, venue)
    except OSError as error:
        raise RehearsalError(f"{datadir / FILE} cannot be written: {error.strerror}") from error


def refuse_mixing(datadir: Path, venue: str | None) -> None:
    """Look whether such data may go into a directory; nothing is marked.

    :param venue: as above
    :raises RehearsalError: naming the directory, what marks it, and the way out
    """
    if venue is None:
        if says := marked(datadir):
            raise RehearsalError(f"{says}. {WAY_OUT}")
        return
    if not (datadir / FILE).exists() and _holds_data(datadir):
        raise RehearsalError(
            f"{datadir} holds data that no venue has made, and those of a venue ({venue}) would "
            "mix with them: use the data directory of the venue's overlay, or an empty one"
        )


def _holds_data(datadir: Path) -> bool:
    return any(
        path.suffix in _DATA or (path.suffix == ".json" and "-" in path.stem)
        for path in datadir.rglob("*")
    )
