"""Callbacks that handle their own errors.

Freqtrade swallows an exception in a callback and continues with its own default: the full stake,
the entry confirmed, the stop unchanged. A safety check inside a callback would therefore vanish
with the first error in it. Here every callback that a strategy or a user's subclass overrides
returns a safe value on an error: the same in backtest, hyperopt, dry-run and live.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import wraps
from types import CoroutineType, FunctionType
from typing import Any, ClassVar

import pandas as pd
from freqtrade.strategy import IStrategy

from perpkit.bot.refusals import RunRefusedError
from perpkit.bot.running_bot import NO_MARKDOWN, message_of

logger = logging.getLogger(__name__)

Given = Mapping[str, Any]


@dataclass(frozen=True)
class SafeAnswer:
    """What a callback returns when it fails.

    :param message: the consequence, for the operator
    :param last: the value returned if `find` fails or is None
    :param find: computes the value from the strategy and the arguments of the callback; raises
        `RunRefusedError` if Freqtrade must receive the error
    :param valid: whether a returned value is usable; NaN, for example, must not reach an order
    :param doubt: entries, of the pair concerned or of all, are refused until the callback succeeds
    :param despite_doubt: restricts a returned value while any callback is in doubt
    :param instead: computes the value without calling the callback, or None to call it
    :param finish: computes the final value from the strategy, the arguments and any value, safe
        ones included; if it fails, the value is returned unchanged
    """

    message: str
    last: Any = None
    find: Callable[[Any, Given], Any] | None = None
    valid: Callable[[Any], bool] | None = None
    doubt: bool = False
    despite_doubt: Callable[[Any, Given, Any], Any] | None = None
    instead: Callable[[Any, Given], Any] | None = None
    finish: Callable[[Any, tuple[Any, ...], dict[str, Any], Any], Any] | None = None


@dataclass
class CallbackFailure:
    """How often a callback has failed, and its last error.

    :param at: UTC
    """

    count: int = 0
    error: str = ""
    at: datetime | None = None


@dataclass
class Failures:
    """The failures of the callbacks of one process, by callback name."""

    by_callback: dict[str, CallbackFailure] = field(default_factory=dict)
    _known: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, name: str, error: Exception, at: datetime) -> bool:
        """Counts a failure; returns whether its callback, error type or code location is new."""
        failure = self.by_callback.setdefault(name, CallbackFailure())
        failure.count += 1
        failure.error, failure.at = f"{type(error).__name__}: {message_of(error)}", at
        kind = name, type(error).__name__, _place(error)
        new = kind not in self._known
        self._known.add(kind)
        return new

    def as_dict(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(failure) for name, failure in self.by_callback.items()}


class FailsClosed(IStrategy):
    """A strategy whose callbacks fail closed, including those that subclasses override."""

    answers: ClassVar[Mapping[str, SafeAnswer]] = {}

    def __init__(self, config: dict[str, Any]) -> None:
        _close(type(self))  # again, as a class decorator comes after `__init_subclass__`
        self.failures = Failures()
        # Why entries are blocked, by the failed callback and the pair it was called for.
        self._doubts: dict[tuple[str, str], str] = {}
        super().__init__(config)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _close(cls)

    def analyze_ticker(self, dataframe: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        # Overridden only so that an error in a signal is handled: candles analysed earlier, and
        # their signals, stay available.
        return super().analyze_ticker(dataframe, metadata)

    @property
    def doubts(self) -> dict[tuple[str, str], str]:
        """Why entries are blocked, by the failed callback and the pair; `*` stands for all."""
        return dict(self._doubts)

    def doubt(self, pair: str, *, but: str = "") -> str | None:
        """Returns why entries into this pair are blocked, or None if nothing has failed.

        :param but: name of a callback whose failure is ignored
        """
        for (name, where), reason in list(self._doubts.items()):  # a copy: other threads write
            if where in (pair, "*") and name != but:
                return reason
        return None

    def _answer(self, name: str, error: Exception, safe: SafeAnswer, given: Given) -> Any:
        """Reports an error and returns the safe value instead."""
        self._report(name, error, safe, given)
        if safe.find is None:
            return safe.last
        try:
            return safe.find(self, {**given, "error": error})
        except RunRefusedError:
            raise
        except Exception:
            logger.exception(f"The safe value of {name} is not available, using {safe.last!r}.")
            return safe.last

    def _report(self, name: str, error: Exception, safe: SafeAnswer, given: Given) -> None:
        try:
            new = self.failures.add(name, error, datetime.now(UTC))
            message = f"{name} failed: {type(error).__name__}: {message_of(error)}. {safe.message}"
            if safe.doubt:
                self._doubts[name, _pair(given)] = f"{name} has failed, see the log"
            if new:
                logger.error(message, exc_info=error)
                self._notify(message)
        except Exception:  # reporting must not prevent the answer
            logger.exception(f"The failure of {name} could not be reported.")

    def _notify(self, message: str) -> None:
        dp = getattr(self, "dp", None)
        if dp is not None:
            dp.send_msg(message.translate(NO_MARKDOWN), always_send=True)


def failing_closed(name: str, function: Callable[..., Any], safe: SafeAnswer) -> Any:
    """Wraps `function` so that the safe value is returned if it fails or its value is invalid."""

    @wraps(function)
    def callback(self: Any, *args: Any, **kwargs: Any) -> Any:
        # An override called this through super(), and the wrapper of the override handles errors.
        outermost = getattr(type(self), name)
        if outermost is not callback and getattr(outermost, "fget", None) is not callback:
            return function(self, *args, **kwargs)
        answer = asked(self, *args, **kwargs)
        if safe.finish is None:
            return answer
        try:
            return safe.finish(self, args, kwargs, answer)
        except Exception as error:
            self._report(name, error, safe, _given(name, self, args, kwargs))
            return answer

    def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if safe.instead is not None:
                answer = safe.instead(self, _given(name, self, args, kwargs))
                if answer is not None:
                    return answer
            answer = function(self, *args, **kwargs)
            if type(answer) is CoroutineType:  # Freqtrade would take it for a yes
                answer.close()
                raise TypeError("it is async, and Freqtrade does not await it")
            if safe.valid is not None and not safe.valid(answer):
                raise ValueError(f"{answer!r} is not a valid answer")
        except RunRefusedError:
            raise
        except Exception as error:
            return self._answer(name, error, safe, _given(name, self, args, kwargs))
        if not self._doubts or not (safe.doubt or safe.despite_doubt):
            return answer
        given = _given(name, self, args, kwargs)
        if safe.doubt:
            self._doubts.pop((name, _pair(given)), None)
        return safe.despite_doubt(self, given, answer) if safe.despite_doubt else answer

    callback.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    callback.fails_closed = callback  # type: ignore[attr-defined]
    return callback


def _close(strategy: type[FailsClosed]) -> None:
    """Wraps each callback that is overridden, unless it is wrapped already."""
    for name, safe in strategy.answers.items():
        own = inspect.getattr_static(strategy, name, None)
        if own is None or own is inspect.getattr_static(IStrategy, name, None):
            continue  # Freqtrade's own default, which does not fail
        if isinstance(own, property):
            if own.fget is not None and not _is_closed(own.fget):
                getter = failing_closed(name, own.fget, safe)
                setattr(strategy, name, property(getter, own.fset, own.fdel))
        elif not _is_closed(own):
            function = own if isinstance(own, FunctionType) else _as_function(own)
            setattr(strategy, name, failing_closed(name, function, safe))


def _is_closed(own: Any) -> bool:
    # A decorator of a user's copies the attributes of what it decorates, this one included.
    return getattr(own, "fails_closed", None) is own


def _as_function(own: Any) -> Callable[..., Any]:
    """Returns anything else that a class can have as its method as a function: a static method, a
    partial one, an object that is called."""

    def function(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = own.__get__(self, type(self)) if hasattr(own, "__get__") else own
        return bound(*args, **kwargs)

    # Freqtrade reads in the signature of a stop whether it wants to be asked after a fill.
    return wraps(own.__func__)(function) if hasattr(own, "__func__") else function


def _given(name: str, strategy: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
    """Returns the arguments of a callback, by the parameter names of Freqtrade's signature."""
    try:
        signature = inspect.signature(inspect.getattr_static(IStrategy, name))
        given = dict(signature.bind_partial(strategy, *args, **kwargs).arguments)
    except TypeError:  # not a function, or called with other arguments
        return kwargs
    return {**given, **given.pop("kwargs", {})}


def _pair(given: Given) -> str:
    for holder in (given, given.get("metadata") or {}):
        if "pair" in holder:
            return str(holder["pair"])
    return str(getattr(given.get("trade"), "pair", "*"))


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
