"""Refused entries and their reasons: logged when they begin, the newest kept for the state file.

A refusal that comes again in every loop, with other figures or without, is logged once.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from perpkit.bot.decided import Decided
from perpkit.record.decisions import words_of

logger = logging.getLogger(__name__)

# How many refusals are kept, of different kinds, pairs or sides.
KEPT = 50
# What comes again within this time has not ended in between.
SAME = timedelta(minutes=15)
# First words of a refusal, which need no repeating in the decision log.
_PLAIN = ("Entry refused", "No entry")


class RunRefusedError(Exception):
    """An error that Freqtrade must receive, so that it ends the run."""


class RefusalKind(StrEnum):
    """What refused an entry."""

    LATCH = "latch"  # the operator's stop latch
    BREAKER = "breaker"
    LOCK = "lock"  # of a pair, set by a breaker, a protection, the operator or Freqtrade
    CALLBACK = "callback"  # a callback has failed
    PASSIVE = "passive"  # the bot is read-only
    JOURNAL = "journal"  # the order journal cannot be written
    EXCHANGE = "exchange"  # positions or settings there differ from the bot's or are unknown
    SIZE = "size"  # no stake, leverage or room for it
    FLEET = "fleet"  # another bot has the pair, or the fleet may not enter
    LOSS = "loss"  # its trade or its tag has lost too much
    BOOK = "book"
    UNCHECKED = "unchecked"  # a check failed
    OVERTAKEN = "overtaken"  # another entry was made, or the trade has closed


class Why(NamedTuple):
    """Why an entry was refused.

    :param reason: one sentence for the operator
    """

    kind: RefusalKind
    reason: str


@dataclass(frozen=True)
class Refused:
    """Refusals of one kind, pair and side.

    :param reason: the newest one
    :param since: time of the first refusal
    :param at: time of the newest refusal
    :param count: number of refusals
    """

    kind: RefusalKind
    pair: str
    side: str
    reason: str
    since: datetime
    at: datetime
    count: int


class Refusals:
    """The refusals of one process; repeated ones are kept as one entry with their count.

    Safe to use from several threads; raises nothing.

    :param decided: notes them in the decision log
    """

    def __init__(self, decided: Decided | None = None) -> None:
        self.decided = decided if decided is not None else Decided(None)
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
        """Keeps a refusal, and logs it unless the one before it said the same.

        :param side: long or short
        :param at: time of the refusal, default now
        :param what: the first words of the log line
        """
        at, key = at or datetime.now(UTC), (why.kind, pair, side)
        before = self._newest.pop(key, None)
        if before is None or not _goes_on(before, why, at):
            logger.log(level, f"{what}: {pair} {side}. {why.reason}")
        text = why.reason if what in _PLAIN else f"{what}. {why.reason}"
        self.decided.refused(pair, side, at, why.kind, text)
        since, count = (before.since, before.count) if before else (at, 0)
        self._newest[key] = Refused(*key, why.reason, since, at, count + 1)
        self._counts[why.kind] += 1
        for oldest in list(self._newest)[:-KEPT]:
            self._newest.pop(oldest, None)

    @property
    def newest(self) -> list[Refused]:
        """The refusals that are kept, newest first."""
        return list(self._newest.values())[::-1]

    @property
    def by_kind(self) -> dict[str, int]:
        return {kind.value: count for kind, count in sorted(self._counts.copy().items())}


def _goes_on(before: Refused, why: Why, at: datetime) -> bool:
    """Whether a refusal is the one before it, still: with the same words, and soon after it."""
    soon = before.at <= at <= before.at + SAME
    return soon and words_of(before.reason) == words_of(why.reason)
