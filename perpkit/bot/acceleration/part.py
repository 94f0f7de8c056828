"""A part of the acceleration: functions of Freqtrade that it replaces while it is on.

A part computes what stock Freqtrade computes, so it holds only for functions that it knows. Each of
them is a seam with the digests of the sources that were read; another source leaves the part off.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_ABSENT = object()
# Wraps methods of a backtest, and changes nothing of what they do.
_FOLLOWING = "perpkit.bot.loading.accelerating"

# The attribute that the part "funding" gives to a trade, and that no strategy's copy has.
FUNDING_SUM = "_perpkit_funding"

# What each function of a part that is on stands for: to others, which rely on it, it is the same.
_STANDS_FOR: dict[Any, Any] = {}


@dataclass(frozen=True)
class Seam:
    """A function of Freqtrade on whose source a part relies.

    :param where: module and name, such as `freqtrade.persistence.trade_model:LocalTrade.close`
    :param digests: `digest` of each source that the part knows
    :param optional: an older Freqtrade does without it
    """

    where: str
    digests: tuple[str, ...]
    optional: bool = False

    def moved(self) -> str | None:
        """Returns what is wrong with the seam, None if it is as the part knows it."""
        name = self.where.partition(":")[2]
        try:
            found = self.found()
            found = digest(_STANDS_FOR.get(found, found))
        except (ImportError, AttributeError):
            if self.optional:
                return None
            return f"there is no {name}"
        except (OSError, TypeError):
            return f"the source of {name} cannot be read"
        return None if found in self.digests else f"{name} is not what it was ({found})"

    def present(self) -> Any:
        """Returns the function, None if it is not there."""
        try:
            return self.found()
        except (ImportError, AttributeError):
            return None

    def found(self) -> Any:
        """:raises ImportError, AttributeError: if it is not there"""
        module, _, name = self.where.partition(":")
        found: Any = import_module(module)
        for each in name.split("."):
            found = getattr(found, each)
        return _function(found)


def _function(attribute: Any) -> Any:
    if isinstance(attribute, property):
        return attribute.fget
    return attribute.__func__ if isinstance(attribute, staticmethod) else attribute


def digest(function: Any) -> str:
    """Twelve digits of a hash of a function's source, without comments on lines of their own.

    A wrapper around it is another function, but for those by which runs are followed.

    :raises OSError, TypeError: if there is no source
    """
    while getattr(function, "__globals__", {}).get("__name__") == _FOLLOWING:
        function = function.__wrapped__
    # The code: of a function, `inspect` shows what is wrapped in it.
    source = inspect.getsource(getattr(function, "__code__", function))
    lines = (line.strip() for line in source.splitlines())
    code = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


class PatchedError(Exception):
    """Something else than Freqtrade's own function stands where a part replaces that."""


class Replacements:
    """Attributes that are replaced, and what they were."""

    def __init__(self) -> None:
        self._put: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, value: Any, stock: Any) -> None:
        """
        :param owner: a class or a module
        :param stock: what `value` takes the place of
        :raises PatchedError: if something else stands there, which no seam need show: a module can
            have another name for a function
        """
        if getattr(owner, name) is not stock:
            raise PatchedError(f"{owner.__name__.rpartition('.')[2]}.{name} is not what it was")
        self._put.append((owner, name, vars(owner).get(name, _ABSENT), value))
        setattr(owner, name, value)
        _STANDS_FOR[_function(value)] = _function(stock)

    def stand(self) -> bool:
        """Whether each attribute still is what it was replaced by."""
        return all(_is(owner, name, value) for owner, name, _, value in self._put)

    def undo(self) -> None:
        """Brings back what was there before, but where somebody has put something else since."""
        while self._put:
            owner, name, before, value = self._put.pop()
            _STANDS_FOR.pop(_function(value), None)
            if not _is(owner, name, value):
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def _is(owner: Any, name: str, value: Any) -> bool:
    return vars(owner).get(name, _ABSENT) is value


class Part:
    """
    :param seams: what it relies on
    :param install: puts its functions in place of Freqtrade's
    :param forget: empties what it has remembered of the last run
    """

    def __init__(
        self,
        seams: Sequence[Seam],
        install: Callable[[Replacements], None],
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self.seams = tuple(seams)
        self._install, self.forget = install, forget
        self._replacements = Replacements()
        self._known: list[Any] = []
        self.is_on = False

    def moved(self) -> str | None:
        """Returns why the part cannot be on with this Freqtrade, None if it can."""
        return next(filter(None, (seam.moved() for seam in self.seams)), None)

    def switch_on(self) -> str | None:
        """Returns why the part stays off, None if it is on."""
        if self.is_on:
            return None
        if moved := self.moved():
            return moved
        try:
            self._install(self._replacements)
        except Exception as error:  # Freqtrade runs without the part
            self._replacements.undo()
            return str(error) if isinstance(error, PatchedError) else repr(error)
        self.is_on = True
        return None

    def remember(self) -> None:
        """Remembers the functions that it relies on, for `is_patched`; to be called once all parts
        are switched on, since what one of them replaces may be a seam of another."""
        self._known = self._seen() if self.is_on else []

    def is_patched(self) -> bool:
        """Whether somebody has replaced a function that the part relies on, or has replaced, since
        it was switched on: a strategy's file can, which Freqtrade imports later."""
        return self.is_on and not (
            self._replacements.stand()
            and all(now is then for now, then in zip(self._seen(), self._known, strict=True))
        )

    def _seen(self) -> list[Any]:
        return [seam.present() for seam in self.seams]

    def switch_off(self) -> None:
        self._replacements.undo()
        self.forget()
        self.is_on = False
