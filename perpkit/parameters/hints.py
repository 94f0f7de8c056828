"""Derives the kind of a parameter from its type hint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from perpkit.parameters.kinds import (
    EVERY_NUMBER,
    Choice,
    Duration,
    Flag,
    Instance,
    Kind,
    ListOf,
    NotEmpty,
    Number,
    ObjectOf,
    OneOf,
    OrNull,
    Range,
    Row,
    Section,
    Text,
    bounded_by_others,
)


def kind_of(hint: Any) -> Kind:
    """Returns the kind of parameter that a type hint declares.

    :raises TypeError: for a type that cannot be a parameter

    >>> kind_of(Annotated[float, Range(0, 1)]).words
    'a number from 0 to 1'
    """
    extra: tuple[Any, ...] = ()
    while get_origin(hint) is Annotated:
        hint, *more = get_args(hint)
        extra = (*extra, *more)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (given,) = [one for one in inner if one is not NoneType]
        return OrNull(kind_of(Annotated[given, *extra] if extra else given))
    for marker in extra:
        if isinstance(marker, OneOf):
            return Choice(marker.allowed)
    span = next((marker for marker in extra if isinstance(marker, Range)), EVERY_NUMBER)
    if origin is Literal:
        return Choice(inner)
    if origin is tuple:
        any_length = inner[-1] is Ellipsis
        empty = not any(isinstance(marker, NotEmpty) for marker in extra)
        return ListOf(tuple(_inner(one) for one in inner if one is not Ellipsis), any_length, empty)
    if origin is not None and issubclass(origin, Mapping):
        return ObjectOf(_inner(inner[1]))
    return _plain_kind(hint, span)


def _inner(hint: Any) -> Kind:
    kind = kind_of(hint)
    if bounded_by_others(kind):
        raise TypeError(f"a value within a list cannot be bounded by another parameter: {hint!r}")
    return kind


def _plain_kind(hint: Any, span: Range) -> Kind:
    if hint is bool:
        return Flag()
    if hint in (int, float):
        return Number(span, whole=hint is int)
    if hint is timedelta:
        return Duration(span)
    if hint is str:
        return Text()
    if not isinstance(hint, type):
        raise TypeError(f"a parameter cannot be {hint!r}")
    if issubclass(hint, tuple) and hasattr(hint, "_fields"):
        hints = get_type_hints(hint, include_extras=True)
        return Row(hint, tuple(_inner(each) for each in hints.values()))
    if issubclass(hint, Enum):
        return Choice(hint)
    return Section(hint) if hasattr(hint, "__dataclass_fields__") else Instance(hint)
