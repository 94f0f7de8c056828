"""Identifies a file independently of its content: a copy differs, a moved file does not.

A folder that is copied, restored or unpacked has the contents of the original in new files. A file
that is moved within its file system, or whose volume is attached to another container, keeps its
identity. It consists of the inode, and of what distinguishes two files that had the same inode one
after the other: the inode's generation and the time of birth, which no copying tool can set.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Any

# Linux: FS_IOC_GETVERSION of 64-bit machines, which ext4, XFS, Btrfs and F2FS answer.
_GET_GENERATION = 0x80087601
# statx(2): the mask of the time of birth, its offset in the structure, and the structure's size.
_BIRTH_MASK, _BIRTH_AT, _STATX_SIZE = 0x800, 80, 256
_HERE = -100  # AT_FDCWD
# Descriptors of identified files, by device and inode. Closing one would release every lock that
# SQLite holds on the file in this process (POSIX drops them with any descriptor of it): the next
# tool to read the database would find no process using it, and delete its write-ahead log with
# unsaved data. So they stay open, as the databases do, until the file itself is deleted.
_opened: dict[tuple[int, int], int] = {}


def identity(path: Path) -> str:
    """Returns the identity of an existing file, as a string to compare with an earlier one.

    :raises OSError: when its status cannot be read
    """
    status = path.stat()
    birth, generation = _birth(path, status), _generation(path)
    found = {"inode": status.st_ino, "generation": generation, "born": birth}
    found["volume"] = _volume(path, status, alone=generation is None and birth is None)
    return " ".join(f"{name} {value}" for name, value in found.items() if value is not None)


def _volume(path: Path, status: os.stat_result, alone: bool) -> int | None:
    """Returns the id of the file system, None if it is of no use.

    An id that is only a device number depends on the order in which volumes are attached; it counts
    only if there is nothing else.
    """
    own = os.statvfs(path).f_fsid if hasattr(os, "statvfs") else 0
    if own not in (0, status.st_dev):
        return own
    # Without a device, as on a network, every mount is assigned a new number.
    anonymous = hasattr(os, "major") and os.major(status.st_dev) == 0
    return status.st_dev if alone and not anonymous else None


def _generation(path: Path) -> int | None:
    """Returns the generation of the inode, which tells its reuse; None if there is none."""
    if sys.platform != "linux":
        return None
    import fcntl

    answer = bytearray(8)
    try:
        fcntl.ioctl(_descriptor(path), _GET_GENERATION, answer, True)
    except OSError:
        return None
    return int.from_bytes(answer[:4], sys.byteorder)


def _descriptor(path: Path) -> int:
    _close_gone()
    status = path.stat()
    known = _opened.get((status.st_dev, status.st_ino))
    if known is not None:
        return known
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    status = os.fstat(file)
    # If two threads open the file, both descriptors stay open.
    _opened.setdefault((status.st_dev, status.st_ino), file)
    return file


def _close_gone() -> None:
    for key, file in list(_opened.items()):
        if os.fstat(file).st_nlink == 0 and _opened.pop(key, None) is not None:
            os.close(file)


def _birth(path: Path, status: os.stat_result) -> int | None:
    """Returns when the file was created, ns since 1970 UTC; None if that is not recorded."""
    born: Any = getattr(status, "st_birthtime_ns", None)
    if born is None and (seconds := getattr(status, "st_birthtime", None)) is not None:
        born = round(seconds * 1e9)
    return born if born is not None or sys.platform != "linux" else _birth_of_linux(path)


def _birth_of_linux(path: Path) -> int | None:
    statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)
    answer = ctypes.create_string_buffer(_STATX_SIZE)
    if statx is None or statx(_HERE, os.fsencode(path), 0, _BIRTH_MASK, answer) != 0:
        return None
    (known,) = struct.unpack_from("=I", answer)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, _BIRTH_AT)
    return seconds * 10**9 + nanoseconds if known & _BIRTH_MASK else None
