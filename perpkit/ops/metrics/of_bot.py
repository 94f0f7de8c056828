"""Metrics of the bot itself: its cycles, what it may do, its requests, its data, what fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from perpkit.ops.metrics.metric import Metric, Values, by, one, seconds, which
from perpkit.record.state import Candles, Loop, Requests, Slippage, State

_BPS = 1e-4
_BOT_STATES = ("running", "paused", "stopped", "reload_config")
_TRADING = ("active", "reducing", "halted")


def _loop(name: str, text: str, figure: Callable[[Loop], float | None]) -> Metric:
    return Metric(name, text, lambda s, _: one(figure(s.loop)) if s.loop else (), part="loop")


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


def _restrictions(state: State, _now: datetime) -> Values:
    """How many restrictions each breaker has in force, none included."""
    if state.trading is None:
        return ()
    found: Counter[tuple[str, str]] = Counter(
        (each.name, each.trading) for each in state.trading.restrictions
    )
    names = sorted({*(state.trading.breakers or ()), *(name for name, _ in found)})
    return [((name, trading), found[name, trading]) for name in names for trading in _TRADING]


def _size_factors(state: State, _now: datetime) -> Values:
    """The smallest share of the usual size that each breaker leaves; 1 without a restriction."""
    if state.trading is None:
        return ()
    factors = dict.fromkeys(state.trading.breakers or (), 1.0)
    for each in state.trading.restrictions:
        factors[each.name] = min(each.size_factor, factors.get(each.name, 1.0))
    return by(factors)


def _locks(state: State, _now: datetime) -> Values:
    """The latest end of the locks of a pair and side."""
    ends: dict[tuple[str, ...], float] = {}
    for each in state.locks or ():
        key = each.pair, each.side
        ends[key] = max(each.until.timestamp(), ends.get(key, 0.0))
    return ends.items()


METRICS = (
    Metric(
        "perpkit_bot_info",
        "1, with what runs as labels.",
        lambda s, _: [
            (
                (
                    s.strategy,
                    s.mode,
                    s.account.currency if s.account else "",
                    s.versions.freqtrade,
                    s.versions.perpkit,
                ),
                1.0,
            )
        ],
        labels=("strategy", "mode", "currency", "freqtrade", "perpkit"),
    ),
    Metric(
        "perpkit_bot_start_time_seconds",
        "When the bot was made.",
        lambda s, _: one(seconds(s.started_at)),
    ),
    Metric(
        "perpkit_bot_state",
        "1 for the present state of Freqtrade.",
        lambda s, _: which(s.bot_state, _BOT_STATES),
        labels=("state",),
    ),
    Metric(
        "perpkit_bot_passive",
        "1 if the bot opens, moves and cancels nothing.",
        lambda s, _: one(float(s.passive is not None)),
    ),
    _loop("perpkit_cycles_total", "Cycles since the bot started.", lambda loop: loop.cycles),
    _loop("perpkit_cycle_last_seconds", "What the last took.", lambda loop: loop.last_seconds),
    _loop("perpkit_cycle_mean_seconds", "Mean of the last 100.", lambda loop: loop.mean_seconds),
    _loop("perpkit_cycle_max_seconds", "Longest of the last 100.", lambda loop: loop.max_seconds),
    _loop("perpkit_cycles_failing", "In a row that ended early.", lambda loop: loop.failed),
    _loop(
        "perpkit_cycle_succeeded_time_seconds",
        "When the last cycle ended that nothing ended early.",
        lambda loop: seconds(loop.succeeded_at),
    ),
    Metric(
        "perpkit_trading_state",
        "1 for what the bot may do with all pairs.",
        lambda s, _: which(s.trading.state, _TRADING) if s.trading else (),
        part="trading",
        labels=("state",),
    ),
    Metric(
        "perpkit_breaker_restrictions",
        "Restrictions in force, by breaker and by what they leave.",
        _restrictions,
        part="trading",
        labels=("breaker", "trading"),
    ),
    Metric(
        "perpkit_breaker_size_factor",
        "Smallest share of the usual size that the breaker leaves.",
        _size_factors,
        part="trading",
        labels=("breaker",),
    ),
    Metric(
        "perpkit_doubts",
        "Callbacks that have failed and block entries until they succeed.",
        lambda s, _: one(len(s.trading.doubts)) if s.trading else (),
        part="trading",
    ),
    Metric(
        "perpkit_locks",
        "Locks of Freqtrade in force.",
        lambda s, _: one(len(s.locks or ())),
        part="locks",
    ),
    Metric(
        "perpkit_lock_end_time_seconds",
        "When the last lock of the pair ends.",
        _locks,
        part="locks",
        labels=("pair", "side"),
    ),
    Metric(
        "perpkit_latch_state",
        "1 for the state of the stop latch.",
        lambda s, _: which(s.latch.state, ("clear", "reducing", "halted")) if s.latch else (),
        part="latch",
        labels=("state",),
    ),
    Metric(
        "perpkit_latch_damaged",
        "1 if the stop latch cannot be read.",
        lambda s, _: one(float(s.latch.damaged)) if s.latch else (),
        part="latch",
    ),
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
    Metric(
        "perpkit_callbacks_failed_total",
        "Callbacks that failed.",
        lambda s, _: one(sum(each.count for each in (s.failed_callbacks or {}).values())),
        part="failed_callbacks",
    ),
    Metric(
        "perpkit_callback_failures_total",
        "The same by callback.",
        lambda s, _: by({name: each.count for name, each in (s.failed_callbacks or {}).items()}),
        part="failed_callbacks",
        labels=("callback",),
    ),
    Metric(
        "perpkit_guard_failing",
        "Steps of the stop guard that fail at present.",
        lambda s, _: one(len(s.failing or ())),
        part="failing",
    ),
    Metric(
        "perpkit_entries_refused_total",
        "Entries that were refused, by what refused them.",
        lambda s, _: by(s.refusals.by_kind) if s.refusals else (),
        part="refusals",
        labels=("kind",),
    ),
    Metric(
        "perpkit_books_compared",
        "1 once the trade database has been compared with the exchange.",
        lambda s, _: one(float(s.reconciliation.compared)) if s.reconciliation else (),
        part="reconciliation",
    ),
    Metric(
        "perpkit_books_differing",
        "Pairs without entries since their books or settings differ from the exchange's.",
        lambda s, _: one(len(s.reconciliation.refused)) if s.reconciliation else (),
        part="reconciliation",
    ),
    Metric(
        "perpkit_journal_sound",
        "1 if the journal of orders is sound.",
        lambda s, _: one(float(s.journal.state == "sound")) if s.journal else (),
        part="journal",
    ),
    Metric(
        "perpkit_journal_open_orders",
        "Orders without an answer, or that the trade database may lack.",
        lambda s, _: one(s.journal.open_intents) if s.journal else (),
        part="journal",
    ),
    Metric(
        "perpkit_parts_off",
        "Parts of Perpkit that are switched off.",
        lambda s, _: one(len(s.parts_off or ())),
        part="parts_off",
    ),
)
