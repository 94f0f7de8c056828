"""Metrics of what the exchange gives and allows: requests, orders, candles, slippage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from perpkit.ops.metrics.metric import Metric, Values, by, one
from perpkit.record.state_running import Candles, Requests, Slippage

_BPS = 1e-4


def _requests(name: str, text: str, values: Callable[[Requests], Values], *labels: str) -> Metric:
    return Metric(
        name,
        text,
        lambda s, _: values(s.requests) if s.requests else (),
        part="requests",
        labels=labels,
    )


def _slippage(name: str, text: str, figure: Callable[[Slippage], float | None]) -> Metric:
    return Metric(
        name,
        text,
        lambda s, _: one(figure(s.slippage)) if s.slippage else (),
        part="slippage",
    )


def _candles(name: str, text: str, figure: Callable[[Candles, datetime], float | None]) -> Metric:
    return Metric(
        name,
        text,
        lambda s, now: one(figure(s.candles, now)) if s.candles else (),
        part="candles",
    )


def _share(used: float | None, limit: float) -> float | None:
    return None if used is None else used / limit


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()


def _ratio(bps: float | None) -> float | None:
    return None if bps is None else bps * _BPS


def _orders(requests: Requests) -> Values:
    return [(("10s",), requests.orders_10s), (("1m",), requests.orders_1m)]


def _order_limits(requests: Requests) -> Values:
    return [(("10s",), requests.orders_10s_limit), (("1m",), requests.orders_1m_limit)]


def _order_shares(requests: Requests) -> Values:
    limits = dict(_order_limits(requests))
    return [(label, _share(used, limits[label] or 1)) for label, used in _orders(requests)]


METRICS = (
    _requests(
        "perpkit_request_weight",
        "Highest of a minute, of all clients at this address.",
        lambda r: one(r.used_weight),
    ),
    _requests(
        "perpkit_request_weight_limit",
        "What the exchange allows an address.",
        lambda r: one(r.weight_limit),
    ),
    _requests(
        "perpkit_request_weight_ratio",
        "Share of the limit that is used.",
        lambda r: one(_share(r.used_weight, r.weight_limit)),
    ),
    _requests(
        "perpkit_orders",
        "Highest number of orders of the account within the interval.",
        _orders,
        "interval",
    ),
    _requests(
        "perpkit_orders_limit", "What the exchange allows an account.", _order_limits, "interval"
    ),
    _requests("perpkit_orders_ratio", "Share of that limit.", _order_shares, "interval"),
    _requests(
        "perpkit_orders_failed_total",
        "Orders that failed.",
        lambda r: one(sum(r.order_errors.values())),
    ),
    _requests(
        "perpkit_order_errors_total",
        "The same by the exchange's code, or the class of the error.",
        lambda r: by(r.order_errors),
        "code",
    ),
    _candles(
        "perpkit_data_age_seconds",
        "Since the newest analysed candle closed, of the pair where it is the oldest.",
        lambda c, now: _age(c.oldest_at, now),
    ),
    _candles(
        "perpkit_data_newest_age_seconds",
        "The same of the pair where it is the newest.",
        lambda c, now: _age(c.newest_at, now),
    ),
    _candles("perpkit_timeframe_seconds", "Of a candle.", lambda c, _: c.timeframe_seconds),
    _candles("perpkit_pairs", "Pairs that may be traded or are held.", lambda c, _: c.pairs),
    _candles("perpkit_pairs_without_data", "Pairs without a candle.", lambda c, _: c.without),
    _slippage("perpkit_slippage_fills", "Entries that the mean is of.", lambda f: f.fills),
    _slippage(
        "perpkit_slippage_mean_ratio",
        "What entries cost against the middle of the book.",
        lambda f: _ratio(f.mean_bps),
    ),
    _slippage(
        "perpkit_slippage_excess_ratio",
        "By how much that was more than estimated.",
        lambda f: _ratio(f.mean_excess_bps),
    ),
)
