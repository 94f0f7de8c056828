"""Isolates steps of a cycle, so that a failure does not affect the rest or other trades."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from perpkit.bot.running_bot import message_of
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

# A failure is dropped if its step was not tried for so long: its trade may have closed.
_FORGOTTEN = HOUR


@dataclass(frozen=True)
class Failing:
    """A step that currently fails.

    :param error: of the last attempt
    :param since: first of the consecutive failures
    :param at: last failure
    :param count: number of consecutive failures
    """

    what: str
    error: str
    since: datetime
    at: datetime
    count: int


class Trying:
    """Runs steps as a context manager; logs a failure when it is new, and swallows it."""

    def __init__(self) -> None:
        self._failing: dict[str, Failing] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._failed(what, message_of(error), datetime.now(UTC))
        else:
            self._failing.pop(what, None)

    def _failed(self, what: str, error: str, now: datetime) -> None:
        self._failing = {each.what: each for each in self.failing(now)}
        before = self._failing.get(what)
        if before is None:
            logger.warning(f"{what} failed: {error}")
        since, count = (before.since, before.count) if before else (now, 0)
        self._failing[what] = Failing(what, error, since, now, count + 1)

    def failing(self, now: datetime) -> list[Failing]:
        """Returns the steps that currently fail, oldest first."""
        found = list(self._failing.values())  # a copy: other threads write
        return [each for each in found if now - each.at < _FORGOTTEN]
