"""Reads SQLite files without changing them or the files next to them, not even by a recovery.

SQLite writes even for readers: it creates the files of a write-ahead log, or recovers what a killed
process left unfinished. That is left to the bot, at its next start.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

# In the file header: the write and read versions, both 2 for a database with a write-ahead log.
_VERSIONS_AT, _WITH_LOG = 18, b"\x02\x02"
# In the shared-memory file: the byte that every process with the database open has locked.
_OPEN_BYTE = 128


def look(path: Path) -> sqlite3.Connection:
    """Returns a connection to a database file's content, including that of its log.

    :raises sqlite3.Error: when it cannot be opened or read
    """
    path = path.absolute()
    log = _beside(path, "-wal")
    if _has_log(path) and not _is_open_elsewhere(path):
        if log.is_file() and log.stat().st_size:
            return _copied(path)
        return _open(path, "immutable=1")
    connection = _open(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        # A transaction is unfinished: SQLite would have to roll it back first.
        if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
            raise
        return _copied(path)
    return connection


def _open(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{how}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10,
    )


def _copied(path: Path) -> sqlite3.Connection:
    """Returns the database in memory, from a copy that SQLite may recover."""
    with TemporaryDirectory(prefix="perpkit-") as folder:
        for suffix in ("", "-wal", "-journal"):
            if (beside := _beside(path, suffix)).is_file():
                shutil.copyfile(beside, Path(folder) / beside.name)
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with closing(sqlite3.connect(Path(folder) / path.name)) as copy:
            copy.backup(memory)
    return memory


def _has_log(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(100)[_VERSIONS_AT : _VERSIONS_AT + 2] == _WITH_LOG


def _is_open_elsewhere(path: Path) -> bool:
    """Whether another process has it open; true if that is unknown, since SQLite checks then."""
    shared = _beside(path, "-shm")
    if not shared.is_file():
        return False
    if sys.platform != "linux":
        return True
    import fcntl

    wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, _OPEN_BYTE, 1, 0)
    try:
        with shared.open("rb+") as file:
            (kind,) = struct.unpack_from("h", fcntl.fcntl(file, fcntl.F_GETLK, wanted))
    except OSError:
        return True
    return bool(kind != fcntl.F_UNLCK)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
