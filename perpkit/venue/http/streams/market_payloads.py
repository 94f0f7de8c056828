"""Messages of the market streams, in the exchange's shapes.

Binance USD-M, "Websocket Market Streams", September 2026: `st` is 1 for USD-M, `ps` the pair.
"""

from __future__ import annotations

from typing import Any

from perpkit.venue.http import payloads
from perpkit.venue.http.numbers import money, price_text, quantity_text, quote_text
from perpkit.venue.market.candles import SERVED_MS, Candles, closing_time
from perpkit.venue.market.market import Market
from perpkit.venue.market.trades import Trades

_USD_M = 1
# First trade ids of candles are this far apart a ms, so that those of candles never overlap.
_TRADES_A_MS = 1_000


def kline(
    market: Market, symbol: str, interval: str, candle: Candles, now: int, *, closed: bool
) -> dict[str, Any]:
    """:param candle: one row"""
    instrument = market.instrument(symbol)
    opened, o, h, low, c, volume = (column.tolist()[0] for column in candle.columns())
    turnover = float(candle.turnover()[0])
    trades, first = payloads.trade_count(turnover), opened * _TRADES_A_MS
    return {
        "e": "kline",
        "E": now,
        "s": symbol,
        "k": {
            "t": opened,
            "T": closing_time(opened, SERVED_MS[interval]) - 1,
            "s": symbol,
            "i": interval,
            "f": first,
            "L": first + trades - 1,
            "o": price_text(instrument, o),
            "c": price_text(instrument, c),
            "h": price_text(instrument, h),
            "l": price_text(instrument, low),
            "v": quantity_text(instrument, volume),
            "n": trades,
            "x": closed,
            "q": quote_text(instrument, turnover),
            "V": quantity_text(instrument, volume / 2),
            "Q": quote_text(instrument, turnover / 2),
            "B": "0",
        },
    }


def continuous_kline(
    market: Market, symbol: str, interval: str, candle: Candles, now: int, *, closed: bool
) -> dict[str, Any]:
    """:param candle: one row"""
    shown = kline(market, symbol, interval, candle, now, closed=closed)["k"]
    return {
        "e": "continuous_kline",
        "E": now,
        "ps": symbol,
        "ct": market.instrument(symbol).contract_type,
        "k": {name: value for name, value in shown.items() if name != "s"},
    }


def agg_trades(market: Market, symbol: str, found: Trades, now: int) -> list[dict[str, Any]]:
    return [
        {"e": "aggTrade", "E": now, "s": symbol, **row, "st": _USD_M}
        for row in payloads.aggregates(market.instrument(symbol), found)
    ]


def trades(market: Market, symbol: str, found: Trades, now: int) -> list[dict[str, Any]]:
    """The exchange serves these without documenting them; the fields are of recorded messages."""
    return [
        {
            "e": "trade",
            "E": now,
            "T": row["time"],
            "s": symbol,
            "t": row["id"],
            "p": row["price"],
            "q": row["qty"],
            "X": "MARKET",
            "m": row["isBuyerMaker"],
            "st": _USD_M,
        }
        for row in payloads.trades(market.instrument(symbol), found)
    ]


def book_ticker(market: Market, symbol: str) -> dict[str, Any]:
    top = payloads.book_ticker(market, symbol)
    return {
        "e": "bookTicker",
        "u": top["lastUpdateId"],
        "E": top["time"],
        "T": top["time"],
        "s": symbol,
        "ps": symbol,
        "b": top["bidPrice"],
        "B": top["bidQty"],
        "a": top["askPrice"],
        "A": top["askQty"],
        "st": _USD_M,
    }


def depth(market: Market, symbol: str, levels: int, previous: int) -> dict[str, Any]:
    """:param previous: update id of the message before this one"""
    book = payloads.depth(market, symbol, levels)
    return {
        "e": "depthUpdate",
        "E": book["E"],
        "T": book["T"],
        "s": symbol,
        "ps": symbol,
        "U": previous + 1,
        "u": book["lastUpdateId"],
        "pu": previous,
        "b": book["bids"],
        "a": book["asks"],
        "st": _USD_M,
    }


def mark_price(market: Market, symbol: str, now: int) -> dict[str, Any]:
    """`ap`, the moving average of the mark price, is the mark price: the venue's is smooth."""
    shown = market.premium(symbol)
    return {
        "e": "markPriceUpdate",
        "E": now,
        "s": symbol,
        "p": money(shown.mark),
        "ap": money(shown.mark),
        "P": money(shown.index),
        "i": money(shown.index),
        "r": money(shown.funding_rate),
        "T": shown.next_funding,
        "st": _USD_M,
    }
