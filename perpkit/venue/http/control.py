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

from perpkit.durations import DAY_MS
from perpkit.venue.faults.faults import MAX_FAULTS, MAX_TIME, PRICE_KINDS, Fault, FaultKind, Value
from perpkit.venue.faults.random_faults import MAX_PLAN_DAYS, random_plan
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.clock import VirtualClock, iso_date
from perpkit.venue.market.market import Market

_MOST_NAMED = 20
_LONGEST_SHOWN = 100


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=200)


# The next request replays the whole span for every position and order, moment by moment.
MAX_ADVANCE_MS = 31 * DAY_MS


class Advance(Body):
    ms: int = Field(gt=0, le=MAX_ADVANCE_MS)


class NewFault(Body):
    """The fields of a `faults.Fault`; `since` defaults to now."""

    kind: FaultKind
    endpoint: str = "*"
    symbol: str | None = None
    since: int | None = None
    until: int | None = None
    probability: float = 1.0
    times: int | None = None
    parameters: dict[str, Value] = Field(default={}, max_length=20)


class RandomFaults(Body):
    """The arguments of `random_faults.random_plan`, for the next `days` days."""

    seed: int = Field(ge=-(2**63), lt=2**63)
    days: float = Field(gt=0, le=MAX_PLAN_DAYS)
    kinds: list[FaultKind] = Field(min_length=1, max_length=len(FaultKind))
    intensity: float
    symbols: list[str] = Field(default=[], max_length=1000)


class PriceMove(Body):
    """:param within_ms: length of a flash crash; None for a price gap that stays"""

    symbol: str
    change: float
    within_ms: int | None = Field(default=None, gt=0, le=MAX_ADVANCE_MS)
    recovery: float = 1.0
    mark_share: float = 1.0


def create_control(market: Market, limiter: Limiter, log: RequestLog) -> FastAPI:
    """The control API as an application, to be mounted at /control."""
    app = FastAPI(
        title="Perpkit venue: control",
        openapi_url=None,
        dependencies=[Depends(_from_here), Depends(_in_json)],
    )
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
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
                    "mark": market.price(symbol, PriceKind.MARK) if symbol in traded else None,
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
        if market.now() + body.ms > MAX_TIME:
            raise HTTPException(400, f"ms: the time must stay before {iso_date(MAX_TIME)}")
        return {"now": market.clock.advance(body.ms)}


def _add_faults(app: FastAPI, market: Market) -> None:
    plan = market.faults

    def add(*faults: Fault) -> list[dict[str, Any]]:
        """Adds all of the faults or none."""
        for fault in faults:
            if fault.symbol is not None and fault.symbol not in market.symbols:
                known = ", ".join(market.symbols[:_MOST_NAMED])
                more = ", ..." if len(market.symbols) > _MOST_NAMED else ""
                raise HTTPException(
                    400, f"symbol must be one of {known}{more}, got {fault.symbol!r}"
                )
            if fault.kind in PRICE_KINDS and fault.since < market.now():
                raise HTTPException(400, f"since must not lie in the past for {fault.kind}")
        try:
            return [_shown(market, name) for name in plan.add_all(faults)]
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    def checked(**fields: Any) -> Fault:
        try:
            return Fault(**fields)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    @app.post("/faults")
    async def add_fault(body: NewFault) -> dict[str, Any]:
        since = market.now() if body.since is None else body.since
        (shown,) = add(checked(**{**body.model_dump(), "since": since}))
        return shown

    @app.post("/faults/random")
    async def add_random(body: RandomFaults) -> list[dict[str, Any]]:
        now = market.now()
        end = now + int(body.days * DAY_MS)
        try:
            faults = random_plan(
                body.seed, now, end, body.kinds, body.intensity, body.symbols, most=MAX_FAULTS
            )
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return add(*faults)

    @app.post("/market/price")
    async def move_price(body: PriceMove) -> dict[str, Any]:
        now = market.now()
        parameters: dict[str, Value] = {"change": body.change, "mark_share": body.mark_share}
        if body.within_ms is None:
            kind, until = FaultKind.PRICE_GAP, None
        else:
            kind, until = FaultKind.FLASH_CRASH, now + body.within_ms
            parameters["recovery"] = body.recovery
        (shown,) = add(
            checked(kind=kind, symbol=body.symbol, since=now, until=until, parameters=parameters)
        )
        return shown

    @app.delete("/faults/{name}")
    async def remove(name: str) -> dict[str, Any]:
        try:
            fault = plan[name]
        except KeyError:
            raise HTTPException(404, f"no fault {short(name)}") from None
        if _happened(fault, market.now()):
            raise HTTPException(409, f"{name} has moved prices: the past cannot be taken back")
        shown = _shown(market, name)
        plan.remove(name)
        return shown

    @app.delete("/faults")
    async def remove_all() -> dict[str, list[str]]:
        """Removes all faults except those that have already moved prices."""
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


async def _in_json(request: Request) -> None:
    """Refuses bodies that are not JSON: browsers let any page send text and forms elsewhere."""
    changes = request.method not in ("GET", "HEAD", "DELETE")
    if not changes and not await request.body():
        return
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, f"content type must be application/json, got {short(kind)}")


def short(value: object) -> str:
    """The value as errors repeat it, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    # FastAPI's own message for bodies that break the parser by other means than their syntax.
    text = "body must be JSON" if "parsing the body" in error.detail else error.detail
    return JSONResponse({"error": text}, error.status_code)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """Answers with the type of the error; the server logs it with its traceback."""
    text = f"{request.method} {request.url.path} failed: {type(error).__name__}"
    return JSONResponse({"error": text}, 500)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """Reports the first validation error by the name of its field."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part)[:_LONGEST_SHOWN] for part in first["loc"][1:]) or "body"
    name = name.encode("ascii", "backslashreplace").decode()
    match first["type"]:
        case "extra_forbidden":
            text = f"unknown field {name!r}"
        case "value_error":
            text = str(first["ctx"]["error"])
        case "missing":
            text = f"{name} must be given"
        case "json_invalid":
            text = "body must be JSON"
        case _:
            text = f"{name}: {first['msg']}, got {short(first.get('input'))}"
    return JSONResponse({"error": text}, 400)
