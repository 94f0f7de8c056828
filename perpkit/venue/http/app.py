"""The venue's HTTP application: joins the routers and shapes errors as the exchange does."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.account_control import add_account_control
from perpkit.venue.http.account_routes import account_router
from perpkit.venue.http.archive_routes import archive_router
from perpkit.venue.http.bounds import CONTROL, Bounds
from perpkit.venue.http.control import create_control
from perpkit.venue.http.injection import UNKNOWN_ERROR, Wait
from perpkit.venue.http.key_control import add_key_control
from perpkit.venue.http.market_routes import market_router
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.settings_control import add_settings_control
from perpkit.venue.http.streams.hub import Hub
from perpkit.venue.http.streams.routes import add_streams
from perpkit.venue.http.traffic import Traffic, answer
from perpkit.venue.market.market import Market


def create_app(
    market: Market,
    *,
    exchange: Exchange | None = None,
    limiter: Limiter | None = None,
    log: RequestLog | None = None,
    wait: Wait = asyncio.sleep,
) -> FastAPI:
    """An application that serves `market` under the paths of USD-M futures.

    :param exchange: matches orders on `market`; without one, only market data is served
    :param limiter: by default one that counts requests and refuses none
    :param wait: sleeps for a number of seconds, for faults of latency and silence
    """
    limiter = limiter or Limiter(enforced=False)
    log = log or RequestLog()
    app = FastAPI(title="Perpkit venue", openapi_url=None)
    app.state.market = market
    app.include_router(market_router)
    app.include_router(archive_router(market))
    control = create_control(market, limiter, log)
    if exchange is not None:
        app.include_router(account_router(exchange))
        add_account_control(control, exchange)
        add_settings_control(control, exchange)
        add_key_control(control, exchange)
    add_streams(app, Hub(market, exchange), market)
    app.mount(CONTROL, control)
    app.add_middleware(Traffic, market=market, limiter=limiter, log=log, wait=wait)
    app.add_middleware(Bounds)
    app.add_exception_handler(VenueError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _no_such_path)
    app.add_exception_handler(Exception, _failed)
    return app


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VenueError)
    return answer(error)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """Reports the first invalid parameter with the exchange's code and message."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name, fault = first["loc"][-1], first["type"]
    if fault == "missing" or first.get("input") == "":
        code, msg = (
            -1102,
            f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
        )
    elif fault.startswith("int_"):
        code, msg = (
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.",
        )
    else:
        code, msg = -1130, f"Data sent for parameter '{name}' is not valid."
    return answer(VenueError(code, msg))


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """Answers without details; the server logs the error with its traceback."""
    return JSONResponse(UNKNOWN_ERROR, 500)


async def _no_such_path(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return answer(
        VenueError(
            -5000,
            f"Path {request.url.path}, Method {request.method} is invalid",
            error.status_code,
        )
    )
