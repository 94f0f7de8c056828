"""Reads files whole, up to a size, and JSON without surprises."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path
from typing import Any

from perpkit.files.errors import FileError

_STEP = 2**20


def content_of(path: Path, most: int) -> bytes:
    """Returns the content of a file.

    :param most: number of bytes that such a file can have
    :raises FileError: for a larger file; no more than `most` bytes are read
    :raises OSError: if it cannot be read
    """
    parts: list[bytes] = []
    with path.open("rb") as file:
        # Its stated size saves copies; a pipe has none, and a file may be growing.
        step, room = os.fstat(file.fileno()).st_size + 1, most + 1
        while room and (part := file.read(min(step, room))):
            parts.append(part)
            step, room = _STEP, room - len(part)
    if not room:
        raise FileError(f"{path}: must have at most {most:,} bytes, has more")
    return b"".join(parts)


def text_of(content: bytes, name: str) -> str:
    """Returns UTF-8 text; the byte order mark that some programs write in front is left out.

    :raises FileError: naming the line and the byte that is not UTF-8
    """
    body = content.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        at = error.start + len(content) - len(body)
        raise FileError(f"{name}: line {line}: not text in UTF-8 (byte {at})") from error


def json_of(content: bytes, name: str) -> Any:
    """Returns what a JSON file holds.

    :raises FileError: naming the file, and where it is not JSON
    """
    text = text_of(content, name)
    try:
        return json.loads(text)
    except RecursionError:
        raise FileError(f"{name}: not JSON: nested too deep") from None
    except ValueError as error:
        raise FileError(f"{name}: not JSON: {error}") from error
