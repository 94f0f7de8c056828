"""A stand-in of Freqtrade's REST server on the loopback, which records what reaches it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from freqtrade.persistence import init_db
from freqtrade.persistence.key_value_store import KeyValueStore

from perpkit.ops.stop.rest import BotRest
from tests.bench.planted import API_PASSWORD
from tests.bench.web import served

USER = "operator"


@dataclass(frozen=True)
class Ordered:
    """A request that orders something.

    :param what: `forceenter` or `forceexit`
    :param at: when it arrived, by the monotonic clock
    """

    what: str
    body: dict[str, Any]
    at: float


@dataclass
class RecordingRest:
    """
    :param trades: that are open, as `/status` shows them
    :param started: shown at `/health`
    """

    trades: list[dict[str, Any]] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ordered: list[Ordered] = field(default_factory=list)

    @property
    def entries(self) -> list[Ordered]:
        return [each for each in self.ordered if each.what == "forceenter"]

    def store_start(self, db_url: str) -> None:
        """Stores when it was started, by which it is known, in a database of its own."""
        init_db(db_url)
        KeyValueStore.store_value("startup_time", self.started)

    def app(self) -> FastAPI:
        app = FastAPI(dependencies=[Depends(_is_user)])

        @app.get("/api/v1/health")
        async def health() -> dict[str, Any]:
            return {"bot_startup_ts": int(self.started.timestamp())}

        @app.get("/api/v1/status")
        async def status() -> list[dict[str, Any]]:
            return self.trades

        @app.post("/api/v1/{what}")
        async def order(what: str, request: Request) -> dict[str, Any]:
            at = time.monotonic()
            self.ordered.append(Ordered(what, await request.json(), at))
            if what == "forceexit":
                return {"result": "Created exit orders for all open trades."}
            return {"trade_id": len(self.ordered), "stake_amount": 100.0, "leverage": 3.0}

        return app


def _is_user(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> None:
    if not secrets.compare_digest((given.username + given.password), USER + API_PASSWORD):
        raise HTTPException(401)


@contextmanager
def recording_rest() -> Iterator[tuple[RecordingRest, BotRest]]:
    """The stand-in, and a client of it."""
    made = RecordingRest()
    with served(made.app()) as url:
        yield made, BotRest(url, USER, API_PASSWORD)
