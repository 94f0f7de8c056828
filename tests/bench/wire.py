"""From ccxt to an ASGI application without sockets.

ccxt signs, sends, parses and maps errors as ever. Only what it sends through is replaced: the
`requests` adapter and the `aiohttp` session. The application runs on an event loop in a thread of
its own, as under a server, so that one request at a time touches its state, whichever thread the
bot asks from.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partialmethod
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import aiohttp
import requests
from freqtrade.exchange import Exchange
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from starlette.types import ASGIApp, Message
from yarl import URL

logger = logging.getLogger(__name__)

# Nothing answers there, should anything get past the wire. ccxt chooses the exchange's futures
# error codes by the start of it.
BASE_URL = "https://demo-fapi.invalid"


class DroppedError(Exception):
    """The application ended without an answer: to a client, a connection that was closed."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        return http.client.responses.get(self.status, "")


class Wire:
    """An application that answers in a thread of its own, until it is closed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self.requests = 0

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Future[Answer]:
        self.requests += 1
        return asyncio.run_coroutine_threadsafe(
            self._answer(method, url, headers, body or b""), self._loop
        )

    def close(self) -> None:
        async def cancel_pending() -> None:
            pending = asyncio.all_tasks() - {asyncio.current_task()}
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel_pending(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": parts.scheme,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 0),
            "server": (parts.hostname, parts.port),
        }
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[Message] = []

        async def receive() -> Message:
            for message in incoming:
                return message
            return await asyncio.Future()  # the client stays

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self._app(scope, receive, send)
        except Exception as error:
            logger.exception(f"{method} {parts.path}")
            if not sent:
                raise DroppedError from error
        if not sent:
            raise DroppedError
        return Answer(
            sent[0]["status"],
            {k.decode(): v.decode() for k, v in sent[0]["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )


class SyncAdapter(BaseAdapter):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(
        self, request: requests.PreparedRequest, timeout: Any = None, **_: Any
    ) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert request.method is not None
        assert request.url is not None
        future = self._wire.ask(request.method, request.url, request.headers, body)
        try:
            answer = future.result(timeout)
        except TimeoutError as error:
            future.cancel()
            raise requests.ReadTimeout(request=request) from error
        except DroppedError as error:
            raise requests.ConnectionError(request=request) from error
        response = requests.Response()
        response.status_code, response.reason = answer.status, answer.reason
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.body)
        response.url, response.request = request.url, request
        return response

    def close(self) -> None: ...


@dataclass(frozen=True)
class _AsyncResponse:
    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def reason(self) -> str:
        return self.answer.reason

    @property
    def headers(self) -> dict[str, str]:
        return self.answer.headers

    @property
    def content(self) -> object:
        """A stream, which ccxt returns for what is neither JSON nor said to be text."""
        return object()

    async def text(self, errors: str = "strict") -> str:
        return self.answer.body.decode(errors=errors)


class _AsyncSession:
    """What ccxt uses of an aiohttp.ClientSession."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.headers: dict[str, str] = {}

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        url: URL,
        *,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        proxy: str | None,
    ) -> AsyncIterator[_AsyncResponse]:
        asked = asyncio.wrap_future(self._wire.ask(method, str(url), headers, data))
        try:
            answer = await asyncio.wait_for(asked, timeout.total)
        except DroppedError as error:
            raise aiohttp.ServerDisconnectedError from error
        yield _AsyncResponse(answer)

    get = partialmethod(_request, "GET")
    post = partialmethod(_request, "POST")
    put = partialmethod(_request, "PUT")
    delete = partialmethod(_request, "DELETE")


@contextmanager
def wired(app: ASGIApp) -> Iterator[Wire]:
    """Every exchange that Freqtrade makes within this block talks to `app`, whatever the URL."""
    wire = Wire(app)
    make = Exchange._init_ccxt

    def make_wired(
        exchange: Exchange, settings: dict[str, Any], sync: bool, ccxt_config: dict[str, Any]
    ) -> Any:
        api = make(exchange, settings, sync, ccxt_config)
        if sync:
            for scheme in ("http://", "https://"):
                api.session.mount(scheme, SyncAdapter(wire))
        else:
            api.session, api.own_session = _AsyncSession(wire), False
            # ccxt waits this long (ms) for its sockets, of which there are none.
            api.timeout_on_exit = 0
        return api

    with mock.patch.object(Exchange, "_init_ccxt", make_wired):
        try:
            yield wire
        finally:
            wire.close()
