"""Stock Freqtrade in this process, on a moved clock, at Bybit or OKX as their answers have them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

import time_machine
from freqtrade.configuration import Configuration
from freqtrade.persistence import enable_database_use
from freqtrade.worker import Worker
from starlette.types import ASGIApp, Receive, Scope, Send

from perpkit.bot.live import golive_gate
from tests.bench.in_process import STRATEGIES, InProcessBot, _forget_database, _sleepless
from tests.bench.other_exchanges import bybit, okx
from tests.bench.other_exchanges.desk import Desk
from tests.bench.planted import SWITCHED_OFF
from tests.bench.wire import wired
from tests.conftest import REPOSITORY

logger = logging.getLogger(__name__)

NAMES = ("bybit", "okx")
START = datetime(2026, 3, 3, 12, 0, 20, tzinfo=UTC)
PAIRS = ["BTC/USDT:USDT", "DOGE/USDT:USDT"]
_EXCHANGES: dict[str, Any] = {"bybit": bybit, "okx": okx}

Answer = Callable[[Desk, str, str, Mapping[str, Any]], tuple[int, Any]]


def desk_of(name: str) -> Desk:
    return Desk(dict(_EXCHANGES[name].CONTRACTS))


def app_of(name: str, desk: Desk) -> ASGIApp:
    """Answers as the exchange of that name."""
    answer: Answer = _EXCHANGES[name].answer

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked: Any = dict(parse_qsl(scope["query_string"].decode()))
        if body:
            asked = json.loads(body)
        path = scope["path"]
        desk.asked.append(f"{scope['method']} {path}")
        status, found = answer(desk, scope["method"], path, asked)
        if status == 404:
            logger.error(f"{name}: {found}")
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    return app


@contextmanager
def bot_at(
    name: str,
    userdir: Path,
    strategy: str | None,
    *,
    start: datetime = START,
    desk: Desk | None = None,
    **settings: Any,
) -> Iterator[tuple[InProcessBot, Desk]]:
    """A bot with the shipped example configuration of that exchange, and the exchange's desk.

    :param strategy: None for the example's own
    :param desk: one that is prepared, as Freqtrade asks before the first cycle
    :param settings: of Freqtrade's configuration, on top of the example
    """
    desk = desk or desk_of(name)
    own = {"pair_whitelist": PAIRS, "key": "k" * 18, "secret": "s" * 36, "enable_ws": False}
    own["ccxt_config"] = {"enableRateLimit": False}  # ccxt would wait by the clock, which stands
    if name == "okx":
        own["password"] = "p" * 12
    given = {"db_url": "sqlite://", **SWITCHED_OFF, **settings}
    given["exchange"] = {**own, **given.get("exchange", {})}
    (userdir / "own.json").write_text(json.dumps(given))
    arguments = {
        "command": "trade",
        "config": [str(REPOSITORY / f"config.{name}.json.example"), str(userdir / "own.json")],
        "strategy": strategy,
        "strategy_path": str(STRATEGIES),
        "user_data_dir": str(userdir),
    }
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(golive_gate, "at_venue", return_value=True))
        clock = stack.enter_context(time_machine.travel(start, tick=False))
        stack.enter_context(_sleepless(clock))
        wire = stack.enter_context(wired(app_of(name, desk)))
        config = Configuration(arguments, None).get_config()
        enable_database_use()
        worker = Worker(arguments, config)
        stack.callback(_forget_database)
        stack.callback(worker.exit)
        yield InProcessBot(worker, wire, clock), desk
