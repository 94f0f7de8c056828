"""Calls of the bot to ccxt: recorded, and one of them made to fail.

A call is what the bot asks of ccxt, not what ccxt asks of itself; only calls that lead to a request
count. So the list of what can fail is found by running, not written down.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any
from unittest import mock

import ccxt
from ccxt.base import errors
from freqtrade.exchange import Exchange

# What an error of ours says, so that the log and the messages can be searched for it.
MARK = "injected"
# Requests that change something: there an error may come after the request was carried out.
_CHANGES = ("create", "cancel", "edit", "set")


def error_classes() -> list[type[ccxt.BaseError]]:
    """All of ccxt's, parents before their children."""

    def walk(names: dict[str, Any]) -> Iterator[type[ccxt.BaseError]]:
        for name, below in names.items():
            yield getattr(errors, name)
            yield from walk(below)

    return list(walk(errors.error_hierarchy))


@dataclass(frozen=True)
class Call:
    """:param client: sync or async
    :param what: entry, exit or stop, of orders
    """

    client: str
    method: str
    what: str = ""

    @property
    def changes(self) -> bool:
        return self.method.startswith(_CHANGES)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.client, self.method, self.what)))


@dataclass
class Failing:
    """What is to happen to the next call of a kind, once.

    :param error: raised, unless the answer is changed
    :param after: the request is carried out first
    :param answer: makes another answer of the one that came
    :param where: said in the error, to tell it from others of its class
    """

    call: Call
    error: type[ccxt.BaseError] | None = None
    after: bool = False
    answer: Callable[[Any], Any] | None = None
    where: str = ""
    met: bool = False

    def __str__(self) -> str:
        if self.error is None:
            return str(getattr(self.answer, "__name__", self.answer))
        return f"{self.error.__name__}{' after it was carried out' if self.after else ''}"

    def __enter__(self) -> None:
        self.met = True
        if self.error is not None and not self.after:
            raise self._made(self.error)

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, _: Any
    ) -> None:
        if raised is not None and self.error is not None:  # ccxt's own: it says so in this way
            raise self._made(self.error) from raised

    def end(self, answer: Any) -> Any:
        if self.error is not None:
            raise self._made(self.error)
        return answer if self.answer is None else self.answer(answer)

    def _made(self, error: type[ccxt.BaseError]) -> ccxt.BaseError:
        return error(" ".join(filter(None, (MARK, error.__name__, self.where))))


@dataclass
class _Asked:
    call: Call
    requested: bool = False


class FaultyClients:
    """Of one bot. Nothing fails until it is told to.

    :param seen: calls that led to a request, in the order of the first of each kind since it was
        emptied
    """

    def __init__(self) -> None:
        self.seen: dict[Call, int] = {}
        self.failing: list[Failing] = []
        self._asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)

    @contextmanager
    def installed(self) -> Iterator[FaultyClients]:
        """In every ccxt client that Freqtrade makes within this block."""
        make = Exchange._init_ccxt

        def make_faulty(exchange: Exchange, settings: Any, sync: bool, ccxt_config: Any) -> Any:
            api = make(exchange, settings, sync, ccxt_config)
            self._install(api, "sync" if sync else "async")
            return api

        with mock.patch.object(Exchange, "_init_ccxt", make_faulty):
            yield self

    def _install(self, api: Any, client: str) -> None:
        for name in dir(type(api)):
            method = None if name.startswith("_") else getattr(api, name, None)
            if not callable(method) or inspect.isclass(method):
                continue
            if name == "fetch":
                setattr(api, name, self._noting(method))
            elif inspect.iscoroutinefunction(method):
                setattr(api, name, self._async(method, client, name))
            elif client == "sync":
                setattr(api, name, self._sync(method, client, name))

    def _noting(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(fetch)
        def noted(*args: Any, **kwargs: Any) -> Any:
            if (asked := self._asked.get()) is not None and not asked.requested:
                asked.requested = True
                self.seen[asked.call] = self.seen.get(asked.call, 0) + 1
            return fetch(*args, **kwargs)

        return noted

    def _sync(self, method: Callable[..., Any], client: str, name: str) -> Callable[..., Any]:
        @wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            if self._asked.get() is not None:
                return method(*args, **kwargs)
            call = Call(client, name, _what(name, args, kwargs))
            token = self._asked.set(_Asked(call))
            try:
                failing = self._due(call)
                if failing is None:
                    return method(*args, **kwargs)
                with failing:
                    answer = method(*args, **kwargs)
                return failing.end(answer)
            finally:
                self._asked.reset(token)

        return called

    def _async(self, method: Callable[..., Any], client: str, name: str) -> Callable[..., Any]:
        @wraps(method)
        async def called(*args: Any, **kwargs: Any) -> Any:
            if self._asked.get() is not None:
                return await method(*args, **kwargs)
            call = Call(client, name, _what(name, args, kwargs))
            token = self._asked.set(_Asked(call))
            try:
                failing = self._due(call)
                if failing is None:
                    return await method(*args, **kwargs)
                with failing:
                    answer = await method(*args, **kwargs)
                return failing.end(answer)
            finally:
                self._asked.reset(token)

        return called

    def _due(self, call: Call) -> Failing | None:
        return next((f for f in self.failing if f.call == call and not f.met), None)


def _what(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    if not name.endswith("_order"):
        return ""
    params = kwargs.get("params") or next((a for a in reversed(args) if isinstance(a, dict)), {})
    if "stopPrice" in params or params.get("stop"):
        return "stop"
    if name != "create_order":
        return "order"
    return "exit" if params.get("reduceOnly") else "entry"
