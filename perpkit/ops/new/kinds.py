"""The kinds of classes that `perpkit new` writes, their folders, and the next steps."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

_TEMPLATES = Path(__file__).parent / "templates"
# The name of the class in every template.
_PLACEHOLDER = "TemplateName"

_NEXT = {
    "protection": """\
List it in a strategy that is built on PerpStrategy:

    @property
    def protections(self):
        return [*super().protections, {{"method": "{name}"}}]

and see what it does:

    freqtrade backtesting -c config.json --strategy YourStrategy --enable-protections""",
    "pairlist": """\
Put it into the configuration, behind the list that it filters:

    "pairlists": [{{"method": "StaticPairList"}}, {{"method": "{name}"}}]

and see what it does:

    freqtrade test-pairlist -c config.json
    freqtrade backtesting -c config.json --strategy YourStrategy --enable-dynamic-pairlist""",
    "strategy": """\
See what it does:

    freqtrade list-strategies -c config.json
    freqtrade backtesting -c config.json --strategy {name} --enable-protections""",
}


class PluginKind(StrEnum):
    PROTECTION = "protection"
    PAIRLIST = "pairlist"
    STRATEGY = "strategy"

    @property
    def folder(self) -> str:
        """The folder within the user directory where Freqtrade looks for it."""
        return "strategies" if self is PluginKind.STRATEGY else f"{self}s"

    def templates(self) -> tuple[str, str]:
        """Returns the source of the class and of its test."""
        source, test = _TEMPLATES / f"{self}.py.txt", _TEMPLATES / f"test_{self}.py.txt"
        return source.read_text(encoding="utf-8"), test.read_text(encoding="utf-8")

    def files(self, name: str, userdir: Path) -> dict[Path, str]:
        """Returns the content by path of the files to write: the class and its test."""
        source, test = (text.replace(_PLACEHOLDER, name) for text in self.templates())
        return {
            userdir / self.folder / f"{name}.py": source,
            userdir / "tests" / f"test_{name}.py": test,
        }

    def next_steps(self, name: str) -> str:
        """Explains to the user how to use what was written."""
        return _NEXT[self].format(name=name)
