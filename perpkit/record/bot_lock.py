"""Lets the operator's tools check whether a bot's files are locked by a running process."""

from __future__ import annotations

import os
from pathlib import Path


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
