"""Running the venue: in the foreground until a signal, or in a thread for the length of a test."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from perpkit.venue.app import create_app
from perpkit.venue.market import Market

_STARTUP_SECONDS = 30.0


class _Server(uvicorn.Server):
    """Calls `ready` once requests are answered."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is known before anything is generated.

    :param port: 0 takes a free one
    :raises OSError: in one plain sentence
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


def base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(market: Market, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until SIGINT or SIGTERM, then return."""
    # uvicorn raises the signal it was stopped by once more; that must not end the process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _server(market, ready).run(sockets=[listener])


@contextmanager
def running_venue(market: Market, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The base URL of a venue that answers, served by a thread that ends with the block.

    :raises RuntimeError: when it does not start
    """
    listener = bind(host, port)
    up = threading.Event()
    server = _server(market, up.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        if not up.wait(_STARTUP_SECONDS):
            raise RuntimeError(f"the venue did not start within {_STARTUP_SECONDS:g} s")
        yield base_url(listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _server(market: Market, ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        create_app(market),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    return _Server(config, ready)
