"""Answers in the exchange's shapes: numbers as strings on their grid, times in ms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perpkit.venue.errors import VenueError
from perpkit.venue.http.numbers import fixed, money, price_text, quantity_text, quote_text
from perpkit.venue.market.book import Book
from perpkit.venue.market.candles import Candles, PriceKind, closing_times
from perpkit.venue.market.history import Funding
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from perpkit.venue.market.perpetual import INTEREST_8H
from perpkit.venue.market.trades import Trades

_TRADE_SIZE = 1500.0  # USDT, by which a turnover becomes a number of trades


def trade_count(turnover: float) -> int:
    """The number of trades of a candle, which the venue does not simulate one by one."""
    return int(turnover / _TRADE_SIZE) + 1


def klines(instrument: Instrument, candles: Candles, ms: int, kind: PriceKind) -> bytes:
    """The JSON text itself, since formatting dominates the cost of this most frequent answer."""
    traded = kind is PriceKind.LAST
    p = instrument.price_decimals if traded else 8
    q = instrument.quantity_decimals
    n = p + q  # decimals of a price times a quantity
    columns = *candles.columns(), candles.turnover(), closing_times(candles.time, ms) - 1
    rows = zip(*(column.tolist() for column in columns), strict=True)
    if traded:
        text = ",".join(
            f'[{t},"{o:.{p}f}","{h:.{p}f}","{lo:.{p}f}","{c:.{p}f}","{v:.{q}f}",{end},'
            f'"{w:.{n}f}",{trade_count(w)},"{v / 2:.{q}f}","{w / 2:.{n}f}","0"]'
            for t, o, h, lo, c, v, w, end in rows
        )
    else:
        text = ",".join(
            f'[{t},"{o:.{p}f}","{h:.{p}f}","{lo:.{p}f}","{c:.{p}f}","0",{end},"0",0,"0","0","0"]'
            for t, o, h, lo, c, _, _, end in rows
        )
    return f"[{text}]".encode()


def trades(instrument: Instrument, found: Trades) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "price": price_text(instrument, price),
            "qty": quantity_text(instrument, quantity),
            "quoteQty": quote_text(instrument, price * quantity),
            "time": time,
            "isBuyerMaker": sold,
            "isRPITrade": False,
        }
        for number, time, price, quantity, sold in _rows(found)
    ]


def aggregates(instrument: Instrument, found: Trades) -> list[dict[str, Any]]:
    """Each trade is an aggregate of its own: no two are within the 100 ms that are put together."""
    return [
        {
            "a": number,
            "p": price_text(instrument, price),
            "q": quantity_text(instrument, quantity),
            "nq": quantity_text(instrument, quantity),
            "f": number,
            "l": number,
            "T": time,
            "m": sold,
        }
        for number, time, price, quantity, sold in _rows(found)
    ]


def _rows(found: Trades) -> Iterator[tuple[int, int, float, float, bool]]:
    return zip(*(column.tolist() for column in found.columns()), strict=True)


def funding(market: Market, symbol: str, settled: Funding) -> list[dict[str, Any]]:
    marks = market.mark_at(symbol, settled.time)
    return [
        {
            "symbol": symbol,
            "fundingTime": time,
            "fundingRate": money(rate),
            "markPrice": money(mark),
            "rateType": "Regular",
        }
        for time, rate, mark in zip(
            settled.time.tolist(), settled.rate.tolist(), marks.tolist(), strict=True
        )
    ]


def funding_info(instrument: Instrument, onboard: int) -> dict[str, Any]:
    """:param onboard: when the contract was listed, ms; its funding terms date from then"""
    return {
        "symbol": instrument.symbol,
        "adjustedFundingRateCap": money(instrument.funding_cap),
        "adjustedFundingRateFloor": money(-instrument.funding_cap),
        "fundingIntervalHours": instrument.funding_hours,
        "disclaimer": False,
        "updateTime": onboard,
    }


def premium(market: Market, symbol: str) -> dict[str, Any]:
    now = market.premium(symbol)
    return {
        "symbol": symbol,
        "markPrice": money(now.mark),
        "indexPrice": money(now.index),
        "estimatedSettlePrice": money(now.index),
        "lastFundingRate": money(now.funding_rate),
        "interestRate": money(INTEREST_8H),
        "nextFundingTime": now.next_funding,
        "time": market.now(),
    }


def ticker(market: Market, symbol: str) -> dict[str, Any]:
    instrument, day = market.instrument(symbol), market.ticker(symbol)
    mean = day.turnover / day.volume if day.volume else day.last
    trades = int(day.turnover / _TRADE_SIZE)
    return {
        "symbol": symbol,
        "priceChange": price_text(instrument, day.last - day.open),
        "priceChangePercent": fixed((day.last / day.open - 1) * 100, 3),
        "weightedAvgPrice": price_text(instrument, mean),
        "lastPrice": price_text(instrument, day.last),
        "lastQty": quantity_text(instrument, instrument.step_size),
        "openPrice": price_text(instrument, day.open),
        "highPrice": price_text(instrument, day.high),
        "lowPrice": price_text(instrument, day.low),
        "volume": quantity_text(instrument, day.volume),
        "quoteVolume": f"{day.turnover:.2f}",
        "openTime": day.opened,
        "closeTime": day.closed,
        "firstId": 1,
        "lastId": trades,
        "count": trades,
    }


def ticker_price(market: Market, symbol: str) -> dict[str, Any]:
    price = price_text(market.instrument(symbol), market.price(symbol))
    return {"symbol": symbol, "price": price, "time": market.now()}


def book_ticker(market: Market, symbol: str) -> dict[str, Any]:
    instrument = market.instrument(symbol)
    top = _levels(instrument, market.book(symbol, 1))
    nothing = [price_text(instrument, 0.0), quantity_text(instrument, 0.0)]
    (bid, bid_size), (ask, ask_size) = ((top[side] or [nothing])[0] for side in ("bids", "asks"))
    now = market.book_time(symbol)
    return {
        "symbol": symbol,
        "bidPrice": bid,
        "bidQty": bid_size,
        "askPrice": ask,
        "askQty": ask_size,
        "time": now,
        "lastUpdateId": now,
    }


def depth(market: Market, symbol: str, levels: int) -> dict[str, Any]:
    now = market.book_time(symbol)
    sides = _levels(market.instrument(symbol), market.book(symbol, levels))
    return {"lastUpdateId": now, "E": now, "T": now, **sides}


def _levels(instrument: Instrument, book: Book) -> dict[str, list[list[str]]]:
    def side(prices: Any, sizes: Any) -> list[list[str]]:
        pairs = zip(prices.tolist(), sizes.tolist(), strict=True)
        return [[price_text(instrument, p), quantity_text(instrument, s)] for p, s in pairs]

    return {
        "bids": side(book.bid_prices, book.bid_sizes),
        "asks": side(book.ask_prices, book.ask_sizes),
    }


def open_interest(market: Market, symbol: str) -> dict[str, Any]:
    """:raises VenueError: where none is on record, rather than reporting a false 0"""
    _, values = market.readings(symbol, "open_interest", "1h", limit=1)
    if not len(values) or np.isnan(values[-1]):
        raise VenueError(-1000, f"No open interest on record for {symbol}.")
    amount = quantity_text(market.instrument(symbol), float(values[-1]))
    return {"openInterest": amount, "symbol": symbol, "time": market.now()}
