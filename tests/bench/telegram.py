"""A Telegram Bot API on the loopback: one chat, whose user is the test.

python-telegram-bot talks to it over HTTP as to the real one. It answers what Freqtrade asks, keeps
what the bot says, and refuses text whose Markdown does not add up, as Telegram does (Freqtrade then
drops the message).
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, time
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

from freqtrade.rpc.telegram import Telegram
from telegram.ext import Application

from tests.bench.leak_scan import look_at
from tests.bench.planted import TELEGRAM_TOKEN

CHAT = 7
USER = {"id": CHAT, "is_bot": False, "first_name": "Operator"}
CONFIG = {"enabled": True, "token": TELEGRAM_TOKEN, "chat_id": str(CHAT)}

_SECONDS = 60.0
_CODE = re.compile(r"\\.|```.*?```|`[^`]*`", re.DOTALL)


class RefusedError(Exception):
    """HTTP 400, with Telegram's description."""


class Chat:
    """The chat as its user sees it.

    :param said: texts of the bot, oldest first, an edited one at its end
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self._changed = threading.Condition()
        self._updates: list[dict[str, Any]] = []
        self._last_id = 0
        self._polled = False
        self._closed = False

    def expect_bot(self) -> None:
        """A bot has been made: from now on it is its polling that is waited for."""
        self._polled = False

    def wait_until_heard(self) -> None:
        """Until the bot listens: as it starts, it drops commands and loses messages."""
        self._wait(lambda: self._polled, "the bot does not poll")

    def wait_for(self, what: str, after: int = 0) -> str:
        """The first text from number `after` on that contains `what`."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [text for text in self.said[after:] if what in text]
            return bool(found)

        self._wait(is_there, f"no text with {what!r}")
        return found[0]

    def send(self, command: str) -> None:
        self.wait_until_heard()
        entity = {"type": "bot_command", "offset": 0, "length": len(command.split()[0])}
        self._update("message", {**self._message(command), "entities": [entity]})

    def ask(self, command: str, what: str = "") -> str:
        """Send a command; the first text after it that contains `what`."""
        after = len(self.said)
        self.send(command)
        return self.wait_for(what, after)

    def press(self, button: str, what: str = "") -> str:
        """Press a button by its callback data; the first text after it that contains `what`."""
        after = len(self.said)
        shown = {**self._message("shown"), "from": USER}
        query = {"id": "1", "from": USER, "chat_instance": "1", "data": button, "message": shown}
        self._update("callback_query", query)
        return self.wait_for(what, after)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def answer(self, method: str, given: dict[str, str]) -> Any:
        """The result of one Bot API call.

        :raises RefusedError: as Telegram would
        """
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "Bench", "username": "bench_bot"}
        if method == "deleteWebhook":
            if given.get("drop_pending_updates") == "true":
                self._updates.clear()
        elif method == "getUpdates":
            return self._poll(int(given.get("offset", 0)), float(given.get("timeout", 0)))
        elif method in ("sendMessage", "editMessageText"):
            if given.get("parse_mode") == "Markdown":
                _check_markdown(given["text"])
            with self._changed:
                self.said.append(given["text"])
                self._changed.notify_all()
            return self._message(given["text"])
        return True

    def _poll(self, offset: int, seconds: float) -> list[dict[str, Any]]:
        with self._changed:
            self._polled = True
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._updates or self._closed, seconds)
            return list(self._updates)

    def _update(self, kind: str, content: dict[str, Any]) -> None:
        with self._changed:
            self._last_id += 1
            self._updates.append({"update_id": self._last_id, kind: content})
            self._changed.notify_all()

    def _message(self, text: str) -> dict[str, Any]:
        chat = {"id": CHAT, "type": "private"}
        return {"message_id": 1, "date": int(time()), "chat": chat, "from": USER, "text": text}

    def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        end = monotonic() + _SECONDS
        with self._changed:
            while not condition():
                if not self._changed.wait(end - monotonic()):
                    raise AssertionError(f"{complaint} in {_SECONDS:g} s; said: {self.said[-5:]}")


def _check_markdown(text: str) -> None:
    plain = _CODE.sub("", text)
    for mark in "*_`":
        if plain.count(mark) % 2:
            raise RefusedError(f"Bad Request: can't parse entities: no end of {mark!r}")


def _handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one segment: two would wait 40 ms for each other

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, answer = 200, {"ok": True}
            try:
                method = self.path.removeprefix(f"/bot{TELEGRAM_TOKEN}/")
                answer["result"] = chat.answer(method, dict(parse_qsl(body)))
            except RefusedError as error:
                status = 400
                answer = {"ok": False, "error_code": status, "description": str(error)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            with suppress(ConnectionError):  # a poll that the bot has given up
                self.wfile.flush()

        def log_message(self, *args: Any) -> None: ...

    return Handler


@contextmanager
def telegram() -> Iterator[Chat]:
    """The chat of every bot that is made within this block with `CONFIG` as its "telegram"."""
    chat = Chat()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(chat))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    base_url = f"http://127.0.0.1:{server.server_port}/bot"

    def build(module: Telegram) -> Application:
        chat.expect_bot()
        return Application.builder().token(TELEGRAM_TOKEN).base_url(base_url).build()

    def clean_up(module: Telegram) -> None:
        # Freqtrade cannot stop what has not started to poll: it would wait for ever.
        chat.wait_until_heard()
        stop(module)

    stop = Telegram.cleanup
    # Freqtrade looks every 10 s whether polling has ended.
    impatient = {**vars(asyncio), "sleep": lambda seconds: asyncio.sleep(min(seconds, 0.1))}
    with (
        mock.patch.object(Telegram, "_init_telegram_app", build),
        mock.patch.object(Telegram, "cleanup", clean_up),
        mock.patch("freqtrade.rpc.telegram.asyncio", SimpleNamespace(**impatient)),
    ):
        try:
            yield chat
        finally:
            look_at("\n".join(chat.said), "messages to Telegram")
            chat.close()
            server.shutdown()
            thread.join()
            server.server_close()
