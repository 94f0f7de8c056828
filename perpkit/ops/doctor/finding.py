"""The result of a check: that something is in order, or what is wrong and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass

from perpkit.ops.level import Level


@dataclass(frozen=True)
class Table:
    """A table that is shown below the text of a finding."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A result of a check.

    :param words: for the operator, one or two sentences without the last full stop
    :param fix: what to do about it, such as a setting or a command; required for WARN and FAIL
    :param check: the name of the check, which the runner fills in
    """

    level: Level
    words: str
    fix: str = ""
    check: str = ""
    table: Table | None = None

    def __post_init__(self) -> None:
        if self.level.is_finding and not self.fix:
            raise ValueError(f"fix must not be empty for {self.level}: {self.words}")


class UnavailableError(Exception):
    """What a check needs is missing; another check reports whether that is wrong."""


def ok(words: str, table: Table | None = None) -> Finding:
    return Finding(Level.OK, words, table=table)


def warn(words: str, fix: str, table: Table | None = None) -> Finding:
    return Finding(Level.WARN, words, fix, table=table)


def fail(words: str, fix: str, table: Table | None = None) -> Finding:
    return Finding(Level.FAIL, words, fix, table=table)


def skipped(words: str) -> Finding:
    return Finding(Level.SKIPPED, words)
