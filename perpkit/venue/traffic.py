"""What stands between clients and the exchange's routes: the log, faults, rate limits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perpkit.venue.injection import Wait, inject
from perpkit.venue.market import Market
from perpkit.venue.rate_limits import Limiter, Verdict
from perpkit.venue.request_log import SECRETS, Entry, RequestLog
from perpkit.venue.weights import Cost, cost_of

CONTROL = "/control"


@dataclass(frozen=True)
class Call:
    """A request as far as the edge of the exchange reads it.

    :param parameters: of the query and of a form body; the query's count where both have one
    :param client: address, "" where unknown
    :param api_key: "" where none is sent
    """

    method: str
    path: str
    parameters: dict[str, str]
    client: str
    api_key: str

    @property
    def symbol(self) -> str | None:
        return self.parameters.get("symbol") or self.parameters.get("pair") or None


async def read_call(scope: Scope, receive: Receive) -> tuple[Call, Receive]:
    """The call, and a `receive` that gives the request once more to whoever answers it."""
    body = b""
    # Bodies are small: orders and settings. What reads them must not wait for more than there is.
    if scope["method"] not in ("GET", "HEAD"):
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        receive = _again(body, receive)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    form = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    call = Call(
        scope["method"],
        scope["path"],
        dict(form) | dict(query),
        (scope.get("client") or ("",))[0],
        Headers(scope=scope).get("x-mbx-apikey", ""),
    )
    return call, receive


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class Traffic:
    """ASGI middleware; the control API passes untouched.

    A fault comes before the limits, as the network does: what never arrives costs no weight.
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
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        call, receive = await read_call(scope, receive)
        shown = {name: value for name, value in call.parameters.items() if name not in SECRETS}
        entry = Entry(self._market.now(), call.method, call.path, shown)

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
        self, call: Call, entry: Entry, scope: Scope, receive: Receive, send: Send
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
        self, call: Call, entry: Entry, scope: Scope, receive: Receive, send: Send
    ) -> None:
        cost = cost_of(call.method, call.path, call.parameters)
        if cost is None:
            headers, app = {}, self._app
        else:
            entry.weight = cost.weight
            now = self._market.now()
            verdict = self._limiter.admit(call.client, call.api_key, cost, now)
            headers = _counted(cost, verdict)
            app = self._app if verdict.status == 200 else _refused(verdict)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.executed = message["status"]
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await app(scope, receive, told)


def _counted(cost: Cost, verdict: Verdict) -> dict[str, str]:
    headers = {"X-MBX-USED-WEIGHT-1M": str(verdict.used_weight)}
    if cost.orders_1m:
        headers["X-MBX-ORDER-COUNT-10S"] = str(verdict.orders_10s)
        headers["X-MBX-ORDER-COUNT-1M"] = str(verdict.orders_1m)
    return headers


def _refused(verdict: Verdict) -> ASGIApp:
    body = {"code": verdict.code, "msg": verdict.msg}
    return JSONResponse(body, verdict.status, {"Retry-After": str(verdict.retry_after)})
