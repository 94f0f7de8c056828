"""Marks data directories that hold data of a simulated venue.

Simulated candles have the same names, layout and dates as real ones; only the mark distinguishes
them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from perpkit.files.contents import content_of, json_of
from perpkit.files.errors import FileError, one_line
from perpkit.files.whole_file import put
from perpkit.rehearsal import RehearsalError

FILE = "perpkit-venue.json"
_MOST_BYTES = 65_536
WAY_OUT = "Use another data directory (--datadir), or delete this one"
# Suffixes of Freqtrade's data formats. JSON files count only if their name has a dash, as candle
# and trade files do.
_DATA = {".feather", ".parquet", ".h5", ".gz"}


def mark(datadir: Path, source: str) -> None:
    """Marks a directory as holding simulated data; an existing mark is kept.

    :param source: what made the data, such as "synthetic market, seed 1" or the venue's URL
    :raises OSError: if the mark cannot be written
    """
    path = datadir / FILE
    if path.exists():
        return
    content = {
        "note": "The data in this directory were made by a simulated venue, not by an exchange.",
        "source": source,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    put(path, (json.dumps(content, indent=4) + "\n").encode())


def marked(datadir: Path) -> str | None:
    """Returns one sentence that describes the mark of a directory, or None if there is no mark."""
    path = datadir / FILE
    if not path.exists():
        return None
    try:
        content = json_of(content_of(path, _MOST_BYTES), str(path))
        made = one_line(f"{content['source']}, {content['since']}")
    except (OSError, FileError, KeyError, TypeError):
        made = "it cannot be read"  # the directory still counts as marked
    return f"The data in {datadir} were made by a simulated venue ({made}; {path} says so)"


def before_filling(datadir: Path, venue: str | None) -> None:
    """Checks, before data are written to a directory, that data of exchange and venue do not mix.

    The directory is marked if the data come from a venue.

    :param venue: the venue's URL or another name of the source; None for data of an exchange
    :raises RehearsalError: if the data would mix, or the mark cannot be written
    """
    refuse_mixing(datadir, venue)
    if venue is None:
        return
    try:
        mark(datadir, venue)
    except OSError as error:
        raise RehearsalError(f"{datadir / FILE} cannot be written: {error.strerror}") from error


def refuse_mixing(datadir: Path, venue: str | None) -> None:
    """Checks whether data may be written to a directory, without marking it.

    :param venue: as in `before_filling`
    :raises RehearsalError: naming the directory, why the data would mix, and how to avoid it
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
