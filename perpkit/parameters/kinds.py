"""The kinds of parameters: the types that declarations use, each with its check.

A kind reads a value: it checks it, and converts what JSON represents in another way (a string for
an enumeration, a list for a tuple, an object for a dataclass). It also describes what it allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import timedelta
from enum import Enum
from math import inf
from operator import is_
from typing import Any, Protocol

from perpkit.checks import is_number, number_words, one_of, refuse


@dataclass(frozen=True)
class Range:
    """A range from `low` to `high`, both included.

    :param low, high: numbers or durations, or the name of an attribute of the same object whose
        value is the bound
    :param unit: unit of the number, as the page shows it; empty for a mere count
    :param or_zero: 0 is allowed too, and usually means "off"
    :param infinite: infinity is allowed; otherwise a number must be finite even without a bound
    """

    low: Any
    high: Any = inf
    unit: str = ""
    or_zero: bool = False
    infinite: bool = False


@dataclass(frozen=True)
class OneOf:
    """Marks a parameter that must be one of these values."""

    allowed: tuple[Any, ...]


@dataclass(frozen=True)
class Search:
    """Marks a parameter of a signal that hyperopt knows, and may search.

    :param space: of hyperopt, such as `buy`
    :param low, high: the range that is searched, within what is allowed; a flag or a choice has
        none
    :param decimals: of a number that is not whole
    :param optimize: whether hyperopt searches it by itself
    """

    space: str
    low: float = 0.0
    high: float = 0.0
    decimals: int = 2
    optimize: bool = True


EVERY_NUMBER = Range(-inf)


@dataclass(frozen=True)
class NotEmpty:
    """Marks a list that must have at least one element."""


class Kind(Protocol):
    @property
    def words(self) -> str:
        """The allowed values, as an error continues after "must be"."""

    @property
    def short(self) -> str:
        """The allowed values, as a table shows them."""

    def read(self, name: str, value: object) -> Any:
        """Returns the checked and converted value, or raises a `ValueError` that names it."""


@dataclass(frozen=True)
class Number:
    """A number. A bound that is a name is checked only after `resolved` has replaced it."""

    span: Range = EVERY_NUMBER
    whole: bool = False

    @property
    def words(self) -> str:
        zero = "0 or " if self.span.or_zero else ""
        return zero + number_words(self.span.low, self.span.high, whole=self.whole)

    @property
    def short(self) -> str:
        low, high = self.span.low, self.span.high
        zero, whole = "0 or " if self.span.or_zero else "", "whole, " if self.whole else ""
        if low == -inf:
            return f"{whole}number"
        return f"{zero}{whole}{_plain(low)} to {_plain(high)}" if high < inf else f"{low:g} or more"

    def read(self, name: str, value: object) -> Any:
        span = self.span
        if not is_number(value, whole=self.whole):
            refuse(name, self.words, value)
        number: float = value  # type: ignore[assignment]
        allowed = (
            (isinstance(span.low, str) or span.low <= number)
            and (isinstance(span.high, str) or number <= span.high)
            and (span.infinite or abs(number) < inf)
        )
        if not (allowed or (span.or_zero and number == 0)):
            refuse(name, self.words, value)
        return number if self.whole or isinstance(number, float) else _as_float(name, number)


@dataclass(frozen=True)
class Duration:
    span: Range

    @property
    def words(self) -> str:
        low, high = self.span.low, self.span.high
        end = "" if high == inf else f" and at most {high}"
        return f"a timedelta of at least {low}{end}"

    @property
    def short(self) -> str:
        return self.words

    def read(self, name: str, value: object) -> Any:
        high = self.span.high if isinstance(self.span.high, timedelta) else timedelta.max
        if not isinstance(value, timedelta) or not self.span.low <= value <= high:
            refuse(name, self.words, value)
        return value


@dataclass(frozen=True)
class Flag:
    words = "true or false"

    @property
    def short(self) -> str:
        return "true, false"

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, bool):
            refuse(name, self.words, value)
        return value


@dataclass(frozen=True)
class Text:
    words = "a text"

    @property
    def short(self) -> str:
        return "text"

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, str) or isinstance(value, Enum):
            refuse(name, self.words, value)
        return value


@dataclass(frozen=True)
class Choice:
    """:param allowed: an enumeration, or the values of which it must be one"""

    allowed: Any

    @property
    def options(self) -> list[Any]:
        return [m.value if isinstance(m, Enum) else m for m in self.allowed]

    @property
    def words(self) -> str:
        return f"one of {', '.join(map(str, self.options))}"

    @property
    def short(self) -> str:
        return ", ".join(map(str, self.options))

    def read(self, name: str, value: object) -> Any:
        return one_of(name, value, self.allowed)


@dataclass(frozen=True)
class OrNull:
    kind: Kind

    @property
    def words(self) -> str:
        return f"{self.kind.words}, or null"

    @property
    def short(self) -> str:
        return f"{self.kind.short} or null"

    def read(self, name: str, value: object) -> Any:
        return None if value is None else self.kind.read(name, value)


@dataclass(frozen=True)
class ListOf:
    """A list.

    :param kinds: kinds of the elements; with `any_length`, the one kind of all elements
    :param any_length: whether the list may have any number of elements
    :param empty: whether it may be empty
    """

    kinds: tuple[Kind, ...]
    any_length: bool
    empty: bool = True

    @property
    def words(self) -> str:
        if self.any_length:
            least = "" if self.empty else " with at least one element"
            return f"a list{least}, each of its elements {self.kinds[0].words}"
        return f"a list of {len(self.kinds)}: {', '.join(kind.words for kind in self.kinds)}"

    @property
    def short(self) -> str:
        return "list"

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, list | tuple):
            refuse(name, self.words, value)
        fits = (value or self.empty) if self.any_length else len(value) == len(self.kinds)
        if not fits:
            refuse(name, self.words, value)
        kinds = self.kinds * len(value) if self.any_length else self.kinds
        read = tuple(
            kind.read(f"{name}[{number}]", element)
            for number, (kind, element) in enumerate(zip(kinds, value, strict=True))
        )
        same = isinstance(value, tuple) and all(map(is_, value, read))
        return value if same else read


@dataclass(frozen=True)
class Row:
    """A list of values that each have a name.

    :param of: a `NamedTuple` whose annotations declare the values
    """

    of: Any
    kinds: tuple[Kind, ...]

    @property
    def words(self) -> str:
        return f"a list of {' and '.join(self.of._fields)}"

    @property
    def short(self) -> str:
        return "list"

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(self.kinds):
            refuse(name, self.words, value)
        read = [
            kind.read(f"{name}.{field}", each)
            for field, kind, each in zip(self.of._fields, self.kinds, value, strict=True)
        ]
        same = isinstance(value, self.of) and all(map(is_, value, read))
        return value if same else self.of(*read)


@dataclass(frozen=True)
class ObjectOf:
    """A JSON object with any keys and values of one kind, such as weights by pair."""

    kind: Kind

    @property
    def words(self) -> str:
        return f"an object, each of its values {self.kind.words}"

    @property
    def short(self) -> str:
        return "object"

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            refuse(name, self.words, value)
        return {key: self.kind.read(f"{name} of {key}", each) for key, each in value.items()}


@dataclass(frozen=True)
class Section:
    """A dataclass of parameters, or a JSON object with its fields."""

    of: type

    @property
    def words(self) -> str:
        return f"an object of {', '.join(field.name for field in fields(self.of))}"

    @property
    def short(self) -> str:
        return "object"

    def read(self, name: str, value: object) -> Any:
        if isinstance(value, self.of):
            return value
        if not isinstance(value, Mapping):
            refuse(name, self.words, value)
        known = {field.name: field for field in fields(self.of)}
        for key in value:
            if key not in known:
                allowed = ", ".join(sorted(known))
                raise ValueError(f"{name} has no parameter {key!r}. Allowed: {allowed}")
        for key, field in known.items():
            if key not in value and field.default is field.default_factory is MISSING:
                raise ValueError(f"{name}.{key} is missing")
        try:
            return self.of(**value)
        except ValueError as error:
            raise ValueError(f"{name}.{error}") from error


@dataclass(frozen=True)
class Instance:
    """An instance of any other class, such as a date; it is not converted."""

    of: type

    @property
    def words(self) -> str:
        return f"a {self.of.__name__}"

    @property
    def short(self) -> str:
        return self.words

    def read(self, name: str, value: object) -> Any:
        if not isinstance(value, self.of):
            refuse(name, self.words, value)
        return value


def bounded_by_others(kind: Kind) -> Number | Duration | None:
    """Returns the kind, without null, if one of its bounds is the name of another parameter."""
    inner = kind.kind if isinstance(kind, OrNull) else kind
    if isinstance(inner, Number | Duration):
        return inner if any(isinstance(e, str) for e in (inner.span.low, inner.span.high)) else None
    return None


def resolved(kind: Kind, of: object) -> Kind:
    """Returns the kind with every bound that is a name replaced by that attribute of `of`."""
    ranged = bounded_by_others(kind)
    if ranged is None:
        return kind
    ends = {name: getattr(ranged.span, name) for name in ("low", "high")}
    known = {name: getattr(of, end) for name, end in ends.items() if isinstance(end, str)}
    bound = replace(ranged, span=replace(ranged.span, **known))
    return OrNull(bound) if isinstance(kind, OrNull) else bound


def _as_float(name: str, number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        refuse(name, "a number that is not as large", number)


def _plain(number: float) -> str:
    text = f"{number:g}"
    return f"{number:,.0f}".replace(",", " ") if "e" in text and abs(number) >= 1 else text
