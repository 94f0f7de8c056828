"""The files in which classes are defined: those that decide what a strategy does, and any other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_LIBRARIES = ("freqtrade", "perpkit", "builtins", "abc", "typing")


def class_files(strategy: Any) -> tuple[Path, ...]:
    """Returns the files of the classes that decide, and of their bases, but for those of libraries.

    Perpkit's own have a version. `perpkit_decided_by` of a strategy has more classes than its own.

    :param strategy: loaded by Freqtrade
    """
    found: dict[Path, None] = {}
    for kind in (type(strategy), *getattr(strategy, "perpkit_decided_by", ())):
        for each in kind.__mro__:
            # The resolver notes the file of the class that it has loaded, under any name.
            file = vars(each).get("__file__")
            if file is None and each.__module__.split(".")[0] not in _LIBRARIES:
                file = getattr(sys.modules.get(each.__module__), "__file__", None)
            if file:
                found.setdefault(Path(file))
    return tuple(found)


def module_of(path: Path, name: str) -> ModuleType:
    """Returns the module that a file is, under a name of its own; what its code raises is raised.

    :param path: of Python code
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python code")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass looks up its annotations
    spec.loader.exec_module(module)
    return module
