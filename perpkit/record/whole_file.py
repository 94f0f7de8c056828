"""Small files that are whole, or not there, whenever a process is killed or the power fails."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import get_ident


def put(path: Path, content: bytes) -> None:
    """Put a file in the place of the one that is there; it is on the disk when this returns.

    :raises OSError: where that cannot be done; the old file stays
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of two processes or threads, neither writes into the other's.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves an empty file under the name
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file; one that a power cut has left without its end stays a line of its own.

    :raises OSError: where that cannot be done
    """
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line + b"\n")  # at the end, wherever it has been read
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """So that the name survives a power cut; where a system cannot, the file has to do."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
