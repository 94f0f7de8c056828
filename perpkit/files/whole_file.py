"""Writes files atomically, so that a kill or a power cut cannot leave half of one.

Whatever replaces a file does it here; so does what makes one that must not be there yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import get_ident


def put(
    path: Path,
    content: bytes,
    *,
    private: bool = False,
    verify: Callable[[bytes], object] | None = None,
) -> None:
    """Writes a file, replacing an existing one; both file and name are on disk when this returns.

    :param private: whether only the owner may read it
    :param verify: called with what was read back before it replaces the old file; its error
        leaves the old file as it is
    :raises OSError: if that fails; the old file stays
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        if private:
            temporary.touch(mode=0o600)
        _write(temporary, content)
        if verify is not None:
            verify(temporary.read_bytes())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def put_new(path: Path, content: bytes) -> None:
    """Writes a file that is not there yet, as `put` does; its folder must be there.

    :raises FileExistsError: if it is there; of several at once, one succeeds
    :raises OSError: if that fails
    """
    temporary = _temporary(path)
    try:
        _write(temporary, content)
        os.link(temporary, path)  # unlike a replacement, it fails where there is one
        _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Appends a line to a file, on a new line even after one that a power cut left unfinished.

    :raises OSError: if that fails
    """
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line + b"\n")  # mode "a" writes at the end even after a seek
        file.flush()
        os.fsync(file.fileno())


def _temporary(path: Path) -> Path:
    """Each process and thread has its own."""
    return path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # or a power cut leaves an empty file under the name


def _sync_folder(folder: Path) -> None:
    """Makes the file's name survive a power cut, if the system can sync folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
