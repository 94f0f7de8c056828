"""Checks of external input. Each raises one error: the name, what is allowed, and the value."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import inf
from typing import Any, NoReturn, TypeVar, overload

E = TypeVar("E", bound=Enum)
V = TypeVar("V", str, int)

# An error is one line: a value that is longer than this is cut.
_SHOWN = 200


def refuse(name: str, allowed: str, value: object) -> NoReturn:
    """Raises the error of a refused value.

    :raises ValueError: always, such as `share must be a number from 0 to 1, got 2`
    """
    raise ValueError(f"{name} must be {allowed}, got {shown(value)}")


def shown(value: object) -> str:
    """Returns the value as errors show it, cut to a readable length."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return f"a very large {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def is_number(value: object, *, whole: bool = False) -> bool:
    """Returns whether a value is a number; true and false are not, although Python adds them up.

    >>> is_number(1.5), is_number(1.5, whole=True), is_number(True)
    (True, False, False)
    """
    kinds = int if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool)


def check_range(name: str, value: object, low: float, high: float, *, whole: bool = False) -> None:
    """Checks that a value is a number within a range.

    :param whole: whether it must be a whole number
    :raises ValueError: unless `value` is a number from `low` to `high`, both included

    >>> check_range("share", 2, 0, 1)
    Traceback (most recent call last):
    ValueError: share must be a number from 0 to 1, got 2
    """
    if not (is_number(value, whole=whole) and low <= value <= high):  # type: ignore[operator]
        refuse(name, number_words(low, high, whole=whole), value)


def number_words(low: object, high: object, *, whole: bool = False) -> str:
    """Describes a range; a bound may be the name of another parameter.

    >>> number_words(1, 5, whole=True)
    'a whole number from 1 to 5'
    """
    kind = "a whole number" if whole else "a number"
    if low == -inf and high == inf:
        return kind
    end = "" if high == inf else f" to {_bound(high)}"
    return f"{kind} from {_bound(low)}{end or ' upwards'}"


def _bound(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


@overload
def one_of(name: str, value: object, allowed: type[E]) -> E: ...  # type: ignore[overload-overlap]
@overload
def one_of(name: str, value: object, allowed: Iterable[V]) -> V: ...


def one_of(name: str, value: object, allowed: Any) -> Any:
    """Returns the member of an enumeration that `value` is or names; or checks that it is one of
    several strings or numbers.

    Whatever is compared with `is` must have passed this check: a string can equal a `StrEnum`
    member, but it is not that member.

    >>> from enum import StrEnum
    >>> class Colour(StrEnum):
    ...     RED = "red"
    >>> one_of("colour", "red", Colour) is Colour.RED
    True
    >>> one_of("levels", 7, (5, 10))
    Traceback (most recent call last):
    ValueError: levels must be one of 5, 10, got 7

    :raises ValueError: for anything else, members of other enumerations included
    """
    if isinstance(allowed, type) and isinstance(value, allowed):
        return value
    members = list(allowed)
    if not isinstance(value, bool | Enum):
        for member in members:
            plain = member.value if isinstance(member, Enum) else member
            if isinstance(value, type(plain)) and value == plain:
                return member
    words = ", ".join(str(m) if not isinstance(m, Enum) else str(m.value) for m in members)
    refuse(name, f"one of {words}", value)
