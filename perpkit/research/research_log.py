"""The research log: every idea that was tried, kept or dropped, and how many variants of it.

A TOML file that is written by hand, because the reasons are: `research-log.toml` beside this module
is that of the strategies that Perpkit ships, the one in the user directory is the user's.

```toml
[[idea]]
name = "leave when either is over"
strategies = ["FundingTide"]
variants = 9
from = 2020-03-01
to = 2022-01-01
outcome = "dropped"
why = "It lost in eight of nine neighbours."
```

`variants` counts what was compared on these days, from which the present form was chosen; a choice
inside a walk-forward does not count, because its tests had not been seen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from perpkit.checks import check_range, refuse
from perpkit.files.contents import content_of, text_of
from perpkit.files.errors import FileError

NAME = "research-log.toml"
# It is part of the package.
SHIPPED = Path(__file__).with_name(NAME)
_MOST_BYTES = 2**24
_KEYS = ("name", "strategies", "variants", "from", "to", "outcome", "why")


class Outcome(StrEnum):
    KEPT = "kept"
    DROPPED = "dropped"
    OPEN = "open"


@dataclass(frozen=True)
class Idea:
    """
    :param strategies: by class name, that it was tried for
    :param variants: that were compared
    :param since, until: days on which they were compared; the last one is not included
    """

    name: str
    strategies: tuple[str, ...]
    variants: int
    since: date
    until: date
    outcome: Outcome
    why: str


@dataclass(frozen=True)
class Tried:
    """How many variants of a strategy were compared on some days, and where that is written.

    :param shipped: in the log that comes with Perpkit
    :param own: in the user's, without the ideas that it repeats of that
    :param log: the user's; None if there is none
    """

    shipped: int
    own: int
    log: Path | None

    @property
    def variants(self) -> int:
        """At least 1, the one that is judged."""
        return max(self.shipped + self.own, 1)

    @property
    def words(self) -> str:
        own = f"no {NAME} of yours" if self.log is None else f"{self.own:,} in {self.log}"
        alone = ": counted as one" if not self.shipped + self.own else ""
        return (
            f"Variants tried on these days: {self.shipped:,} in the log that comes with Perpkit, "
            f"{own}{alone}."
        )


def tried(strategy: str, since: date, until: date, log: Path | None) -> Tried:
    """Returns how many variants of a strategy were compared on some of these days.

    :param until: the day after the last one
    :param log: the user's
    :raises FileError: as `read_log`
    :raises OSError: if a log cannot be read
    """
    shipped = read_log(SHIPPED)
    own = [] if log is None else [idea for idea in read_log(log) if idea not in shipped]
    days = strategy, since, until
    return Tried(_variants(shipped, *days), _variants(own, *days), log)


def read_log(path: Path) -> tuple[Idea, ...]:
    """Returns the ideas of a research log, in its order.

    :raises FileError: naming the entry and what is wrong with it
    :raises OSError: if it cannot be read
    """
    text = text_of(content_of(path, _MOST_BYTES), str(path))
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: not TOML: {error}") from error
    entries = document.pop("idea", [])
    if document or not isinstance(entries, list):
        raise FileError(f"{path}: must have [[idea]] tables only, has {', '.join(document)}")
    ideas = []
    for number, entry in enumerate(entries, 1):
        try:
            ideas.append(_idea(entry))
        except ValueError as error:
            raise FileError(f"{path}: idea {number}: {error}") from error
    return tuple(ideas)


def _variants(ideas: Iterable[Idea], strategy: str, since: date, until: date) -> int:
    return sum(
        idea.variants
        for idea in ideas
        if strategy in idea.strategies and idea.since < until and since < idea.until
    )


def _idea(entry: Any) -> Idea:
    if not isinstance(entry, Mapping):
        refuse("idea", "a table", entry)
    for name in _KEYS:
        if name not in entry:
            raise ValueError(f"{name} is missing")
    for name in entry:
        if name not in _KEYS:
            refuse("a key", f"one of {', '.join(_KEYS)}", name)
    check_range("variants", entry["variants"], 1, 10**9, whole=True)
    since, until = (_day(name, entry[name]) for name in ("from", "to"))
    if since >= until:
        refuse("to", f"after {since}", str(until))
    if entry["outcome"] not in list(Outcome):
        refuse("outcome", f"one of {', '.join(Outcome)}", entry["outcome"])
    strategies = entry["strategies"]
    if not isinstance(strategies, list) or not strategies:
        refuse("strategies", "a list of class names", strategies)
    return Idea(
        name=_text("name", entry["name"]),
        strategies=tuple(_text("strategies", each) for each in strategies),
        variants=entry["variants"],
        since=since,
        until=until,
        outcome=Outcome(entry["outcome"]),
        why=_text("why", entry["why"]),
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        refuse(name, "text", value)
    return str(value)


def _day(name: str, value: Any) -> date:
    # A time of day is a date, too, to Python.
    if type(value) is not date:
        refuse(name, "a date such as 2021-01-01", value)
    return value
