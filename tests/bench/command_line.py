"""The commands of `perpkit`, all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the words and the command of each group and of each command in it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))
