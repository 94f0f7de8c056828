"""Answers that are no JSON, as of a server in between: an error of the exchange, for each request.

ccxt returns such an answer as text or as a stream. That fails wherever it is read first, with a
`TypeError` or an `AttributeError`, which Freqtrade takes for no error of the exchange: it tries no
second time. Or nothing is found in it: in the place of markets it would leave a bot without any.
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
        return _checked(send(url, method, headers, body), method, url)

    async def fetch_async(
        url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        return _checked(await send_async(url, method, headers, body), method, url)

    send = replace(bot, "api.fetch", fetch)
    send_async = replace(bot, "api_async.fetch", fetch_async)


def _checked(answer: Any, method: str, url: str) -> Any:
    if isinstance(answer, dict | list):
        return answer
    path = urlsplit(url).path  # the query is signed
    said = str(answer)[:_SHOWN]
    raise ccxt.BadResponse(f"{method} {path}: the answer is no JSON: {said!r}")
