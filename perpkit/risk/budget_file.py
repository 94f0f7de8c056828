"""The file of what each source did out of sample: walk-forward writes it, Confluence reads it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from perpkit.files.contents import content_of, json_of
from perpkit.files.whole_file import put
from perpkit.parameters.kinds import Section
from perpkit.risk.budgets import OutOfSample, SourceRisk

_MOST_BYTES = 2**20


def read(path: Path) -> OutOfSample:
    """Returns what a file holds.

    :raises ValueError: naming the field that is wrong
    :raises OSError: if it cannot be read
    """
    content = json_of(content_of(path, _MOST_BYTES), str(path))
    found: OutOfSample = Section(OutOfSample).read("the file", content)
    return found


def write(path: Path, name: str, source: SourceRisk) -> None:
    """Writes what one source did; what the file has of others stays.

    :raises ValueError: for a file that is there and cannot be understood, which stays as it is
    :raises OSError: if it cannot be read or written
    """
    try:
        others = read(path).sources
    except FileNotFoundError:
        others = {}
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    known = OutOfSample({**others, name: source})
    put(path, (json.dumps(asdict(known), indent=2) + "\n").encode())
