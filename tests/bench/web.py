"""Servers on the loopback that a doctor asks: Telegram's API for two methods, and a bot's own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from freqtrade.rpc.api_server import ApiServer

TOKEN, CHAT = "123456:a-token-of-telegram", "7654321"


def _telegram_answer(path: str) -> tuple[int, dict[str, Any]]:
    """As Telegram words it."""
    url = urlsplit(path)
    bot, _, method = url.path.removeprefix("/bot").partition("/")
    if bot != TOKEN:
        return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
    if method == "getMe":
        return 200, {"ok": True, "result": {"id": 1, "is_bot": True, "username": "perp_bot"}}
    if dict(parse_qsl(url.query)).get("chat_id") == CHAT:
        return 200, {"ok": True, "result": {"id": int(CHAT), "type": "private"}}
    return 400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}


class _Telegram(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, answer = _telegram_answer(self.path)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None: ...


@contextmanager
def telegram_api() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Telegram)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of an ASGI application on the loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # a client that is faster than the server waits for it
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def unused_port() -> int:
    """Where nobody answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def bots_api(own: Mapping[str, Any]) -> Iterator[None]:
    """Freqtrade's REST API, without a bot behind it.

    :param own: `api_server` of the configuration
    """
    server = ApiServer({"api_server": dict(own), "dry_run": False})
    server.add_rpc_handler(SimpleNamespace())  # type: ignore[arg-type]
    try:
        yield
    finally:
        server.cleanup()
        ApiServer.shutdown()
