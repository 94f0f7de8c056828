"""The control API: the venue's state, its clock, its faults, its prices, its log.

JSON under /control, for clients on this machine only. An error is {"error": "one sentence"}.
"""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from perpkit.venue.candles import Kind
from perpkit.venue.clock import VirtualClock
from perpkit.venue.faults import PRICE_KINDS, Fault, FaultKind, Value
from perpkit.venue.market import Market
from perpkit.venue.random_faults import random_plan
from perpkit.venue.rate_limits import Limiter
from perpkit.venue.request_log import RequestLog


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Advance(_Body):
    ms: int = Field(gt=0)


class NewFault(_Body):
    """As `faults.Fault`, with `since` now by default."""

    kind: FaultKind
    endpoint: str = "*"
    symbol: str | None = None
    since: int | None = None
    until: int | None = None
    probability: float = 1.0
    times: int | None = None
    parameters: dict[str, Value] = {}


class RandomFaults(_Body):
    """As `random_faults.random_plan`, from now on for `days`."""

    seed: int
    days: float = Field(gt=0)
    kinds: list[FaultKind] = Field(min_length=1)
    intensity: float
    symbols: list[str] = []


class PriceMove(_Body):
    """:param within_ms: a flash crash of that length; None for a gap that stays"""

    symbol: str
    change: float
    within_ms: int | None = Field(default=None, gt=0)
    recovery: float = 1.0
    mark_share: float = 1.0


def create_control(market: Market, limiter: Limiter, log: RequestLog) -> FastAPI:
    """An application to be mounted at /control."""
    app = FastAPI(title="Perpkit venue: control", dependencies=[Depends(_from_here)])
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    _add_sight(app, market, limiter, log)
    _add_clock(app, market)
    _add_faults(app, market)
    return app


def _add_sight(app: FastAPI, market: Market, limiter: Limiter, log: RequestLog) -> None:
    @app.get("/state")
    async def state() -> dict[str, Any]:
        traded = set(market.traded)
        return {
            "clock": {
                "now": market.now(),
                "server_time": market.server_time(),
                "virtual": isinstance(market.clock, VirtualClock),
            },
            "symbols": {
                symbol: {
                    "price": market.price(symbol) if symbol in traded else None,
                    "mark": market.price(symbol, Kind.MARK) if symbol in traded else None,
                    **asdict(market.listing(symbol)),
                }
                for symbol in market.symbols
            },
            "faults": [_shown(market, name) for name, _ in market.faults],
            "requests": {
                "total": log.total,
                "by_status": log.by_status,
                "by_fault": log.by_fault,
            },
            "rate_limits": {"enforced": limiter.enforced, **asdict(limiter.limits)},
        }

    @app.get("/log")
    async def entries(
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in log.after(after, limit)]


def _add_clock(app: FastAPI, market: Market) -> None:
    @app.post("/clock/advance")
    async def advance(body: Advance) -> dict[str, int]:
        if not isinstance(market.clock, VirtualClock):
            raise HTTPException(409, "the clock is the machine's: start with --clock virtual")
        return {"now": market.clock.advance(body.ms)}


def _add_faults(app: FastAPI, market: Market) -> None:
    plan = market.faults

    def add(fault: Fault) -> dict[str, Any]:
        if fault.symbol is not None and fault.symbol not in market.symbols:
            known = ", ".join(market.symbols)
            raise HTTPException(400, f"symbol must be one of {known}, got {fault.symbol!r}")
        if fault.kind in PRICE_KINDS and fault.since < market.now():
            raise HTTPException(400, f"since must not lie in the past for {fault.kind}")
        return _shown(market, plan.add(fault))

    def checked(**fields: Any) -> Fault:
        try:
            return Fault(**fields)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    @app.post("/faults")
    async def add_fault(body: NewFault) -> dict[str, Any]:
        since = market.now() if body.since is None else body.since
        return add(checked(**{**body.model_dump(), "since": since}))

    @app.post("/faults/random")
    async def add_random(body: RandomFaults) -> list[dict[str, Any]]:
        now = market.now()
        end = now + int(body.days * 86_400_000)
        try:
            faults = random_plan(body.seed, now, end, body.kinds, body.intensity, body.symbols)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return [add(fault) for fault in faults]

    @app.post("/market/price")
    async def move_price(body: PriceMove) -> dict[str, Any]:
        now = market.now()
        parameters: dict[str, Value] = {"change": body.change, "mark_share": body.mark_share}
        if body.within_ms is None:
            kind, until = FaultKind.PRICE_GAP, None
        else:
            kind, until = FaultKind.FLASH_CRASH, now + body.within_ms
            parameters["recovery"] = body.recovery
        return add(
            checked(kind=kind, symbol=body.symbol, since=now, until=until, parameters=parameters)
        )

    @app.delete("/faults/{name}")
    async def remove(name: str) -> dict[str, Any]:
        try:
            fault = plan[name]
        except KeyError:
            raise HTTPException(404, f"no fault {name!r}") from None
        if _happened(fault, market.now()):
            raise HTTPException(409, f"{name} has moved prices: the past cannot be taken back")
        shown = _shown(market, name)
        plan.remove(name)
        return shown

    @app.delete("/faults")
    async def remove_all() -> dict[str, list[str]]:
        """All but those that have moved prices already."""
        now = market.now()
        removed = [name for name, fault in plan if not _happened(fault, now)]
        for name in removed:
            plan.remove(name)
        return {"removed": removed, "kept": [name for name, _ in plan]}


def _happened(fault: Fault, now: int) -> bool:
    return fault.kind in PRICE_KINDS and fault.since <= now


def _shown(market: Market, name: str) -> dict[str, Any]:
    plan = market.faults
    fault = plan[name]
    return {
        "id": name,
        **asdict(fault),
        "active": fault.at(market.now()),
        "strikes": plan.strikes(name),
    }


def _from_here(request: Request) -> None:
    address = request.client.host if request.client else ""
    try:
        here = ip_address(address).is_loopback
    except ValueError:
        here = False
    if not here:
        raise HTTPException(403, f"control is for this machine only, not for {address!r}")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """The first fault, by the name of its field."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "body"
    match first["type"]:
        case "extra_forbidden":
            text = f"unknown field {name!r}"
        case "missing":
            text = f"{name} must be given"
        case "json_invalid":
            text = "body must be JSON"
        case _:
            text = f"{name}: {first['msg']}, got {first.get('input')!r}"
    return JSONResponse({"error": text}, 400)
