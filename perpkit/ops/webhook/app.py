"""The HTTP server: one endpoint for alerts, and one that says that it is alive."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from perpkit.ops.webhook.alert import Alert
from perpkit.ops.webhook.door import MOST_BYTES, DeniedError, Door
from perpkit.ops.webhook.orders import Orders

SIGNATURE = "X-Perpkit-Signature"
_STATUS = {"refused": 409, "unknown": 502}

logger = logging.getLogger(__name__)

_ANSWER = {
    "type": "object",
    "required": ["result", "reason"],
    "properties": {
        "result": {"enum": ["entered", "exited", "nothing", "refused", "unknown", "denied"]},
        "reason": {"type": "string"},
        "trades": {"type": "array", "items": {"type": "integer"}},
    },
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/json": {"schema": _ANSWER}}}
    for status, words in {
        200: "Carried out, or there was nothing to exit.",
        403: "An address that is not allowed, or a wrong secret.",
        409: "Refused by the bot, or an alert that came before.",
        413: "A body that is too large.",
        422: "No alert: the fields are named.",
        429: "Too many entries, or requests without authority.",
        502: "The bot gives no answer; whether something was ordered is not known.",
    }.items()
}


def create_app(door: Door, orders: Orders) -> FastAPI:
    app = FastAPI(title="Perpkit webhook", docs_url=None, redoc_url=None)
    schema = _schema_of_alert()

    @app.post(
        "/alert",
        responses=_ANSWERS,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "parameters": [
                {"name": SIGNATURE, "in": "header", "required": False, "schema": {"type": "string"}}
            ],
        },
    )
    async def alert(request: Request) -> JSONResponse:
        """Carries out an alert, and answers when the bot has."""
        sender = "?"
        try:
            peer = request.client.host if request.client else ""
            sender = door.meet(peer, request.headers.getlist("x-forwarded-for"))
            found = door.admit(sender, await _body(request), request.headers.get(SIGNATURE))
        except DeniedError as denied:
            logger.warning("An alert from %s is denied: %s", sender, denied.reason)
            return _answer(denied.status, "denied", denied.reason)
        outcome = await run_in_threadpool(orders.carry_out, found)
        logger.info("%s %s: %s, %s", found.pair, found.wish, outcome.result, outcome.words)
        status = _STATUS.get(outcome.result, 200)
        return _answer(status, outcome.result, outcome.words, list(outcome.trades))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _schema_of_alert() -> dict[str, Any]:
    """Returns the schema with what it names in it, as a part of OpenAPI has no names of its own."""
    schema = Alert.model_json_schema()
    named = schema.pop("$defs")

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inlined(named[part["$ref"].rpartition("/")[2]])
        return {name: inlined(each) for name, each in part.items()}

    found: dict[str, Any] = inlined(schema)
    return found


async def _body(request: Request) -> bytes:
    """:raises DeniedError: for more than is read"""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise DeniedError(413, f"the body must have at most {MOST_BYTES} bytes")
    return bytes(body)


def _answer(status: int, result: str, reason: str, trades: list[int] | None = None) -> JSONResponse:
    return JSONResponse({"result": result, "reason": reason, "trades": trades or []}, status)
