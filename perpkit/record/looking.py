"""SQLite files read so that nothing beside them or in them changes, not even by a recovery.

SQLite itself writes where one only reads: it makes the files of a write-ahead log, or plays in what
a process that was killed left undone. That is for the bot to do, at its next start.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

# Of the file format: the versions to write and to read, both 2 with a write-ahead log.
_VERSIONS_AT, _WITH_LOG = 18, b"\x02\x02"
# Of the shared memory: the byte that every process with the database open has locked.
_OPEN_BYTE = 128


def look(path: Path) -> sqlite3.Connection:
    """To the content of a database that is a file, with what is in its log.

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
        # A transaction was left undone: SQLite would have to take it back first.
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
    """In memory, of a copy in which SQLite may do what is to be done."""
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
    """Whether another process has it open; where that cannot be known, yes: SQLite finds out."""
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
