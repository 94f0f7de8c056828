"""HTTP requests, except to the exchange; they are not logged, because a URL may hold a secret."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS = 10.0
_MOST_BYTES = 100_000


class Answer(NamedTuple):
    """An answer, or its absence.

    :param status: of HTTP; None if there was no answer, and `error` says why
    :param content: of the JSON, {} if there is none
    """

    status: int | None
    content: dict[str, Any]
    error: str = ""


def get(url: str, login: tuple[str, str] | None = None, seconds: float = SECONDS) -> Answer:
    """Sends a GET request.

    :param login: user and password
    """
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
        # The message about a bad URL would quote it.
        reason = error.reason if isinstance(error, URLError) else type(error).__name__
        return Answer(None, {}, str(reason))


def _json(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
