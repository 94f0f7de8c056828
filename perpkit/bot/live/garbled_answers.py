"""Answers that are no JSON, as of a server in between: an error of the exchange, for each request.

ccxt returns such an answer as text, which fails wherever it is read first, with a `TypeError` or an
`AttributeError`. Freqtrade takes neither for an error of the exchange: it tries no second time.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import ccxt

from perpkit.bot.live.replaced import replace

_SHOWN = 80  # characters of what was answered


def refuse_garbled(bot: Any) -> None:
    """Makes them `ccxt.BadResponse`, which Freqtrade raises as a `TemporaryError`. Called once."""

    def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = send(url, method, headers, body)
        if isinstance(answer, dict | list):
            return answer
        path = urlsplit(url).path  # the query is signed
        said = str(answer)[:_SHOWN]
        raise ccxt.BadResponse(f"{api.id} {method} {path}: the answer is no JSON: {said!r}")

    api = bot.exchange._api
    send = replace(bot, "api.fetch", fetch)
