"""Entries that were refused, and why: in the log, and the newest kept for the state file."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

logger = logging.getLogger(__name__)

# Kept at most, of different kinds, pairs or sides.
KEPT = 50


class RunRefusedError(Exception):
    """The failure goes on to Freqtrade, which ends the run of it."""


class RefusalKind(StrEnum):
    """By what an entry was refused."""

    LATCH = "latch"  # the operator's stop latch
    BREAKER = "breaker"
    LOCK = "lock"  # of a pair, by a breaker, a protection, the operator or Freqtrade
    CALLBACK = "callback"  # one has failed
    PASSIVE = "passive"  # the bot only looks on
    JOURNAL = "journal"  # of orders, that cannot be written
    EXCHANGE = "exchange"  # what it holds, or its settings, differ from the bot's or are unknown
    SIZE = "size"  # no stake, leverage or room for it
    BOOK = "book"
    UNCHECKED = "unchecked"  # a check failed
    OVERTAKEN = "overtaken"  # another entry was made, or the trade has ended


class Why(NamedTuple):
    """:param reason: for people"""

    kind: RefusalKind
    reason: str


@dataclass(frozen=True)
class Refused:
    """:param reason: the newest
    :param since: of the first
    :param at: of the newest
    :param count: how many there were
    """

    kind: RefusalKind
    pair: str
    side: str
    reason: str
    since: datetime
    at: datetime
    count: int


class Refusals:
    """Of one process. What is refused again and again is kept once, with how often.

    Several threads may add; nothing is raised.
    """

    def __init__(self) -> None:
        self._counts: Counter[RefusalKind] = Counter()
        self._newest: dict[tuple[RefusalKind, str, str], Refused] = {}

    def add(
        self,
        why: Why,
        pair: str,
        side: str,
        at: datetime | None = None,
        *,
        what: str = "Entry refused",
        level: int = logging.INFO,
    ) -> None:
        """Log it, and keep it.

        :param side: long or short
        :param at: now by default
        :param what: how the log line begins
        """
        logger.log(level, f"{what}: {pair} {side}. {why.reason}")
        at, key = at or datetime.now(UTC), (why.kind, pair, side)
        before = self._newest.pop(key, None)
        since, count = (before.since, before.count) if before else (at, 0)
        self._newest[key] = Refused(*key, why.reason, since, at, count + 1)
        self._counts[why.kind] += 1
        for oldest in list(self._newest)[:-KEPT]:
            self._newest.pop(oldest, None)

    @property
    def newest(self) -> list[Refused]:
        """Newest first."""
        return list(self._newest.values())[::-1]

    @property
    def by_kind(self) -> dict[str, int]:
        return {kind.value: count for kind, count in sorted(self._counts.copy().items())}
