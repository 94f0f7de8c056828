"""Callbacks of a running strategy: recorded, and one of them made to fail."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from freqtrade.strategy import IStrategy

from perpkit.bot.callbacks.fail_closed import FailsClosed, failing_closed
from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS
from perpkit.bot.strategy import PerpStrategy
from tests.bench.faulty_client import MARK

# The analysis, of which `analyze_ticker` answers the errors.
ANALYSIS = ("populate_indicators", "populate_entry_trend", "populate_exit_trend")


def callbacks() -> set[str]:
    """Of IStrategy, by their signatures: what its author may write, and Freqtrade may call.

    Those of Freqtrade's newer than the first few take further arguments.
    """

    def takes_further(function: Any) -> bool:
        parameters = inspect.signature(function).parameters.values()
        return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)

    return {*ANALYSIS, "informative_pairs", "version"} | {
        name
        for name, member in vars(IStrategy).items()
        if inspect.isfunction(member)
        and not name.startswith(("_", "ft_"))
        and takes_further(member)
    }


def ours() -> list[str]:
    """Callbacks in which the base strategy does something of its own."""
    return [
        name
        for name in SAFE_ANSWERS
        if any(name in vars(cls) for cls in (PerpStrategy, FailsClosed))
    ]


class FaultyCallback:
    """:param always: as long as it is due, every call fails, and not only the next one
    :param due: whether the next call fails
    """

    def __init__(self, name: str, *, always: bool = False) -> None:
        self.name = name
        self.due = False
        self.calls = 0
        self.failures = 0
        self._always = always

    def __call__(self) -> None:
        self.calls += 1
        if self.due:
            self.due = self._always
            self.failures += 1
            raise RuntimeError(f"{MARK} {self.name}")

    @contextmanager
    def of_ours(self) -> Iterator[None]:
        """What the base strategy does in this callback fails."""
        own = inspect.getattr_static(PerpStrategy, self.name)
        is_property = isinstance(own, property)
        function = inspect.unwrap(own.fget if isinstance(own, property) else own)
        closed = failing_closed(self.name, self._before(function), SAFE_ANSWERS[self.name])
        with mock.patch.object(
            PerpStrategy, self.name, property(closed) if is_property else closed
        ):
            yield

    @contextmanager
    def of_a_subclass(self, strategy: Any) -> Iterator[None]:
        """A user's override of it fails, which else asks what it overrides."""
        before, name = self, self.name

        def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            before()
            return getattr(super(subclass, self), name)(*args, **kwargs)

        def read(self: Any) -> Any:
            before()
            return getattr(super(subclass, self), name)

        is_property = isinstance(inspect.getattr_static(type(strategy), name, None), property)
        override = property(read) if is_property else asked
        subclass = type("Users", (type(strategy),), {name: override})
        was = type(strategy)
        strategy.__class__ = subclass
        try:
            yield
        finally:
            strategy.__class__ = was

    def _before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self()
            return function(*args, **kwargs)

        called.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return called
