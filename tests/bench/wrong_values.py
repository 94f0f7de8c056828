"""Values that no sensible configuration has, and which types they could still be meant for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from math import inf, isfinite, nan
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from freqtrade.exceptions import ConfigurationError

WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    7,
    0.5,
    -0.5,
    1e300,
    10**400,
    nan,
    inf,
    -inf,
    "",
    "text",
    "5",
    "nan",
    "30d",
    b"5",
    [],
    [1, 2],
    ["text"],
    [None],
    [[[]]],
    (),
    (nan, "text"),
    {},
    {"text": None},
    {"text": [1]},
    {1: 2},
    {"text"},
    object(),
    timedelta(days=-1),
    datetime(2024, 1, 1),  # noqa: DTZ001 - naive, which is what is wrong with it
    int,
    lambda: 1,
)


def could_be(hint: Any, value: Any) -> bool:
    """Whether a value has the type at all, be it in the words of the configuration."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(could_be(one, value) for one in inner)
    if hint is NoneType:
        return value is None
    if origin is Literal:
        return value in [one for one in inner if type(one) is type(value)]
    if hint in (int, float):
        number = isinstance(value, int if hint is int else int | float)
        return number and not isinstance(value, bool) and (hint is int or fits_a_float(value))
    if origin is tuple:
        return isinstance(value, list | tuple) and (
            all(could_be(inner[0], one) for one in value)
            if inner[-1] is Ellipsis
            else len(value) == len(inner) and all(map(could_be, inner, value))
        )
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(
            isinstance(key, str) and could_be(inner[1], each) for key, each in value.items()
        )
    if issubclass(hint, Enum):
        return type(value) is not bool and value in [member.value for member in hint]
    if is_dataclass(hint):
        return isinstance(value, dict)
    if hasattr(hint, "_fields"):
        return isinstance(value, list | tuple)
    return isinstance(value, hint)


def fits_a_float(value: float) -> bool:
    try:
        return isfinite(float(value)) or isinstance(value, float)
    except OverflowError:
        return False


def said(make: Callable[[], object]) -> str | None:
    """The one error of a plugin's constructor; None where it took what it was given."""
    try:
        make()
    except ConfigurationError as error:
        return str(error)
    return None
