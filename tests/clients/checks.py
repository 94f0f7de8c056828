"""What a client is asked, and what it must have made of the answer.

A check is a name, a call and an expectation. An expectation is a value, a type, a dict of some of
the fields, a list, one of the matchers below, or `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import pytest

from tests.clients.desk import Desk


class Check(NamedTuple):
    """:param call: of the client and the desk"""

    name: str
    call: Callable[[Any, Desk], Any]
    expected: Any


@dataclass(frozen=True)
class Refused:
    """The call raises `error`, which carries the exchange's `code`."""

    code: int
    error: type[Exception] = Exception


@dataclass(frozen=True)
class Num:
    """A decimal number, written as a string, of that value; trailing zeros do not matter."""

    value: float

    def matches(self, actual: Any) -> bool:
        return isinstance(actual, str) and _decimal(actual) == Decimal(str(self.value))


@dataclass(frozen=True)
class Near:
    """A number or the text of one, within 0.3% of `value`: what a spread may do to it."""

    value: float

    def matches(self, actual: Any) -> bool:
        number = _decimal(str(actual))
        return number is not None and abs(float(number) / self.value - 1) < 0.003


@dataclass(frozen=True)
class Each:
    """A list of at least `least` rows that all look like `row`."""

    row: Any
    least: int = 1


@dataclass(frozen=True)
class Rows:
    """A list of exactly `count` rows that all look like `row`."""

    count: int
    row: Any


@dataclass(frozen=True)
class Where:
    """:param text: what the predicate asks for, in words"""

    text: str
    holds: Callable[[Any], bool]

    def matches(self, actual: Any) -> bool:
        return bool(self.holds(actual))

    def __repr__(self) -> str:
        return self.text


def one_of(*allowed: Any) -> Where:
    return Where(f"one of {allowed}", lambda actual: actual in allowed)


DECIMAL = Where("a decimal in a string", lambda a: isinstance(a, str) and _decimal(a) is not None)
POSITIVE = Where("a positive decimal in a string", lambda a: DECIMAL.matches(a) and Decimal(a) > 0)
NEGATIVE = Where("a negative decimal in a string", lambda a: DECIMAL.matches(a) and Decimal(a) < 0)
EMPTY = Where("nothing", lambda a: not a)


def after(*steps: Any) -> Any:
    """The last of some answers; the others are only needed to have happened."""
    return steps[-1]


def verify(check: Check, client: Any, desk: Desk, code_of: Callable[[Any], int]) -> None:
    """:param code_of: the exchange's code in an exception of this client"""
    try:
        answer = check.call(client, desk)
    except Exception as error:
        found = _refusal(error, check.expected, code_of)
    else:
        found = list(differences(answer, check.expected))
    if found:  # what differs says it all; a traceback through this module would not
        pytest.fail("\n".join(found), pytrace=False)


def _refusal(error: Exception, expected: Any, code_of: Callable[[Any], int]) -> list[str]:
    raised = f"{type(error).__name__}: {error}"
    if not isinstance(expected, Refused):
        return [f"expected an answer, got {raised}"]
    if isinstance(error, expected.error) and code_of(error) == expected.code:
        return []
    return [f"expected {expected.error.__name__} with code {expected.code}, got {raised}"]


def differences(actual: Any, expected: Any, path: str = "answer") -> Iterator[str]:
    """One line for each: where it is, what was expected, and what the client has parsed."""
    match expected:
        case dict():
            for name, value in expected.items():
                missing = name not in actual if isinstance(actual, dict) else False
                found = _field(actual, name)
                if missing or (found is None and value is not None):
                    yield f"{path}.{name}: expected {value!r}, got no such field in {actual!r}"
                else:
                    yield from differences(found, value, f"{path}.{name}")
        case list() | tuple():
            if not isinstance(actual, list | tuple) or len(actual) != len(expected):
                yield f"{path}: expected {len(expected)} rows, got {actual!r}"
            else:
                for i, (row, wanted) in enumerate(zip(actual, expected, strict=True)):
                    yield from differences(row, wanted, f"{path}[{i}]")
        case Each(wanted, least):
            if not isinstance(actual, list) or len(actual) < least:
                yield f"{path}: expected at least {least} rows, got {actual!r}"
            else:
                yield from _rows(actual, wanted, path)
        case Rows(count, wanted):
            if not isinstance(actual, list) or len(actual) != count:
                yield f"{path}: expected {count} rows, got {actual!r}"
            else:
                yield from _rows(actual, wanted, path)
        case Refused():
            yield f"expected {expected.error.__name__} with code {expected.code}, got {actual!r}"
        case type():
            if type(actual) is not expected:
                yield f"{path}: expected {expected.__name__}, got {actual!r}"
        case Num() | Near() | Where():
            if not expected.matches(actual):
                yield f"{path}: expected {expected!r}, got {actual!r}"
        case _:
            if type(actual) is not type(expected) or actual != expected:
                yield f"{path}: expected {expected!r}, got {actual!r}"


def _rows(actual: list[Any], wanted: Any, path: str) -> Iterator[str]:
    for i, row in enumerate(actual):
        yield from differences(row, wanted, f"{path}[{i}]")


def _field(row: Any, name: str) -> Any:
    """By the exchange's name, of a dict or of one of the SDK's models."""
    if isinstance(row, dict):
        return row.get(name)
    for attribute, field in getattr(type(row), "model_fields", {}).items():
        if name == (field.alias or attribute):
            return getattr(row, attribute)
    return None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
