"""Classifies failed requests by the exchange's answer, or by its absence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

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


def unreadable(answer: object) -> RequestFailure:
    """Returns the failure for an answer that is not JSON: the request may have been carried out."""
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
