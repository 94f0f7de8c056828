"""A venue that refuses requests about some symbols."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse


class Refusals:
    """A layer in front of an application: answers requests about some symbols, and records all."""

    def __init__(self, app) -> None:
        self._app = app
        self.by_symbol: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        symbol = parse_qs(scope.get("query_string", b"").decode()).get("symbol", [""])[0]
        self.asked.append(symbol)
        answer = self._app
        if symbol in self.by_symbol:
            status, body = self.by_symbol[symbol]
            answer = JSONResponse(body, status)
        await answer(scope, receive, send)
