"""Carries out the faults of requests, down to the TCP connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perpkit.venue.engine.refusals import message_of
from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.rate_limits import RateLimits, banned, too_many_requests

Wait = Callable[[float], Awaitable[None]]

# Key of `Line` in an ASGI scope's state.
LINE = "line"

# The text that ccxt has on record, and matches to recognise a maintenance.
_MAINTENANCE = {"code": 1, "msg": "System is under maintenance."}
UNKNOWN_ERROR = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
_SERVER_ERRORS = {
    500: UNKNOWN_ERROR,
    503: {"code": -1001, "msg": "Internal error; unable to process your request. "
          "Please try again."},
}  # fmt: skip
_GATEWAY_ERRORS = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


class Line(Protocol):
    """The connection that a request arrived on."""

    def reset(self) -> None:
        """Sends a TCP reset: data that is still queued never arrives."""
        ...

    def close(self) -> None:
        """Closes the TCP connection after the data sent so far."""
        ...


@dataclass
class _Answer:
    """Collects an application's answer in place of a client."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


async def inject(
    fault: Fault,
    exchange: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    client: str,
    now: int,
    wait: Wait,
) -> None:
    """Answers a request, or leaves it unanswered, as `fault` prescribes.

    :param fault: a fault of requests other than a latency
    :param exchange: carries out the request where the fault lets it through
    :param client: address named in refusals
    :param now: the venue's clock, ms
    :param wait: sleeps for a number of seconds, in real time on a real server
    """
    kind = fault.kind
    if kind in (FaultKind.TRUNCATED, FaultKind.MALFORMED):
        answer = await _execute(exchange, scope, receive)
        await _send_half(answer, scope, receive, send, whole=kind is FaultKind.MALFORMED)
    elif kind is FaultKind.RESPONSE_LOST:
        await _execute(exchange, scope, receive)
        await _silence(receive, wait, fault.number("after_ms") / 1000)
        await _reset(scope, receive)
    elif kind is FaultKind.TIMEOUT:
        await _silence(receive, wait, fault.number("at_most_ms") / 1000)
        await _reset(scope, receive)
    elif kind is FaultKind.RESET:
        await _reset(scope, receive)
    else:
        if kind is FaultKind.SERVER_ERROR and fault.text("executed") == "yes":
            await _execute(exchange, scope, receive)
        await _refusal(fault, client, now)(scope, receive, send)


def refused_by(fault: Fault) -> VenueError:
    """The error that the exchange answers under a fault of kind `REFUSED`."""
    code = int(fault.number("code"))
    msg = fault.text("msg") or message_of(code)
    return VenueError(code, msg, int(fault.number("status")))


def _refusal(fault: Fault, client: str, now: int) -> Response:
    if fault.kind is FaultKind.MAINTENANCE:
        return JSONResponse(_MAINTENANCE, 503)
    if fault.kind is FaultKind.SERVER_ERROR:
        status = int(fault.number("status"))
        if status in _SERVER_ERRORS:
            return JSONResponse(_SERVER_ERRORS[status], status)
        title = _GATEWAY_ERRORS[status]
        return HTMLResponse(f"<html><body><h1>{title}</h1></body></html>", status)
    seconds = int(fault.number("retry_after_s"))
    if fault.kind is FaultKind.BANNED:
        status, msg = 418, banned(client, now + seconds * 1000)
    else:
        status, msg = 429, too_many_requests(client, RateLimits().weight_1m)
    headers = {"Retry-After": str(seconds)}
    return JSONResponse({"code": -1003, "msg": msg}, status, headers)


async def _execute(exchange: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    answer = _Answer()
    await exchange(scope, receive, answer.send)
    return answer


async def _send_half(
    answer: _Answer, scope: Scope, receive: Receive, send: Send, *, whole: bool
) -> None:
    """Sends half of the body.

    :param whole: announce the length of the half; else that of the whole, then close early
    """
    half = answer.body[: len(answer.body) // 2]
    if whole:
        headers = [(k, v) for k, v in answer.start["headers"] if k != b"content-length"]
        headers.append((b"content-length", str(len(half)).encode()))
        await send({**answer.start, "headers": headers})
        await send({"type": "http.response.body", "body": half})
        return
    await send(answer.start)
    await send({"type": "http.response.body", "body": half, "more_body": True})
    line: Line | None = scope.get("state", {}).get(LINE)
    if line is not None:
        line.close()
        await _gone(receive)


async def _reset(scope: Scope, receive: Receive) -> None:
    line: Line | None = scope.get("state", {}).get(LINE)
    # Without a connection there is nothing to cut: the request just ends without an answer.
    if line is not None:
        line.reset()
        await _gone(receive)


async def _silence(receive: Receive, wait: Wait, seconds: float) -> None:
    """Waits until the client hangs up, for at most `seconds`."""
    ends = [asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(wait(seconds))]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
