"""Isolates steps of a cycle, so that a failure does not affect the rest or other trades."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import ccxt
from freqtrade.exceptions import FreqtradeException

from perpkit.bot.running_bot import message_of
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

# A failure is dropped if its step was not tried for so long: its trade may have closed.
_FORGOTTEN = HOUR
# What exchange and Freqtrade refuse, which their own words say well.
_EXPECTED = (ccxt.BaseError, FreqtradeException)


@dataclass(frozen=True)
class FailingStep:
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
    """Runs steps as a context manager; logs a failure when it is new, and swallows it.

    A failure that neither the exchange nor Freqtrade has raised is logged with its traceback.
    """

    def __init__(self) -> None:
        self._failing: dict[str, FailingStep] = {}

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._failed(what, error, datetime.now(UTC))
        else:
            self._failing.pop(what, None)

    def _failed(self, what: str, error: Exception, now: datetime) -> None:
        self._failing = {each.what: each for each in self.failing(now)}
        before, message = self._failing.get(what), message_of(error)
        if before is None:
            # A traceback would quote the query that `message_of` leaves out.
            unexpected = not isinstance(error, _EXPECTED) and message == str(error)
            logger.warning(f"{what} failed: {message}", exc_info=error if unexpected else None)
        since, count = (before.since, before.count) if before else (now, 0)
        self._failing[what] = FailingStep(what, message, since, now, count + 1)

    def failing(self, now: datetime) -> list[FailingStep]:
        """Returns the steps that currently fail, oldest first."""
        found = list(self._failing.values())  # a copy: other threads write
        return [each for each in found if now - each.at < _FORGOTTEN]
