"""The middleware between clients and the exchange's routes: request log, faults, rate limits."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import FaultKind
from perpkit.venue.http.bounds import again, is_control
from perpkit.venue.http.form import read_parameters
from perpkit.venue.http.injection import UNKNOWN_ERROR, Wait, inject, refused_by
from perpkit.venue.http.rate_limits import Limiter, Verdict
from perpkit.venue.http.request_log import LoggedRequest, RequestLog, shown
from perpkit.venue.http.weights import Cost, cost_of
from perpkit.venue.market.market import Market

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """The parts of a request that the middleware reads.

    :param parameters: from the query and a form body; the query takes precedence over the body
    :param client: address of the client, "" where unknown
    :param api_key: API key, "" where none is sent
    :param refusal: why the parameters could not be read, in which case there are none
    """

    method: str
    path: str
    parameters: dict[str, str]
    client: str
    api_key: str
    refusal: VenueError | None = None

    @property
    def folded(self) -> dict[str, str]:
        """The parameters by their names in lower case, as signed requests are read."""
        return {name.lower(): value for name, value in self.parameters.items()}

    @property
    def symbol(self) -> str | None:
        return self.folded.get("symbol") or self.folded.get("pair") or None


async def read_call(scope: Scope, receive: Receive) -> tuple[Call, Receive]:
    """The call, and a `receive` that repeats the request for the application that answers it."""
    # `Bounds` has collected the body, so that one message holds all of it.
    message = await receive()
    headers = Headers(scope=scope)
    parameters: dict[str, str] = {}
    refusal = None
    try:
        parameters = read_parameters(
            scope["query_string"], message.get("body", b""), headers.get("content-type", "")
        )
    except VenueError as error:
        refusal = error
    call = Call(
        scope["method"],
        scope["path"],
        parameters,
        (scope.get("client") or ("",))[0],
        headers.get("x-mbx-apikey", ""),
        refusal,
    )
    return call, again(message, receive)


class Traffic:
    """ASGI middleware that logs, disturbs and limits requests, except those to the control API.

    Faults come before limits, as the network does: a request that never arrives costs no weight.
    """

    def __init__(
        self,
        app: ASGIApp,
        market: Market,
        limiter: Limiter,
        log: RequestLog,
        wait: Wait = asyncio.sleep,
    ) -> None:
        self._app = app
        self._market = market
        self._limiter = limiter
        self._log = log
        self._wait = wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_control(scope["path"]):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        call, receive = await read_call(scope, receive)
        entry = LoggedRequest(self._market.now(), call.method, call.path, shown(call.parameters))

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        try:
            await self._admit(call, entry, scope, receive, watched)
        finally:
            entry.ms = round((perf_counter() - began) * 1000, 3)
            self._log.add(entry)

    async def _admit(
        self, call: Call, entry: LoggedRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(call, entry, scope, receive, send)

        now = self._market.now()
        delays, fault = self._market.faults.striking(call.method, call.path, call.symbol, now)
        entry.faults = [each.kind for each in (*delays, *([fault] if fault else []))]
        for delay in delays:
            await self._wait(delay.number("ms") / 1000)
        if fault is None:
            await exchange(scope, receive, send)
            return
        if fault.kind is FaultKind.REFUSED:
            # The exchange itself refuses, so that the request has been counted.
            await self._serve(call, entry, scope, receive, send, refused_by(fault))
            return
        await inject(
            fault,
            exchange,
            scope,
            receive,
            send,
            client=call.client,
            now=now,
            wait=self._wait,
        )

    async def _serve(
        self,
        call: Call,
        entry: LoggedRequest,
        scope: Scope,
        receive: Receive,
        send: Send,
        refusal: VenueError | None = None,
    ) -> None:
        """:param refusal: error to answer with in place of the routes"""
        cost = cost_of(call.method, call.path, call.folded)
        refusal = refusal or call.refusal
        app = self._app if refusal is None else answer(refusal)
        headers: dict[str, str] = {}
        if cost is not None:
            entry.weight = cost.weight
            now = self._market.now()
            verdict = self._limiter.admit(call.client, call.api_key, cost, now)
            headers = _counted(cost, verdict)
            if verdict.status != 200:
                app = _refused(verdict)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.executed = message["status"]
                MutableHeaders(scope=message).update(headers)
            await send(message)

        try:
            await app(scope, receive, told)
        except Exception:
            _logger.exception(f"{call.method} {call.path!r} failed")
            if entry.executed is None:
                await JSONResponse(UNKNOWN_ERROR, 500)(scope, receive, told)


def answer(refusal: VenueError) -> JSONResponse:
    return JSONResponse({"code": refusal.code, "msg": refusal.msg}, refusal.status)


def _counted(cost: Cost, verdict: Verdict) -> dict[str, str]:
    headers = {"X-MBX-USED-WEIGHT-1M": str(verdict.used_weight)}
    if cost.orders_1m:
        headers["X-MBX-ORDER-COUNT-10S"] = str(verdict.orders_10s)
        headers["X-MBX-ORDER-COUNT-1M"] = str(verdict.orders_1m)
    return headers


def _refused(verdict: Verdict) -> ASGIApp:
    body = {"code": verdict.code, "msg": verdict.msg}
    return JSONResponse(body, verdict.status, {"Retry-After": str(verdict.retry_after)})
