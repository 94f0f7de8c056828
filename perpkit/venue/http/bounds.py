"""Limits on the size of a request and on the time its body may take to arrive."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL = "/control"

MAX_BODY = 65_536  # bytes; the largest legitimate body, five orders at once, has some 2,000
MAX_URL = 8_192  # bytes of path and query
BODY_SECONDS = 10.0  # of real time, for the whole body


def is_control(path: str) -> bool:
    return path == CONTROL or path.startswith(f"{CONTROL}/")


def refused(path: str, status: int, code: int, text: str) -> JSONResponse:
    """A refusal in the shape of the API called; it closes the connection and drops unread data."""
    body = {"error": text} if is_control(path) else {"code": code, "msg": text}
    return JSONResponse(body, status, {"Connection": "close"})


class Bounds:
    """ASGI middleware that refuses oversized requests and passes on others with the whole body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if len(path) + len(scope["query_string"]) > MAX_URL:
            text = f"Path and query must be at most {MAX_URL} bytes."
            await refused(path, 414, -1013, text)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(scope, receive)
        except TimeoutError:
            text = f"The body must arrive within {BODY_SECONDS:g} s."
            await refused(path, 408, -1007, text)(scope, receive, send)
        except _TooLargeError:
            text = f"The body must be at most {MAX_BODY} bytes."
            await refused(path, 413, -1013, text)(scope, receive, send)
        except _GoneError:
            return
        else:
            whole: Message = {"type": "http.request", "body": body, "more_body": False}
            await self._app(scope, again(whole, receive), send)


class _TooLargeError(Exception):
    pass


class _GoneError(Exception):
    pass


async def _read(scope: Scope, receive: Receive) -> bytes:
    headers = Headers(scope=scope)
    declared = headers.get("content-length", "")
    if scope["method"] in ("GET", "HEAD") and not declared and "transfer-encoding" not in headers:
        return b""
    if declared.isdigit() and (len(declared) > 20 or int(declared) > MAX_BODY):
        raise _TooLargeError
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise _TooLargeError
    return body


def again(message: Message, receive: Receive) -> Receive:
    """A `receive` that returns `message` first, then the messages of `receive` itself."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return message

    return replay
