"""Reads a decision log: all of its files, oldest first; damaged lines are counted, not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from perpkit.record.decision_log import KEPT, older
from perpkit.record.decisions import Decision, Kind, from_line

# In bytes: a row has a few hundred.
_LONGEST_LINE = 65_536


class DecisionsError(Exception):
    """There is no log, or it cannot be read; the message is for the operator."""


class Found(NamedTuple):
    """What a log holds.

    :param decisions: oldest first
    :param damaged: lines that are no rows
    """

    decisions: list[Decision]
    damaged: int


def read(path: Path, kept: int = KEPT) -> Found:
    """Returns all rows of a log and its rotated files.

    :raises DecisionsError: naming the file
    """
    # Newest first: files are moved towards the older ones, so that one that is moved meanwhile is
    # met again, not missed.
    contents: list[list[bytes]] = []
    seen: set[tuple[int, int]] = set()
    for number in range(kept + 1):
        file = older(path, number)
        try:
            same = file.stat()
            if (same.st_dev, same.st_ino) in seen:
                continue
            seen.add((same.st_dev, same.st_ino))
            contents.append(list(_lines(file)))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DecisionsError(
                f"the decision log {file} cannot be read: {error.strerror or error}"
            ) from None
    if not contents:
        raise DecisionsError(f"there is no decision log {path}")
    lines = chain.from_iterable(reversed(contents))
    return parsed(lines)


def parsed(lines: Iterable[bytes]) -> Found:
    """Returns the rows of the lines of a log, empty ones left out."""
    rows: list[Decision] = []
    damaged = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            rows.append(from_line(line))
        except ValueError:
            damaged += 1
    # A row of repeats is written when they end.
    rows.sort(key=lambda row: row.at)
    return Found(rows, damaged)


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while line := opened.readline(_LONGEST_LINE):
            yield line


def newest(
    decisions: Sequence[Decision], at: datetime, which: Callable[[Decision], bool]
) -> Decision | None:
    """Returns the newest decision at or before a time; one that lasted then is as new as can be.

    :param decisions: oldest first
    """
    found = None
    for each in decisions:
        if each.begins > at or not which(each):
            continue
        if found is None or min(each.at, at) >= min(found.at, at):
            found = each
    return found


@dataclass(frozen=True)
class Counted:
    """How often something was decided.

    :param newest: an example
    """

    kind: Kind
    reason: str
    count: int
    pairs: tuple[str, ...]
    newest: Decision


def by_reason(decisions: Sequence[Decision]) -> list[Counted]:
    """Returns how often each kind of reason came, the most frequent first."""
    groups: dict[tuple[Kind, str, str], list[Decision]] = {}
    for each in decisions:
        groups.setdefault((each.kind, each.reason, each.words), []).append(each)
    counted = [
        Counted(
            kind,
            reason,
            sum(each.count for each in group),
            tuple(sorted({each.pair for each in group})),
            group[-1],
        )
        for (kind, reason, _), group in groups.items()
    ]
    return sorted(counted, key=lambda each: (-each.count, each.kind, each.reason))
