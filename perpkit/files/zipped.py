"""Reads one file out of a zip file, bounded by what is really unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from perpkit.files.errors import FileError

_STEP = 64 * 1024
# bz2 and lzma unpack all that they are given; this much becomes less than 2 MiB.
_SMALL_STEP = 64


def unpacked(
    source: Path | IO[bytes], name: str, choose: Callable[[Sequence[str]], str], most: int
) -> bytes:
    """Returns the content of one member of a zip file.

    The sizes in the headers are not relied on: they may say anything.

    :param name: of the zip file, for messages
    :param choose: returns the member to read, of the names of all; raises FileError for none
    :param most: number of bytes that such a member can have
    :raises FileError: for a file that is damaged, encrypted or packed in an unknown way, and for
        a larger member
    """
    try:
        with zipfile.ZipFile(source) as archive:
            member = archive.getinfo(choose(archive.namelist()))
            with archive.open(member) as file:
                content = _bounded(cast(zipfile.ZipExtFile, file), member, most)
    except FileError:
        raise
    # Each way of packing has errors of its own, and damaged headers lead to almost any.
    except Exception as error:
        raise FileError(f"{name}: not a whole zip file: {_words(error)}") from error
    if content is None:
        raise FileError(
            f"{name}: {member.filename} must have at most {most:,} bytes unpacked, has more"
        )
    return content


def _bounded(file: zipfile.ZipExtFile, member: zipfile.ZipInfo, most: int) -> bytes | None:
    """Returns all bytes, or None as soon as they are too many."""
    plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    step = _STEP if plain else _SMALL_STEP
    file.MIN_READ_SIZE = step
    parts: list[bytes] = []
    size = 0
    while part := file.read(step):
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _words(error: Exception) -> str:
    return f"{error}" if str(error) else type(error).__name__
