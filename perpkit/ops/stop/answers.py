"""Classifies failed requests by the exchange's answer, or by its absence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import ccxt

from perpkit.execution.refusals import code_in


class FailureKind(Enum):
    REFUSED = "refused"  # by the exchange, with a reason; it was not carried out
    UNKNOWN = "unknown"  # it may have been carried out
    BUSY = "busy"  # it was not carried out; the next may be
    LIMITED = "limited"  # it was not carried out, nor will others be for some time
    CLOCK = "clock"  # it was not carried out, because its timestamp is wrong
    KEY = "key"  # it was not carried out, because the key lacks the right


@dataclass(frozen=True)
class RequestFailure:
    """Why a request failed.

    :param code: the exchange's, if it gave one
    :param words: for the operator, without the signed query
    :param wait: seconds until the next request, if the exchange has limited them
    """

    kind: FailureKind
    code: int | None
    words: str
    wait: float = 0.0


# The exchange documents these as "execution status unknown", or as internal errors.
_UNKNOWN = frozenset({-1000, -1001, -1006, -1007})
_LIMITED = frozenset({-1003, -1015})
_OVERLOADED, _CLOCK = -1008, -1021
BAD_KEY = frozenset({-2014, -1022})  # no such key, or the wrong secret
_KEY = BAD_KEY | {-2015, -1002}
_STATUS = re.compile(r"\w+ (418|429) ")
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
# Used if a refusal names no time. The shortest ban is two minutes.
_LIMITED_SECONDS, _BANNED_SECONDS = 5.0, 120.0


_Field = Callable[[Any], object]  # raises an error for a value that is not of the field


def _amount(value: object) -> None:
    if not Decimal(str(value)).is_finite():
        raise ValueError(value)


def _is_a(kind: type) -> _Field:
    def check(value: object) -> None:
        if not isinstance(value, kind):
            raise TypeError(value)

    return check


_TEXT, _LIST = _is_a(str), _is_a(list)
_ORDER: Mapping[str, _Field] = {"orderId": int, "status": _TEXT, "executedQty": _amount}
# The fields that are read of each answer, by ccxt's name of the endpoint. Listings of what rests
# or is held are read row by row where they are used.
_FIELDS: Mapping[str, Mapping[str, _Field]] = {
    "fapiPublicGetTime": {"serverTime": int},
    "fapiPublicGetExchangeInfo": {"symbols": _LIST},
    "fapiPublicGetDepth": {"bids": _LIST, "asks": _LIST},
    "fapiPrivatePostOrder": _ORDER,
    "fapiPrivateGetOrder": _ORDER,
    "fapiPrivateGetAlgoOrder": {"algoId": int, "algoStatus": _TEXT},
    "fapiPrivateDeleteOrder": {"orderId": int},
    "fapiPrivateDeleteAlgoOrder": {"algoId": int},
    "fapiPrivateDeleteAllOpenOrders": {"code": int},
}
# Of each row of a listing.
_FIELDS_OF_ROWS: Mapping[str, Mapping[str, _Field]] = {
    "fapiPrivateGetAllOrders": {**_ORDER, "clientOrderId": _TEXT, "side": _TEXT, "time": int},
}


def failure_of(error: ccxt.BaseError, headers: Mapping[str, str], server_ms: int) -> RequestFailure:
    """Classifies an error of a request.

    :param error: raised by ccxt
    :param headers: of the last answer
    :param server_ms: the exchange's time, ms since 1970 UTC
    """
    text = str(error)
    code, words = code_in(text), text.split("?")[0]
    status = _STATUS.match(text)
    if code in _KEY:
        return RequestFailure(FailureKind.KEY, code, words)
    if status or code in _LIMITED or (code is None and _is_a_limit(error)):
        banned = status is not None and status[1] == "418"
        return RequestFailure(
            FailureKind.LIMITED, code, words, _seconds(text, headers, server_ms, banned)
        )
    if code == _CLOCK:
        return RequestFailure(FailureKind.CLOCK, code, words)
    if code == _OVERLOADED or isinstance(error, ccxt.OnMaintenance):
        return RequestFailure(FailureKind.BUSY, code, words)
    unknown = code is None or code in _UNKNOWN
    return RequestFailure(FailureKind.UNKNOWN if unknown else FailureKind.REFUSED, code, words)


def is_the_exchanges(endpoint: str, answer: object) -> bool:
    """Whether an answer has what the exchange's own has; a proxy may answer with JSON as well.

    :param endpoint: ccxt's name of it
    """
    if endpoint in _FIELDS_OF_ROWS:
        fields = _FIELDS_OF_ROWS[endpoint]
        return isinstance(answer, list) and all(_has(row, fields) for row in answer)
    if endpoint in _FIELDS:
        return _has(answer, _FIELDS[endpoint])
    return isinstance(answer, dict | list)


def _has(answer: Any, fields: Mapping[str, _Field]) -> bool:
    try:
        for name, read in fields.items():
            read(answer[name])
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return False
    return True


def unreadable(answer: object) -> RequestFailure:
    """Returns the failure for an answer that is not the exchange's: the request may have been
    carried out.
    """
    return RequestFailure(
        FailureKind.UNKNOWN, None, f"an answer that cannot be read: {str(answer)[:60]!r}"
    )


def _is_a_limit(error: ccxt.BaseError) -> bool:
    return isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded)


def _seconds(text: str, headers: Mapping[str, str], server_ms: int, banned: bool) -> float:
    """Returns how long to wait, as the exchange states: an earlier request would extend a ban."""
    named = headers.get("Retry-After", "")
    waits = [float(named)] if named.isdigit() else []
    if until := _BANNED_UNTIL.search(text):
        waits.append((int(until[1]) - server_ms) / 1000)
    return max(waits, default=_BANNED_SECONDS if banned else _LIMITED_SECONDS)
