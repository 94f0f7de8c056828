"""Public market-data endpoints of USD-M futures, as stock Freqtrade and ccxt call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.venue.errors import VenueError, invalid_interval, invalid_pair, not_trading
from perpkit.venue.http import payloads
from perpkit.venue.http.exchange_info import exchange_info
from perpkit.venue.http.form import DIGITS
from perpkit.venue.http.statistics import STATISTICS, Statistics
from perpkit.venue.market.candles import SERVED_MS, Candles, PriceKind
from perpkit.venue.market.history import limited_settlements
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from perpkit.venue.market.premium_index import premium_candles


async def _served(request: Request) -> Market:
    market: Market = request.app.state.market
    return market


# The routes are the same for every market: FastAPI takes longer to make them than a venue to start.
market_router = APIRouter()
Served = Annotated[Market, Depends(_served)]

Limit1500 = Annotated[int, DIGITS, Query(ge=1, le=1500)]
Limit1000 = Annotated[int, DIGITS, Query(ge=1, le=1000)]
Limit500 = Annotated[int, DIGITS, Query(ge=1, le=500)]
Count = Annotated[int, DIGITS]
# The bound is beyond any date that matters, and within numpy's 64-bit integers.
Time = Annotated[int | None, DIGITS, Query(ge=0, le=10**18)]
Symbol = Annotated[str, Query(min_length=1)]

_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
_STATISTICS_KEPT_MS = 30 * DAY_MS
_AGGREGATES_KEPT_MS = 2 * DAY_MS


def _each(market: Market, symbol: str | None, row: Callable[[str], Any]) -> Any:
    """One object for a named symbol; without a name, a list for all symbols traded now."""
    if not symbol:
        return [row(s) for s in market.traded]
    _check_traded(market, symbol)
    return row(symbol)


def _check_traded(market: Market, symbol: str) -> None:
    if not market.is_traded(symbol):
        raise not_trading()


def _instrument_of(market: Market, pair: str) -> Instrument:
    try:
        return market.instrument(pair)
    except VenueError:
        raise invalid_pair() from None


def _check_order(start: int | None, end: int | None) -> None:
    if start is not None and end is not None and start > end:
        raise VenueError(-1023, "Start time is greater than end time.")


@market_router.get("/fapi/v1/ping")
async def ping() -> dict[str, Any]:
    return {}


@market_router.get("/fapi/v1/time")
async def time(market: Served) -> dict[str, int]:
    return {"serverTime": market.server_time()}


@market_router.get("/fapi/v1/exchangeInfo")
async def rules(market: Served) -> dict[str, Any]:
    return exchange_info(market)


def _klines(
    market: Market,
    kind: PriceKind,
    symbol: str,
    interval: str,
    start: int | None,
    end: int | None,
    limit: int,
) -> Response:
    _check_span(interval, start, end)
    candles = market.candles(symbol, interval, kind, start=start, end=end, limit=limit)
    return _text(market, symbol, interval, candles, kind)


def _check_span(interval: str, start: int | None, end: int | None) -> None:
    if interval not in SERVED_MS:
        raise invalid_interval()
    _check_order(start, end)


def _text(
    market: Market, symbol: str, interval: str, candles: Candles, kind: PriceKind
) -> Response:
    body = payloads.klines(market.instrument(symbol), candles, SERVED_MS[interval], kind)
    return Response(body, media_type="application/json")


@market_router.get("/fapi/v1/klines")
async def last(
    market: Served,
    symbol: Symbol,
    interval: Symbol,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1500 = 500,
) -> Response:
    return _klines(market, PriceKind.LAST, symbol, interval, startTime, endTime, limit)


@market_router.get("/fapi/v1/continuousKlines")
async def continuous(
    market: Served,
    pair: Symbol,
    contractType: Symbol,  # noqa: N803
    interval: Symbol,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1500 = 500,
) -> Response:
    if not _instrument_of(market, pair).is_continuous(contractType):
        raise VenueError(-4104, "Invalid contract type")
    return _klines(market, PriceKind.LAST, pair, interval, startTime, endTime, limit)


@market_router.get("/fapi/v1/markPriceKlines")
async def mark(
    market: Served,
    symbol: Symbol,
    interval: Symbol,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1500 = 500,
) -> Response:
    return _klines(market, PriceKind.MARK, symbol, interval, startTime, endTime, limit)


@market_router.get("/fapi/v1/indexPriceKlines")
async def index(
    market: Served,
    pair: Symbol,
    interval: Symbol,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1500 = 500,
) -> Response:
    symbol = _instrument_of(market, pair).symbol
    return _klines(market, PriceKind.INDEX, symbol, interval, startTime, endTime, limit)


@market_router.get("/fapi/v1/premiumIndexKlines")
async def premium(
    market: Served,
    symbol: Symbol,
    interval: Symbol,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1500 = 500,
) -> Response:
    _check_span(interval, startTime, endTime)
    found = premium_candles(market, symbol, interval, startTime, endTime, limit)
    # As those of the index: 8 decimals and no volume.
    return _text(market, symbol, interval, found, PriceKind.INDEX)


@market_router.get("/fapi/v1/fundingRate")
async def funding_rate(
    market: Served,
    symbol: str | None = None,
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1000 = 100,
) -> list[dict[str, Any]]:
    _check_order(startTime, endTime)
    wanted = [symbol] if symbol else market.symbols
    settled = {s: market.funding(s, start=startTime, end=endTime, limit=limit) for s in wanted}
    rows = [
        row
        for s, part in limited_settlements(settled, limit, oldest=startTime is not None).items()
        for row in payloads.funding(market, s, part)
    ]
    rows.sort(key=lambda row: row["fundingTime"])
    return rows[:limit] if startTime is not None else rows[-limit:]


@market_router.get("/fapi/v1/fundingInfo")
async def funding_info(market: Served) -> list[dict[str, Any]]:
    return [
        payloads.funding_info(market.instrument(s), market.listing(s).onboard)
        for s in market.symbols
    ]


@market_router.get("/fapi/v1/premiumIndex")
async def premium_index(market: Served, symbol: str | None = None) -> Any:
    return _each(market, symbol, lambda s: payloads.premium(market, s))


@market_router.get("/fapi/v1/ticker/24hr")
async def ticker(market: Served, symbol: str | None = None) -> Any:
    return _each(market, symbol, lambda s: payloads.ticker(market, s))


@market_router.get("/fapi/v1/ticker/price")
@market_router.get("/fapi/v2/ticker/price")
async def ticker_price(market: Served, symbol: str | None = None) -> Any:
    return _each(market, symbol, lambda s: payloads.ticker_price(market, s))


@market_router.get("/fapi/v1/ticker/bookTicker")
async def book_ticker(market: Served, symbol: str | None = None) -> Any:
    return _each(market, symbol, lambda s: payloads.book_ticker(market, s))


@market_router.get("/fapi/v1/depth")
async def depth(market: Served, symbol: Symbol, limit: Count = 500) -> dict[str, Any]:
    if limit not in _DEPTHS:
        raise VenueError(-4021, f"'{limit}' is not valid depth limit.")
    _check_traded(market, symbol)
    return payloads.depth(market, symbol, limit)


@market_router.get("/fapi/v1/openInterest")
async def open_interest(market: Served, symbol: Symbol) -> dict[str, Any]:
    _check_traded(market, symbol)
    return payloads.open_interest(market, symbol)


@market_router.get("/fapi/v1/trades")
async def recent(market: Served, symbol: Symbol, limit: Limit1000 = 500) -> list[dict[str, Any]]:
    _check_traded(market, symbol)
    return payloads.trades(market.instrument(symbol), market.trades(symbol, limit=limit))


@market_router.get("/fapi/v1/aggTrades")
async def aggregates(
    market: Served,
    symbol: Symbol,
    fromId: Time = None,  # noqa: N803
    startTime: Time = None,  # noqa: N803
    endTime: Time = None,  # noqa: N803
    limit: Limit1000 = 500,
) -> list[dict[str, Any]]:
    _check_order(startTime, endTime)
    if startTime is not None and endTime is not None and endTime - startTime > HOUR_MS:
        raise VenueError(-1127, "More than 1 hours between startTime and endTime.")
    kept = market.now() - _AGGREGATES_KEPT_MS
    start = max(kept, startTime or 0)
    found = market.trades(
        symbol,
        start=None if startTime is None and fromId is None else start,
        end=endTime,
        first=fromId or 1,
        limit=limit,
    )
    # Without a start these are the newest ones, up to an end that may be long ago.
    found = found[int(found.time.searchsorted(kept)) :]
    return payloads.aggregates(market.instrument(symbol), found)


def _add_statistics(path: str, make: Statistics) -> None:
    # Not in a thread: the loop may add a fault while the faults are read.
    @market_router.get(f"/futures/data/{path}")
    async def statistics(
        market: Served,
        symbol: Symbol,
        period: Symbol,
        startTime: Time = None,  # noqa: N803
        endTime: Time = None,  # noqa: N803
        limit: Limit500 = 30,
    ) -> list[dict[str, Any]]:
        if period not in _PERIODS:
            raise VenueError(-1130, "Data sent for parameter 'period' is not valid.")
        _check_order(startTime, endTime)
        oldest = market.now() - _STATISTICS_KEPT_MS
        if startTime is not None and startTime < oldest:
            raise VenueError(-1130, "parameter 'startTime' is invalid.")
        return make(market, symbol, period, startTime or oldest, endTime, limit)


for _path, _make in STATISTICS.items():
    _add_statistics(_path, _make)
