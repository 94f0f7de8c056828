"""A bot as an emergency stop finds it: its configuration, its database, its API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from freqtrade.persistence import Trade, init_db
from freqtrade.persistence.key_value_store import KeyValueStore

from perpkit.ops.bot_config import BotConfig, read_config
from tests import factories
from tests.bench.planted import API_PASSWORD, KEY, SECRET
from tests.conftest import REPOSITORY

STARTED = datetime(2026, 3, 2, 10, 0, 0, 250_000, tzinfo=UTC)
USER, PASSWORD = "operator", API_PASSWORD


class Api:
    """A bot's REST API, which answers what the test says.

    :param answers: by path; one that can be called is asked each time
    :param asked: method, path and content, oldest first
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "health": {"bot_startup_ts": int(STARTED.timestamp())},
            "stopbuy": {"status": "paused"},
            "forceexit": {"result": "Created exit orders for all open trades."},
        }
        self.asked: list[tuple[str, Any]] = []
        self.url = ""

    @property
    def exits(self) -> list[Any]:
        return [content["tradeid"] for what, content in self.asked if what == "forceexit"]


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            what = self.path.removeprefix("/api/v1/")
            length = int(self.headers.get("Content-Length", 0))
            content = json.loads(self.rfile.read(length) or "null")
            made.asked.append((what, content))
            answer = made.answers.get(what, {"detail": "Not Found"})
            answer = answer(content) if callable(answer) else answer
            if answer is None:
                return  # closed without an answer
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bot(tmp_path) -> Callable[..., BotConfig]:
    """The configuration of a live bot, whose files are in the test's folder."""

    def make(**settings: Any) -> BotConfig:
        (tmp_path / "user_data").mkdir(exist_ok=True)
        own = tmp_path / "own.json"
        live = {"dry_run": False, "exchange": {"key": KEY, "secret": SECRET}}
        database = {"db_url": f"sqlite:///{tmp_path}/trades.sqlite"}
        own.write_text(json.dumps({**live, **database, **settings}))
        files = [REPOSITORY / "config.json.example", own]
        return read_config(files, tmp_path / "user_data")

    return make


@pytest.fixture
def database(bot) -> Iterator[str]:
    """With a long and a short trade, of a bot that was started at `STARTED`."""
    db_url = bot().db_url
    init_db(db_url)
    KeyValueStore.store_value("startup_time", STARTED)
    for trade in (
        factories.trade("BTC/USDT:USDT"),
        factories.trade("ETH/USDT:USDT", is_short=True, open_rate=2000.0, amount=0.1),
    ):
        Trade.session.add(trade)
    Trade.commit()
    yield db_url
    Trade.session.remove()


def close_trade(number: int) -> None:
    """As the bot does, in its database."""
    trade = Trade.get_trades([Trade.id == number]).first()
    trade.is_open = False
    Trade.commit()
    Trade.session.remove()
