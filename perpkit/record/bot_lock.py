"""The lock of a bot's files: held by the process that runs it, and looked at by operator tools."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

# It loads inside the function, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)


def hold(path: Path, taken: Exception) -> FileLock | None:
    """Locks a file against another process, until the lock is let go or this one ends.

    :param taken: raised if another process holds it
    :return: None where it cannot be locked, which is logged
    """
    from filelock import FileLock, Timeout

    # A singleton per process, because /reload_config creates the bot and its strategy again.
    lock = FileLock(path, timeout=0, is_singleton=True, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise taken from None
    except (OSError, NotImplementedError) as error:
        logger.warning(f"{path} cannot be locked, so a second bot would not be noticed: {error}")
        return None
    return lock


def is_held(lock: Path | None, unknown: bool) -> bool:
    """Returns whether a process holds the lock, by trying it for an instant.

    No file is created or truncated, and none has to be writable.

    :param lock: the lock file; None for a bot without one
    :param unknown: the answer if the file cannot be read, or its file system has no locks
    """
    if lock is None or not lock.is_file():
        return False
    try:
        import fcntl
    except ImportError:  # Windows, where a locked file cannot be opened for writing
        try:
            lock.open("rb+").close()
        except OSError:
            return True
        return False
    try:
        handle = os.open(lock, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(handle)
    except BlockingIOError:
        return True
    except OSError:
        return unknown
    return False
