"""Requests that a client sends on its connection: subscribe, unsubscribe, list, properties.

Binance USD-M, "Live Subscribing/Unsubscribing to streams", with the exchange's codes and messages.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

from perpkit.venue.http.injection import UNKNOWN_ERROR
from perpkit.venue.http.streams.connection import Connection

_logger = logging.getLogger(__name__)

MAX_STREAMS = 1024

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TEXT_ID = re.compile(r"[0-9A-Za-z_-]{1,36}")


class RequestError(Exception):
    """:param code: 0 unknown property, 1 bad value, 2 bad request, 3 not JSON"""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code, self.msg = code, msg


def answer(
    text: str,
    connection: Connection,
    subscribe: Callable[[Connection, list[str]], None],
    unsubscribe: Callable[[Connection, list[str]], None],
) -> dict[str, Any]:
    """Carries out a request and returns the answer to it.

    A failure of the venue itself is answered, too, and logged with its traceback.

    :param subscribe: raises ValueError, and does nothing, if one of the names is not a stream
    """
    number: Any = None
    try:
        request = _request(text)
        number = _identity(request)
        result = _carry_out(request, connection, subscribe, unsubscribe)
    except RequestError as error:
        return {"error": {"code": error.code, "msg": error.msg}, "id": number}
    except Exception:
        _logger.exception("a request on a connection of streams failed")
        return {"error": UNKNOWN_ERROR, "id": number}
    return {"result": result, "id": number}


def _carry_out(
    request: dict[str, Any],
    connection: Connection,
    subscribe: Callable[[Connection, list[str]], None],
    unsubscribe: Callable[[Connection, list[str]], None],
) -> Any:
    method = request.get("method")
    if method is None:
        raise _invalid("missing field `method`")
    if method not in _METHODS:
        expected = ", ".join(f"`{each}`" for each in _METHODS)
        raise _invalid(f"unknown variant `{str(method)[:100]}`, expected one of {expected}")
    if method == "LIST_SUBSCRIPTIONS":
        return list(connection.streams)
    params = request.get("params")
    if not isinstance(params, list):
        raise _invalid("`params` must be a list")
    if method.endswith("SUBSCRIBE"):
        if not params or not all(isinstance(name, str) for name in params):
            raise _invalid("`params` must be names of streams")
        try:
            (subscribe if method == "SUBSCRIBE" else unsubscribe)(connection, params)
        except ValueError as error:
            raise _invalid(str(error)) from None
        return None
    return _property(method, params, connection)


def _property(method: str, params: list[Any], connection: Connection) -> bool | None:
    expected = 2 if method == "SET_PROPERTY" else 1
    if len(params) > expected:
        raise _invalid("too many parameters")
    if not params or not isinstance(params[0], str):
        raise _invalid("property name must be a string")
    if params[0] != "combined":
        raise RequestError(0, "Unknown property")
    if method == "GET_PROPERTY":
        return connection.combined
    if len(params) < expected or not isinstance(params[1], bool):
        raise RequestError(1, "Invalid value type: expected Boolean")
    connection.combined = params[1]
    return None


def _request(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:  # or nested too deeply
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        msg = f"Invalid JSON: expected value at line {line} column {column}"
        raise RequestError(3, msg) from None
    if not isinstance(request, dict):
        raise _invalid("a request is an object")
    return request


def _identity(request: dict[str, Any]) -> int | str | None:
    """Returns the id: the documentation has unsigned integers, the exchange takes texts, too."""
    given = request.get("id")
    if given is None and "id" in request:
        return None
    whole = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**64
    if whole or (isinstance(given, str) and _TEXT_ID.fullmatch(given)):
        return given
    raise _invalid("request ID must be an unsigned integer")


def _invalid(what: str) -> RequestError:
    return RequestError(2, f"Invalid request: {what}")
