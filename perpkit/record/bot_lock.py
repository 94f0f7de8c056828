"""Whether a process has the lock of a bot's files, for the tools beside it."""

from __future__ import annotations

import os
from pathlib import Path


def is_held(lock: Path | None, unknown: bool) -> bool:
    """It is tried for an instant; no file is made or emptied, and none has to be writable.

    :param lock: None for a bot without any
    :param unknown: the answer where it cannot be known: the file cannot be read, or has no locks
    """
    if lock is None or not lock.is_file():
        return False
    try:
        import fcntl
    except ImportError:  # Windows, where a file that is locked cannot be opened to be written
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
