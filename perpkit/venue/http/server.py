"""Runs the venue: in the foreground until a signal, or in a thread for the length of a block."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from perpkit.venue.http.app import create_app
from perpkit.venue.http.bounds import MAX_BODY
from perpkit.venue.http.guard import Guard
from perpkit.venue.http.injection import LINE
from perpkit.venue.http.tls import certificate_file
from perpkit.venue.market.market import Market

_STARTUP_SECONDS = 30.0


# ccxt tells futures from spot, and with it the meaning of error codes, by the start of the URL.
_FUTURES_USER = "demo-fapi"


class _Line:
    """An `injection.Line` over a transport of asyncio."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def reset(self) -> None:
        # One that closes may have no socket any more, or wait for a client that reads nothing.
        if not self._transport.is_closing():
            # With a linger time of 0 the socket sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()


class _Connection(H11Protocol):
    """Lets the application cut the connection that a request arrived on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, LINE: _Line(transport)}

    def shutdown(self) -> None:
        super().shutdown()
        # Closing an idle TLS connection would wait for the client's close_notify, which may never
        # come.
        if self.transport.is_closing():
            self.transport.abort()


class _WebSocket(WebSocketsSansIOProtocol):
    """Takes a refusal in HTTP for a complete handshake, where uvicorn would log an error."""

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True


class _Server(uvicorn.Server):
    """A uvicorn server that calls `ready` once it answers requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, opened first so that a port in use is reported before the market is made.

    :param port: 0 for any free port
    :raises OSError: with one plain sentence
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def base_url(listener: socket.socket, *, tls: bool = False) -> str:
    """The venue's URL; over TLS it is one that makes ccxt take the venue for the futures API."""
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"https://{_FUTURES_USER}@{address}" if tls else f"http://{address}"


def serve(
    app: ASGIApp, listener: socket.socket, ready: Callable[[], None], *, tls: bool = False
) -> None:
    """Answers requests until SIGINT or SIGTERM, then returns."""
    # uvicorn raises the signal that stopped it again; that must not end the process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _server(app, ready, tls).run(sockets=[listener])


@contextmanager
def running_venue(
    market: Market,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: bool = False,
    app: ASGIApp | None = None,
) -> Iterator[str]:
    """Runs a venue in a thread until the block ends, and yields its base URL.

    :param app: the application to serve, `create_app(market)` by default
    :raises RuntimeError: when it does not start
    """
    listener = bind(host, port)
    up = threading.Event()
    server = _server(app or create_app(market), up.set, tls)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        if not up.wait(_STARTUP_SECONDS):
            raise RuntimeError(f"the venue did not start within {_STARTUP_SECONDS:g} s")
        yield base_url(listener, tls=tls)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _server(app: ASGIApp, ready: Callable[[], None], tls: bool) -> _Server:
    with certificate_file() if tls else nullcontext() as certificate:
        config = uvicorn.Config(
            Guard(app),
            http=_Connection,
            ws=_WebSocket,
            ws_max_size=MAX_BODY,
            # As the exchange does: a ping every 3 minutes, and 10 for the answer.
            ws_ping_interval=180,
            ws_ping_timeout=600,
            ws_per_message_deflate=False,
            ssl_certfile=certificate,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        # Before the block ends and deletes the file with the certificate.
        config.load()
    return _Server(config, ready)
