"""No object of the database outlives the lock under which it was read.

`/forceexit`, `/forceenter`, `/delete` and the REST API act from threads of their own, each with a
session of its own, and SQLAlchemy keeps what a session has read until it is told to forget it. So a
cycle may still see a trade as open that another thread has closed, or without the stop that it has
just been given. Here whoever takes Freqtrade's lock begins with the database as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from types import TracebackType
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.persistence import Trade

from perpkit.bot.running_bot import running_bot

logger = logging.getLogger(__name__)


class TradeLock:
    """In place of Freqtrade's `_exit_lock`: the same, may be taken again by the thread that holds
    it, and objects read before it was taken, or while it was held, are read again when used."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        # Called while it is still held, when what was changed is in the database.
        self.on_release: Callable[[], None] = lambda: None

    def __enter__(self) -> TradeLock:
        self._lock.acquire()
        self._depth += 1
        # A session outside of a transaction has read nothing since it was told to forget.
        if self._depth == 1 and Trade.session().in_transaction():
            try:
                Trade.commit()  # which lets it forget
            except Exception as error:
                logger.warning(f"What was changed without the lock cannot be stored: {error}")
                Trade.rollback()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._depth == 1 and kind is None:
                Trade.commit()
                self._say_released()
        finally:
            self._depth -= 1
            self._lock.release()

    def _say_released(self) -> None:
        try:
            self.on_release()
        except Exception as error:  # whoever held the lock has done its work
            logger.warning(f"What is to follow a change of the trades failed: {error}")

    def locked(self) -> bool:
        return self._depth > 0


def lock_of(dp: DataProvider) -> AbstractContextManager[Any]:
    """The lock of the bot that `dp` belongs to; where there is none, one that does nothing."""
    try:
        lock = running_bot(dp)._exit_lock
    except LookupError:
        return nullcontext()
    return lock if isinstance(lock, TradeLock) else nullcontext()
