"""The parameters of a request, read from its query and form, with their characters checked.

Binance USD-M, "General API information": parameters come in the query or in a body of type
application/x-www-form-urlencoded; the query takes precedence where both have one.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from perpkit.venue.errors import VenueError

MAX_PARAMETERS = 100
# The largest integer of the exchange; longer strings of digits are legal characters, yet invalid.
LONGEST = 2**63 - 1

_FORM = "application/x-www-form-urlencoded"
_INTEGER = re.compile(r"[0-9]{1,20}")
_DECIMAL = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
# Control characters, and the character that replaces bytes that are not UTF-8.
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


def read_parameters(query: bytes, body: bytes, content_type: str) -> dict[str, str]:
    """Returns the parameters by name.

    A body of another type has none, as on the exchange; a body without a type counts as a form.

    :raises VenueError: -1100 illegal characters, -1101 too many, or one of them twice
    """
    kind = content_type.partition(";")[0].strip().lower()
    return (_read(body) if kind in ("", _FORM) else {}) | _read(query)


def _read(encoded: bytes) -> dict[str, str]:
    if not encoded:
        return {}
    try:
        pairs = parse_qsl(
            encoded.decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise VenueError(-1101, "Too many parameters sent for this endpoint.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if _ILLEGAL.search(name) or _ILLEGAL.search(value):
            raise VenueError(-1100, "Illegal characters found in a parameter.")
        if name in values:
            raise duplicate(name)
        values[name] = value
    return values


def read_objects(name: str, text: str) -> list[dict[str, str]]:
    """The objects of a JSON list, such as the orders of a batch; values as if sent by themselves.

    :raises VenueError: -1102 where it is no such list, -1100 for illegal characters in it
    """
    found = _read_list(name, text)
    if not all(isinstance(each, dict) for each in found):
        raise _malformed(name)
    return [
        {key: _as_sent(name, value) for key, value in each.items() if value is not None}
        for each in found
    ]


def read_values(name: str, text: str) -> list[str]:
    """The values of a JSON list, such as order ids; errors are those of `read_objects`."""
    return [_as_sent(name, value) for value in _read_list(name, text)]


def _read_list(name: str, text: str) -> list[Any]:
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _malformed(name) from None
    if not isinstance(found, list):
        raise _malformed(name)
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"not JSON: {word}")


def _as_sent(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise _malformed(name)
    if _ILLEGAL.search(value):
        raise VenueError(-1100, "Illegal characters found in a parameter.")
    return value


def _malformed(name: str) -> VenueError:
    return VenueError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def duplicate(name: str) -> VenueError:
    return VenueError(-1101, f"Duplicate values for parameter '{name}'.")


def illegal(name: str, legal: re.Pattern[str]) -> VenueError:
    return VenueError(
        -1100,
        f"Illegal characters found in parameter '{name}'; legal range is '^{legal.pattern}$'.",
    )


def integer(name: str, text: str) -> int:
    """The value of an integer parameter.

    :raises VenueError: -1100 unless it is digits, -1130 beyond 64 bits
    """
    if not _INTEGER.fullmatch(text):
        raise illegal(name, _INTEGER)
    value = int(text)
    if value > LONGEST:
        raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value


def decimal(name: str, text: str) -> Decimal:
    """The value of a decimal parameter.

    :raises VenueError: -1100 unless it is digits with at most one point among them
    """
    if not _DECIMAL.fullmatch(text):
        raise illegal(name, _DECIMAL)
    return Decimal(text)


def _digits(text: Any) -> Any:
    """Checks an integer before FastAPI does, which accepts " 5 ", "1_000" and "+5"."""
    if not isinstance(text, str) or not text:
        return text
    try:
        return integer("", text)
    except VenueError as refusal:
        kind = "int_parsing" if refusal.code == -1100 else "too_large"
        raise PydanticCustomError(kind, "not a number of the exchange") from None


# Annotates an integer parameter of a route.
DIGITS = BeforeValidator(_digits)
