"""The secrets of `planted` in files and output; `leak_scan` looks at what a run leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import re
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.planted import MARK, NAMES


def _in_base64(shift: int) -> bytes:
    """The mark as it is at one of three places, without what depends on its neighbours."""
    content = b64encode(bytes(shift) + MARK.encode())
    return content[4 if shift else 0 : (shift + len(MARK)) // 3 * 4]


_MARKS = (MARK.encode(), *map(_in_base64, range(3)))
_FOUND = re.compile(b"|".join(_MARKS))
_SECRET = re.compile(rb"(?:" + _FOUND.pattern + rb")[A-Za-z0-9+/=]*")
# Where a configuration has them: as Freqtrade reads it, and `perpkit venue`.
_INPUTS = {
    "exchange": ("key", "secret", "api_key", "apiKey"),
    "perpkit_venue": ("accounts",),
    "telegram": ("token",),
    "api_server": ("password", "jwt_secret_key"),
}
# Freqtrade takes secrets out of the configuration that it puts into the results of a backtest, all
# but this one: see docs/security.md, and tests/contract/test_secrets.py for the day it does. The
# accounts are of a simulated venue.
_LEFT_BY_FREQTRADE = {"api_server": ("jwt_secret_key",), "perpkit_venue": ("accounts",)}


@dataclass(frozen=True)
class Leak:
    """
    :param where: a file, or whose output it is
    :param line: from 1
    :param what: name of the secret
    :param text: its line, the secret taken out
    """

    where: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.what} in: {self.text}"


def clean(text: str) -> str:
    return _SECRET.sub(b"<secret>", text.encode("utf-8", "replace")).decode("utf-8", "replace")


def leaks_in(content: bytes, where: str, first: int = 1) -> list[Leak]:
    """One for each line that has a secret: whole, cut short, or in base64.

    :param first: number of the first line
    """
    found = []
    for number, line in _lines(content) if _has_mark(content) else ():
        match = _FOUND.search(line)
        if match is not None:
            rest = line[match.start() :].decode("utf-8", "replace")
            whole = (name for value, name in NAMES.items() if rest.startswith(value.split(":")[-1]))
            text = clean(line.decode("utf-8", "replace")).strip()[:300]
            found.append(Leak(clean(where), first + number, next(whole, "a part of one"), text))
    return found


def _has_mark(content: bytes) -> bool:
    """Six times as fast as the pattern, and a run leaves gigabytes."""
    return any(mark in content for mark in _MARKS)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Those with a mark, from 0; most content has none."""
    end = 0
    for match in _FOUND.finditer(content):
        if match.start() < end:
            continue
        start = content.rfind(b"\n", 0, match.start()) + 1
        end = content.find(b"\n", match.start())
        end = len(content) if end < 0 else end
        yield content.count(b"\n", 0, start), content[start:end]


def leaks_in_file(path: Path, where: str) -> list[Leak]:
    """Without those that are in their place in a configuration; archives are opened."""
    if path.suffix == ".env":  # which nothing but a test writes
        return []
    try:
        if path.suffix == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [(name, archive.read(name)) for name in archive.namelist()]
            return [leak for each in members for leak in _leaks_in_member(where, *each)]
        content = path.read_bytes()
    except OSError:  # of a process that ends just now
        return []
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    # What Perpkit writes is in folders of that name, and is no configuration.
    if path.suffix == ".json" and "perpkit" not in path.parts[-3:] and _has_mark(content):
        content = _without(_INPUTS, content)
    return leaks_in(content, where)


def _leaks_in_member(where: str, name: str, content: bytes) -> list[Leak]:
    if name.endswith("_config.json"):
        content = _without(_LEFT_BY_FREQTRADE, content)
    return leaks_in(content, f"{where}!{name}")


def _without(places: dict[str, tuple[str, ...]], content: bytes) -> bytes:
    """A configuration, as lines, without what is in these places; what is none as it is."""
    try:
        config = json.loads(content)
        for section, names in places.items():
            own = config.get(section) or {}
            own.update((name, None) for name in names if name in own)
    except (ValueError, AttributeError):
        return content
    return json.dumps(config, indent=1).encode()


def leaks_below(folder: Path) -> list[Leak]:
    files = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return [
        leak
        for file in files
        if file.is_file() and not file.is_symlink()
        for leak in leaks_in_file(file, str(file))
    ]
