"""Metrics of the bot itself: its cycles, what it may do, what fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from perpkit.ops.metrics.metric import Metric, Values, by, one, seconds, which
from perpkit.record.state import State
from perpkit.record.state_running import Loop

_BOT_STATES = ("running", "paused", "stopped", "reload_config")
_TRADING = ("active", "reducing", "halted")


def _loop(name: str, text: str, figure: Callable[[Loop], float | None]) -> Metric:
    return Metric(name, text, lambda s, _: one(figure(s.loop)) if s.loop else (), part="loop")


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
