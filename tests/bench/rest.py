"""Freqtrade's own REST API of a bot in this process, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from fastapi.testclient import TestClient
from freqtrade.rpc.api_server.webserver import ApiServer

from tests.bench.in_process import InProcessBot
from tests.bench.planted import API_PASSWORD, JWT_SECRET

_USER = ("operator", API_PASSWORD)


@contextmanager
def rest_api(bot: InProcessBot) -> Iterator[TestClient]:
    """As its user; requests are answered in threads of their own, as by the server."""
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
        with TestClient(server.app) as client:
            client.auth = _USER
            yield client
    finally:
        server.cleanup()
        ApiServer.shutdown()
