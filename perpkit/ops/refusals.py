"""Why the exchange refused a request: its own message, without the request.

If there is no answer, ccxt's error contains the whole URL, with parameters and signature.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum

_ANSWER = re.compile(r"\{.*\}", re.DOTALL)
_LONGEST = 300


class RefusalCause(StrEnum):
    CLOCK = "clock"  # -1021
    SIGNATURE = "signature"  # -1022: the secret is not the key's
    FORMAT = "format"  # -2014
    UNKNOWN_KEY = "unknown key"  # -2008
    RIGHTS = "rights"  # -2015, -1002: key, IP address or permission; which one is not given
    TOO_MANY = "too many requests"  # 429, 418, -1003
    UNANSWERED = "unanswered"
    OTHER = "other"


_BY_CODE = {
    -1002: RefusalCause.RIGHTS,
    -1003: RefusalCause.TOO_MANY,
    -1021: RefusalCause.CLOCK,
    -1022: RefusalCause.SIGNATURE,
    -2008: RefusalCause.UNKNOWN_KEY,
    -2014: RefusalCause.FORMAT,
    -2015: RefusalCause.RIGHTS,
}


@dataclass(frozen=True)
class Refusal:
    """A request that the exchange refused or did not answer.

    :param code: the exchange's, None if it gave none
    :param words: its message, or the kind of error; safe to print
    """

    why: RefusalCause
    code: int | None
    words: str

    def __str__(self) -> str:
        return f"{self.words} ({self.code})" if self.code is not None else self.words


def refusal_of(error: Exception) -> Refusal:
    """Converts an error of ccxt into a refusal that is safe to print.

    :param error: raised by ccxt
    """
    import ccxt

    code, message = _answer(str(error))
    if code is not None:
        why = _BY_CODE.get(code, RefusalCause.OTHER)
        return Refusal(why, code, message or type(error).__name__)
    if isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
        return Refusal(RefusalCause.TOO_MANY, None, "too many requests")
    if isinstance(error, ccxt.RequestTimeout):
        return Refusal(RefusalCause.UNANSWERED, None, "no answer in time")
    if isinstance(error, ccxt.NetworkError):
        return Refusal(RefusalCause.UNANSWERED, None, f"no answer ({type(error).__name__})")
    return Refusal(RefusalCause.OTHER, None, type(error).__name__)


def _answer(text: str) -> tuple[int | None, str]:
    """Returns code and message of the exchange's JSON within ccxt's text."""
    found = _ANSWER.search(text)
    try:
        answer = json.loads(found.group() if found else "")
        return int(answer["code"]), str(answer["msg"])[:_LONGEST].rstrip(".")
    except (ValueError, KeyError, TypeError):
        return None, ""
