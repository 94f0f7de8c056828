"""Requests to what is not the exchange: no log of the request, for its URL may be a secret."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS = 10.0
_MOST_BYTES = 100_000


class Answer(NamedTuple):
    """
    :param status: of HTTP; None where there was no answer, and `content` says why
    :param content: of the JSON, {} where there is none
    """

    status: int | None
    content: dict[str, Any]
    error: str = ""


def get(url: str, login: tuple[str, str] | None = None, seconds: float = SECONDS) -> Answer:
    """:param login: user and password"""
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - of a constant, http
    if login is not None:
        basic = b64encode(":".join(login).encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    try:
        with urlopen(request, timeout=seconds) as response:  # noqa: S310
            return Answer(response.status, _json(response.read(_MOST_BYTES)))
    except HTTPError as error:
        return Answer(error.code, _json(error.read(_MOST_BYTES)))
    except (URLError, OSError, ValueError) as error:
        # The words of a bad URL would show it.
        reason = error.reason if isinstance(error, URLError) else type(error).__name__
        return Answer(None, {}, str(reason))


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
