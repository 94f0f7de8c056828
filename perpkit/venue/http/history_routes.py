"""Signed endpoints of an account's history: trades, orders of every sort, incomes, margin."""

from __future__ import annotations

from typing import Any

from perpkit.venue.engine import Account, Forced, IncomeKind, Lookup
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http import order_payloads as payloads
from perpkit.venue.http.account_payloads import income as income_row
from perpkit.venue.http.account_payloads import margin_change
from perpkit.venue.http.handlers import (
    Signed,
    bounded,
    choice_of,
    known_symbol,
    optional_integer,
    optional_symbol,
)
from perpkit.venue.http.order_routes import order_of
from perpkit.venue.http.signing import RequestParameters

MOST_ROWS = 1000
_ROWS, _INCOME_ROWS = 500, 100  # default limits
_FEW_ROWS, _MOST_FEW = 50, 100  # default and largest limit where rows are rare
_MOST_PAGES = 10**9


def add_history(exchange: Exchange, signed: Signed) -> None:
    engine, instrument = exchange.engine, exchange.market.instrument

    @signed("GET", "/fapi/v1/userTrades")
    def user_trades(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        order_id = optional_integer(sent, "orderId")
        rows = engine.trade_history(account, symbol, _lookup(sent, "fromId"), now, order_id)
        return [payloads.trade(row, instrument(symbol)) for row in rows]

    @signed("GET", "/fapi/v1/allOrders")
    def all_orders(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        rows = engine.order_history(account, symbol, _lookup(sent, "orderId"), now)
        return [payloads.queried(row, instrument(symbol)) for row in rows]

    @signed("GET", "/fapi/v1/allAlgoOrders")
    def all_algos(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        rows = engine.algo_history(account, symbol, _lookup(sent, "algoId"), now)
        return [payloads.listed_algo(row, instrument(symbol)) for row in rows]

    @signed("GET", "/fapi/v1/forceOrders")
    def force_orders(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = optional_symbol(engine, sent)
        kind = choice_of(sent, "autoCloseType", list(Forced.__members__))
        wanted = None if kind is None else Forced[kind]
        rows = engine.forced_orders(account, _few(sent), now, symbol, wanted)
        return [payloads.forced(row, instrument(row.symbol)) for row in rows]

    @signed("GET", "/fapi/v1/orderAmendment")
    def amendments(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        order = engine.query_order(account, symbol, now=now, **order_of(sent, "orderId"))
        rows = engine.amendments(order, _few(sent), now)
        return [payloads.amendment(order, row, instrument(symbol)) for row in rows]

    @signed("GET", "/fapi/v1/positionMargin/history", trading=True)
    def margin_history(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = known_symbol(engine, sent)
        kind = choice_of(sent, "type", ("1", "2"))
        adding = None if kind is None else kind == "1"
        lookup = Lookup(
            bounded(sent, "limit", _ROWS, MOST_ROWS),
            optional_integer(sent, "startTime"),
            optional_integer(sent, "endTime"),
        )
        rows = engine.margin_history(account, symbol, lookup, now, adding=adding)
        return [margin_change(row) for row in rows]

    @signed("GET", "/fapi/v1/income")
    def income(account: Account, sent: RequestParameters, now: int) -> Any:
        symbol = optional_symbol(engine, sent)
        kind = choice_of(sent, "incomeType", list(IncomeKind))
        lookup = Lookup(
            bounded(sent, "limit", _INCOME_ROWS, MOST_ROWS),
            optional_integer(sent, "startTime"),
            optional_integer(sent, "endTime"),
            page=bounded(sent, "page", 1, _MOST_PAGES) if sent.optional("page") else None,
        )
        rows = engine.income_history(
            account, lookup, now, symbol=symbol, kind=None if kind is None else IncomeKind(kind)
        )
        return [income_row(row) for row in rows]


def _few(sent: RequestParameters) -> Lookup:
    return Lookup(
        bounded(sent, "limit", _FEW_ROWS, _MOST_FEW),
        optional_integer(sent, "startTime"),
        optional_integer(sent, "endTime"),
    )


def _lookup(sent: RequestParameters, first: str) -> Lookup:
    """:param first: name of the parameter with the lowest id to return"""
    return Lookup(
        bounded(sent, "limit", _ROWS, MOST_ROWS),
        optional_integer(sent, "startTime"),
        optional_integer(sent, "endTime"),
        optional_integer(sent, first),
    )
