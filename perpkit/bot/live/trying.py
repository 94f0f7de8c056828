"""What must not keep the rest of a cycle, or other trades, from their turn when it fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from perpkit.bot.live.running_bot import words

logger = logging.getLogger(__name__)


class Trying:
    """A failure is logged when it is new, and then swallowed."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if what not in self._failing:
                logger.warning(f"{what} failed: {words(error)}")
            self._failing.add(what)
        else:
            self._failing.discard(what)
