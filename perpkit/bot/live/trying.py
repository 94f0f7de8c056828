"""What must not keep the rest of a cycle, or other trades, from their turn when it fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from perpkit.bot.running_bot import words
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

# What has not been tried again for as long does not fail at present: its trade may have gone.
_FORGOTTEN = HOUR


@dataclass(frozen=True)
class Failing:
    """
    :param error: of the last try
    :param since: of the first failure in a row
    :param at: of the last one
    :param count: failures in a row
    """

    what: str
    error: str
    since: datetime
    at: datetime
    count: int


class Trying:
    """A failure is logged when it is new, and then swallowed."""

    def __init__(self) -> None:
        self._failing: dict[str, Failing] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._failed(what, words(error), datetime.now(UTC))
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
        """What fails at present, oldest first."""
        found = list(self._failing.values())  # of several threads
        return [each for each in found if now - each.at < _FORGOTTEN]
