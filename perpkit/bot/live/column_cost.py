"""What each statement of a strategy takes in one analysis, and the columns that it adds.

Python reports every line of the strategy's own files to a trace function, which costs far more than
two looks at a clock: so this is for one pair in one candle, after a cycle was slow.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from time import perf_counter
from types import CodeType, FrameType
from typing import Any

import pandas as pd

# Of the candles, and those that Freqtrade adds.
KNOWN = {"date", "open", "high", "low", "close", "volume", "enter_tag", "exit_tag"}
# How functions begin that are asked for columns.
POPULATES = "populate_"
_LIBRARIES = ("freqtrade", "pandas", "abc", "builtins")


# A file and a line.
Place = tuple[str, int]


@dataclass
class Statement:
    """
    :param file: name of the file
    :param line: of its beginning
    :param columns: that were added to a frame of candles
    """

    file: str
    line: int
    seconds: float = 0.0
    columns: list[str] = field(default_factory=list)


@dataclass
class _Level:
    """A function at work, with its statements so far and the one that is at work."""

    frame: FrameType
    at: Statement
    statements: dict[Place, Statement]

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.statements.values())

    @property
    def adds_columns(self) -> bool:
        return any(each.columns for each in self.statements.values())


def files_of(kind: type) -> frozenset[str]:
    """The files of a class and its bases, without Freqtrade's."""
    found = set()
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        if base.__module__.partition(".")[0] not in _LIBRARIES:
            # A strategy of the user is loaded by its path, and is no module that can be looked up.
            found |= {_code_file(value) for value in vars(base).values()}
            found.add(getattr(module, "__file__", None) or "")
    return frozenset(found - {""})


def _code_file(value: Any) -> str:
    code = getattr(_innermost(value), "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else ""


def _innermost(value: Any) -> Any:
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    return value


class ColumnCost:
    """
    :param files: whose statements are measured
    :param clock: in seconds
    """

    def __init__(self, files: frozenset[str], clock: Callable[[], float] = perf_counter) -> None:
        self._files = files
        self._clock = clock
        self._known = set(KNOWN)
        self._found: dict[Place, Statement] = {}
        self._levels: list[_Level] = []  # outermost first
        self._since = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measures what this thread does meanwhile, unless a debugger traces it."""
        if sys.gettrace() is not None:
            yield
            return
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)

    def slowest(self) -> list[Statement]:
        return sorted(self._found.values(), key=lambda each: -each.seconds)

    def _call(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        code = frame.f_code
        if code.co_filename not in self._files or code.co_name.startswith("<"):
            return None
        if not self._levels and not code.co_name.startswith(POPULATES):
            return None  # around what the strategy does
        return self._look if self._safely(self._enter, frame) else None

    def _look(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            return self._look if self._safely(self._next, frame) else None
        if event == "return":
            self._safely(self._leave, frame)
        return self._look

    def _safely(self, step: Callable[[FrameType], None], frame: FrameType) -> bool:
        """An error would reach the strategy's code: measuring ends instead."""
        try:
            step(frame)
        except Exception:
            sys.settrace(None)
            return False
        return True

    def _enter(self, frame: FrameType) -> None:
        self._count()
        self._levels.append(_Level(frame, Statement("", 0), {}))
        self._begin(frame)

    def _next(self, frame: FrameType) -> None:
        self._count()
        self._begin(frame)

    def _leave(self, _frame: FrameType) -> None:
        self._count()
        level = self._levels.pop()
        if level.adds_columns or not self._levels:
            self._keep(level)
        else:  # it has helped to make a column of its caller
            self._levels[-1].at.seconds += level.seconds

    def _count(self) -> None:
        """Counts the time up to now, and new columns, for the statement that was at work."""
        if self._levels:
            level = self._levels[-1]
            level.at.seconds += self._clock() - self._since
            for value in level.frame.f_locals.values():
                if isinstance(value, pd.DataFrame):
                    new = [str(name) for name in value.columns if name not in self._known]
                    self._known.update(new)
                    level.at.columns += new
        self._since = self._clock()  # without what counting takes

    def _begin(self, frame: FrameType) -> None:
        """Begins a statement of the innermost function."""
        path, level = frame.f_code.co_filename, self._levels[-1]
        line = _first_lines(path).get(frame.f_lineno, frame.f_lineno)
        statement = Statement(PurePath(path).name, line)
        level.at = level.statements.setdefault((path, line), statement)

    def _keep(self, level: _Level) -> None:
        for place, each in level.statements.items():
            known = self._found.setdefault(place, Statement(each.file, each.line))
            known.seconds += each.seconds
            known.columns += each.columns


@lru_cache(maxsize=32)
def _first_lines(path: str) -> dict[int, int]:
    """The first line of the simple statement that each line of a file belongs to."""
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError):
        return {}
    simple = (n for n in ast.walk(tree) if isinstance(n, ast.stmt) and not hasattr(n, "body"))
    return {
        line: each.lineno
        for each in simple
        for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
    }
