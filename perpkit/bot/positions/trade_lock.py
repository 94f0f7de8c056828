"""A lock that makes each holder see the database as it is when the lock is acquired.

`/forceexit`, `/forceenter`, `/delete` and the REST API run in threads of their own, each with its
own session, and SQLAlchemy caches what a session has read until it is expired. A cycle could
therefore see a trade as open that another thread has closed, or without the stop that was just
placed. Acquiring Freqtrade's lock expires that cache.
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
    """Replaces Freqtrade's `_exit_lock` with a reentrant lock that also refreshes the database.

    Objects read before it was acquired, or while it was held, are read again when they are used.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._depth = 0
        # Called while the lock is still held, after the changes have been committed; not any more
        # after a signal, by which the process ends: what it has interrupted is not complete.
        self.on_release: Callable[[], None] = _do_nothing

    def __enter__(self) -> TradeLock:
        self._lock.acquire()
        self._depth += 1
        try:
            # A session outside of a transaction has read nothing since it was last expired.
            if self._depth == 1 and Trade.session().in_transaction():
                self._expire()
        except BaseException:  # a signal: the other threads end, too, and must not wait
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._depth == 1 and kind is None:
                _commit()
                self._run_on_release()
            elif kind is not None and not issubclass(kind, Exception):
                self.on_release = _do_nothing
        finally:
            self._release()

    def _release(self) -> None:
        self._depth -= 1
        self._lock.release()

    def _expire(self) -> None:
        try:
            _commit()  # a commit expires the session
        except Exception as error:
            logger.warning(f"Changes made without the lock cannot be stored: {error}")
            Trade.rollback()

    def _run_on_release(self) -> None:
        try:
            self.on_release()
        except Exception as error:  # the holder's own changes are committed
            logger.warning(f"An action after a change of trades failed: {error}")

    def let_go(self) -> None:
        """Releases what a signal has made this thread hold for ever: one that strikes on the way
        into `__exit__` is raised before the lock is released. Called where nothing holds it."""
        while self._lock._is_owned():  # type: ignore[attr-defined]
            self._depth = 0  # not counted down: a signal may have struck between lock and count
            self._lock.release()

    def locked(self) -> bool:
        return self._depth > 0


def _do_nothing() -> None: ...


def _commit() -> None:
    """Commits. After a signal in the middle of it, the session would refuse all that follows, and
    Freqtrade's own last commit is an error in the log: such a session begins again.
    """
    try:
        Trade.commit()
    except (KeyboardInterrupt, SystemExit):
        Trade.session.close()
        raise


def lock_of(dp: DataProvider) -> AbstractContextManager[Any]:
    """Returns the lock of the bot that `dp` belongs to; without a bot, one that does nothing."""
    try:
        lock = running_bot(dp)._exit_lock
    except LookupError:
        return nullcontext()
    return lock if isinstance(lock, TradeLock) else nullcontext()
