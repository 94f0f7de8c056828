"""The paths of websocket streams, and the serving of one connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from urllib.parse import parse_qsl

from fastapi import FastAPI, WebSocket
from starlette.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect

from perpkit.venue.http.bounds import MAX_BODY
from perpkit.venue.http.injection import LINE
from perpkit.venue.http.streams.connection import Connection
from perpkit.venue.http.streams.hub import Hub
from perpkit.venue.http.streams.names import Route
from perpkit.venue.http.streams.requests import answer
from perpkit.venue.market.market import Market

_logger = logging.getLogger(__name__)

CLOSING_SECONDS = 10.0


def add_streams(app: FastAPI, hub: Hub, market: Market) -> None:
    """Adds `/ws`, `/ws/NAMES` and `/stream?streams=NAMES`, without a route and with each."""

    def add(prefix: str, route: Route | None) -> None:
        @app.websocket(f"{prefix}/ws")
        @app.websocket(f"{prefix}/ws/{{names:path}}")
        async def raw(websocket: WebSocket, names: str = "") -> None:
            # ccxt numbers its connections, `/ws/0`, and says later what it subscribes to.
            unnamed = not names or names.isdecimal()
            await _serve(websocket, [] if unnamed else names.split("/"), combined=False)

        @app.websocket(f"{prefix}/stream")
        async def combined(websocket: WebSocket) -> None:
            await _serve(websocket, [], combined=True)

        async def _serve(websocket: WebSocket, names: list[str], *, combined: bool) -> None:
            line = websocket.scope.get("state", {}).get(LINE)
            connection = Connection(route, combined, market.now(), line)
            try:
                names += _named(websocket.url.query)
                hub.streams(connection, names)
            except ValueError as error:
                refusal = {"code": 2, "msg": f"Invalid request: {error}"}
                await websocket.send_denial_response(JSONResponse(refusal, 400))
                return
            await websocket.accept()
            with hub.connected(connection):
                if names:
                    hub.subscribe(connection, names)
                await _until_any_ends(
                    _receive(websocket, connection, hub),
                    _send(websocket, connection),
                    connection.ended.wait(),
                )
            await _close(websocket, connection)

    add("", None)
    for route in Route:
        add(f"/{route}", route)


def _named(query: str) -> list[str]:
    """The streams of a query: its `streams`, and of a `listenKey` the `events` after it, or all.

    :raises ValueError: for events of no listen key
    """
    names: list[str] = []
    before, count = "", 0
    for parameter, text in parse_qsl(query):
        found = [part for part in text.split("/") if part]
        if parameter in ("streams", "listenKey"):
            names += found
        elif parameter == "events":
            if before != "listenKey":
                raise ValueError(f"events={text} must follow a listenKey")
            keys = names[-count:]
            names[-count:] = [f"{key}@{event}" for key in keys for event in found]
        before, count = parameter, len(found)
    return names


async def _receive(websocket: WebSocket, connection: Connection, hub: Hub) -> None:
    try:
        while True:
            text = await websocket.receive_text()
            if len(text) > MAX_BODY:
                return
            connection.answer(answer(text, connection, hub.subscribe, hub.unsubscribe))
    except (WebSocketDisconnect, KeyError):  # gone, or a message that is not text
        return


async def _send(websocket: WebSocket, connection: Connection) -> None:
    try:
        while True:
            await websocket.send_text(await connection.next_text())
    except (WebSocketDisconnect, RuntimeError):
        return


async def _until_any_ends(*parts: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                _logger.error("serving a connection of streams failed", exc_info=outcome)


async def _close(websocket: WebSocket, connection: Connection) -> None:
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await websocket.close()
    except TimeoutError:  # the client reads nothing
        connection.cut()
    except (RuntimeError, WebSocketDisconnect):
        return  # it is closed already
