"""What a file is, apart from what is in it: a copy differs, the same file elsewhere does not.

A folder that is copied, restored or unpacked has the contents of the original, and new files. A
file that is moved within its file system, or whose volume another container is given, stays what it
is. Told by the inode, and by what tells two files apart that had the same inode one after the
other: its generation and the time of its birth, which no tool for copying can set.
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
# statx(2): the mask of the time of birth, its place in the structure, and the size of that.
_BIRTH_MASK, _BIRTH_AT, _STATX_SIZE = 0x800, 80, 256
_HERE = -100  # AT_FDCWD
# Of files that were looked at, by device and inode. Closing one would take every lock that SQLite
# has on the file in this process (POSIX locks go with any descriptor of it): the next tool to read
# the database would take it for one that nobody has open, and remove its log of what is not yet in
# it. So they stay open, as the databases do, until the file itself is gone.
_opened: dict[tuple[int, int], int] = {}


def identity(path: Path) -> str:
    """Of a file that is there, in a form to be compared with an earlier one.

    :raises OSError: when it cannot be looked at
    """
    status = path.stat()
    birth, generation = _birth(path, status), _generation(path)
    found = {"inode": status.st_ino, "generation": generation, "born": birth}
    found["volume"] = _volume(path, status, alone=generation is None and birth is None)
    return " ".join(f"{name} {value}" for name, value in found.items() if value is not None)


def _volume(path: Path, status: os.stat_result, alone: bool) -> int | None:
    """The id of the file system. Where that is but the number of a device, which depends on the
    order in which volumes are attached, it counts only where there is nothing else."""
    own = os.statvfs(path).f_fsid if hasattr(os, "statvfs") else 0
    if own not in (0, status.st_dev):
        return own
    # Without a device, as on a network: a number that each mount is given.
    anonymous = hasattr(os, "major") and os.major(status.st_dev) == 0
    return status.st_dev if alone and not anonymous else None


def _generation(path: Path) -> int | None:
    """Of the inode, which is used again when a file is deleted; None where there is none."""
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
    # Of two threads, the second keeps its own as well: neither is closed.
    _opened.setdefault((status.st_dev, status.st_ino), file)
    return file


def _close_gone() -> None:
    for key, file in list(_opened.items()):
        if os.fstat(file).st_nlink == 0 and _opened.pop(key, None) is not None:
            os.close(file)


def _birth(path: Path, status: os.stat_result) -> int | None:
    """When the file was made, ns since 1970 UTC; None where the file system does not keep it."""
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
