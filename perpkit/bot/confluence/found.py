"""Finds the sources that the configuration names, and looks whether they fit together."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.confluence.parameters import SHIPPED, SourceChoice
from perpkit.checks import shown
from perpkit.parameters.declared import Parameters
from perpkit.signals.source import Source

WHERE = "perpkit.confluence.sources"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Chosen:
    """A source, and what the configuration says of it."""

    source: Source
    choice: SourceChoice

    @property
    def name(self) -> str:
        return self.source.name


def chosen(choices: Sequence[SourceChoice], folder: Path) -> list[Chosen]:
    """Returns the sources that the configuration names, in order.

    :param folder: where modules of the user's are looked for, beside the installed ones
    :raises ConfigurationError: naming the field, its value and what is allowed
    """
    found: list[Chosen] = []
    for number, choice in enumerate(choices):
        where = f'"{WHERE}[{number}].source"'
        source = _load(choice.source, where, folder)
        for other in found:
            if source.name == other.name:
                raise ConfigurationError(
                    f"{where} must be another source than those before it, got {source.name} again"
                )
            if both := sorted({*source.computed} & {*other.source.computed}):
                raise ConfigurationError(
                    f"{where} must compute columns of its own, got {source.name} with "
                    f"{', '.join(both)}, which {other.name} computes"
                )
        found.append(Chosen(source, choice))
    return found


def _load(path: str, where: str, folder: Path) -> Source:
    def refused(why: str) -> ConfigurationError:
        return ConfigurationError(
            f"{where} must be {', '.join(SHIPPED)} or the import path of a source, such as "
            f"my_signals:MySource, got {shown(path)}: {why}"
        )

    module_name, colon, name = SHIPPED.get(path, path).partition(":")
    if not (colon and name.isidentifier() and all(map(str.isidentifier, module_name.split(".")))):
        raise refused("it is neither")
    try:
        kind = getattr(_module(module_name, folder), name, None)
    except (Exception, SystemExit) as error:  # code of the user's runs there
        why = f"{type(error).__name__}: {error}"
        raise refused(f"its module cannot be imported: {why}") from error
    if not (isinstance(kind, type) and issubclass(kind, Source)):
        raise refused(f"{module_name} has no subclass of perpkit.signals.source.Source named so")
    try:
        source = kind()  # type: ignore[call-arg]
    except Exception as error:
        raise refused(f"it cannot be made: {type(error).__name__}: {error}") from error
    if why := _unusable(source):
        raise refused(why)
    return source


def _unusable(source: Any) -> str:
    if not (isinstance(source.name, str) and _NAME.fullmatch(source.name)):
        return f"its name must be in lower case with underscores, got {shown(source.name)}"
    if not isinstance(source.rule, Parameters):
        return f"its rule must be a dataclass of Parameters, got {shown(source.rule)}"
    return ""


def _module(name: str, folder: Path) -> ModuleType:
    # What is installed is found first. The folder stays there: hyperopt's workers get this path,
    # and import the module by its name.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(name)
