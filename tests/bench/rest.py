"""Freqtrade's own REST API of a bot in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from fastapi.testclient import TestClient
from freqtrade.rpc.api_server.webserver import ApiServer

from perpkit.ops.stop.rest import BotRest
from tests.bench.in_process import InProcessBot
from tests.bench.planted import API_PASSWORD, JWT_SECRET
from tests.bench.web import served

_USER = ("operator", API_PASSWORD)


@contextmanager
def rest_api(bot: InProcessBot) -> Iterator[TestClient]:
    """As its user; requests are answered in threads of their own, as by the server."""
    with _server(bot) as server, TestClient(server.app) as client:
        client.auth = _USER
        yield client


@contextmanager
def served_rest(bot: InProcessBot) -> Iterator[BotRest]:
    """On a socket of the loopback, for clients of other libraries."""
    with _server(bot) as server, served(server.app) as url:
        yield BotRest(url, *_USER)


@contextmanager
def _server(bot: InProcessBot) -> Iterator[ApiServer]:
    username, password = _USER
    config = {
        "enabled": True,
        "listen_ip_address": "127.0.0.1",
        "listen_port": 8080,
        "username": username,
        "password": password,
        "jwt_secret_key": JWT_SECRET,
        "CORS_origins": [],
    }
    with mock.patch.object(ApiServer, "start_api"):
        server = ApiServer({**bot.bot.config, "api_server": config})
    server.add_rpc_handler(bot.bot.rpc._rpc)
    try:
        yield server
    finally:
        server.cleanup()
        ApiServer.shutdown()
