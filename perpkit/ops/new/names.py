"""Checks the name of a new class: valid, and different from every class that Freqtrade finds."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from perpkit.bot.loading.plugins import own_folder
from perpkit.ops.new.kinds import PluginKind
from perpkit.ops.stored import BadInputError

_CLASS_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,49}")
# Folders of Freqtrade's package with the classes that its resolvers load, and their base classes.
_FREQTRADE = ("plugins/protections", "plugins/pairlist", "strategy", "templates")


def check_name(name: str, kind: PluginKind, userdir: Path) -> None:
    """Checks the name of a new class.

    :raises BadInputError: naming what is wrong with `name`, and what is allowed
    """
    if not _CLASS_NAME.fullmatch(name) or iskeyword(name):
        raise BadInputError(
            "NAME must be that of a Python class, such as CalmHours: up to 50 letters and digits, "
            f"the first of them a capital, got {name!r}"
        )
    for folder in (*_shipped_folders(), *(userdir / each.folder for each in PluginKind)):
        for path in sorted(folder.glob("*.py")):
            if name in _classes(path):
                raise BadInputError(
                    f"NAME must be one that is not taken, got {name!r}, which is a class in {path}"
                )
    if hasattr(builtins, name) or any(name in _defined(text) for text in kind.templates()):
        raise BadInputError(
            f"NAME must be one that the file itself has no other use for, got {name!r}"
        )


def _shipped_folders() -> Iterator[Path]:
    for kind in PluginKind:
        if own := own_folder(kind.folder):
            yield own
    # The package is located but not imported, which would take seconds.
    if (freqtrade := find_spec("freqtrade")) and freqtrade.origin:
        for folder in _FREQTRADE:
            yield Path(freqtrade.origin).parent / folder


def _classes(path: Path) -> set[str]:
    """Returns the class names of a module without running it; none if it cannot be parsed."""
    try:
        module = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    return {node.name for node in module.body if isinstance(node, ast.ClassDef)}


def _defined(source: str) -> set[str]:
    """Returns the names that a module imports, and those of its classes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
    return found
