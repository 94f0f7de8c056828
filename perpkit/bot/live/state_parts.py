"""The parts of the state file, from what Freqtrade and Perpkit know."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from freqtrade.persistence import PairLocks, Trade

from perpkit.bot.live.obstacles import Obstacles
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.positions.trades import utc
from perpkit.bot.refusals import Refusals
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Side, Trading
from perpkit.execution.fills import SlippageRecord
from perpkit.record import state_trading
from perpkit.record.latch import Latch
from perpkit.record.state_holdings import Waiting
from perpkit.record.state_running import FailedCallback, Failing, Journal, Slippage

RestrictionKey = tuple[str, str, Side]


class Since:
    """Remembers, by key, since when a value has been unchanged."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[Any, datetime]] = {}

    def keep(self, keys: Iterable[Hashable]) -> None:
        """Forgets all keys but these."""
        kept = set(keys)
        self._seen = {key: seen for key, seen in self._seen.items() if key in kept}

    def of(self, key: Hashable, value: Any, now: datetime) -> datetime:
        known = self._seen.get(key)
        if known is None or known[0] != value:
            known = self._seen[key] = value, now
        return known[1]


def entries(trades: Iterable[Trade]) -> tuple[Waiting, ...]:
    """Returns the open entry orders. The bot's lock must be held."""
    return tuple(
        Waiting(
            trade_id=trade.id,
            order_id=order.order_id,
            pair=trade.pair,
            side=trade.trade_direction,
            type=order.order_type or "",
            amount=order.safe_amount,
            filled=order.safe_filled,
            price=order.safe_placement_price,
            placed_at=order.order_date_utc,
            tag=order.ft_order_tag or trade.enter_tag or "",
        )
        for trade in trades
        for order in trade.open_orders
        if order.ft_order_side == trade.entry_side
    )


class TradingNow:
    """Reports what breakers and other restrictions allow."""

    def __init__(self) -> None:
        self._since = Since()

    def report(
        self, watch: Watch, doubts: Mapping[tuple[str, str], str], now: datetime
    ) -> state_trading.Trading:
        """:param doubts: why entries are blocked, by callback and pair"""
        of_all = watch.decision()
        restrictions = dict(watch.restrictions)
        self._since.keep(restrictions)
        return state_trading.Trading(
            state=of_all.trading.value,
            reason=of_all.reason if of_all.trading is not Trading.ACTIVE else "",
            restrictions=tuple(self._restriction(*each, now) for each in restrictions.items()),
            doubts=tuple(
                state_trading.Doubt(callback=callback, pair=pair, reason=reason)
                for (callback, pair), reason in doubts.items()
            ),
            breakers=watch.breakers,
        )

    def _restriction(
        self, key: RestrictionKey, decision: Decision, now: datetime
    ) -> state_trading.Restriction:
        effect = decision.trading, decision.size_factor, decision.max_leverage
        return state_trading.Restriction(
            name=key[0],
            trading=decision.trading.value,
            pair=decision.pair,
            side=decision.side,
            reason=decision.reason,
            since=self._since.of(key, effect, now),
            release=utc(decision.release) if decision.release else None,
            size_factor=decision.size_factor,
            max_leverage=decision.max_leverage if isfinite(decision.max_leverage) else None,
        )


def locks(now: datetime) -> tuple[state_trading.Lock, ...]:
    """Returns the locks that are in force. The bot's lock must be held."""
    return tuple(
        state_trading.Lock(
            pair=each.pair,
            side=each.side,
            until=utc(each.lock_end_time),
            reason=each.reason or "",
        )
        for each in PairLocks.get_pair_locks(None, now)
    )


def slippage(record: SlippageRecord) -> Slippage:
    return Slippage(
        fills=len(record.fills),
        mean_bps=record.mean_bps,
        mean_excess_bps=record.mean_excess_bps,
    )


def failing(guard: StopGuard | None, now: datetime) -> tuple[Failing, ...] | None:
    if guard is None:
        return None
    return tuple(
        Failing(what=each.what, error=each.error, since=each.since, at=each.at, count=each.count)
        for each in guard.failing(now)
    )


def failed_callbacks(found: Mapping[str, Mapping[str, Any]]) -> dict[str, FailedCallback]:
    return {name: FailedCallback(**failure) for name, failure in found.items()}


def refusals(record: Refusals) -> state_trading.Refusals:
    newest = (
        state_trading.Refused(
            kind=each.kind,
            pair=each.pair,
            side=each.side,
            reason=each.reason,
            since=each.since.astimezone(UTC),
            at=each.at.astimezone(UTC),
            count=each.count,
        )
        for each in record.newest
    )
    return state_trading.Refusals(by_kind=record.by_kind, newest=tuple(newest))


def latch(path: str, found: Latch) -> state_trading.Latch:
    return state_trading.Latch(
        path=path,
        state=found.state.value,
        by=found.by,
        why=found.why,
        at=found.at,
        damaged=found.damaged,
    )


def journal(obstacles: Obstacles | None, guard: StopGuard | None) -> Journal | None:
    found = obstacles.journal if obstacles is not None else None
    if found is None:
        return None
    (word, reason), unanswered = found, guard.unanswered if guard is not None else None
    if guard is not None and (failure := guard.journal_failure):
        word, reason = "unwritable", failure
    return Journal(state=str(word), open_intents=unanswered, reason=reason)


def reconciliation(guard: StopGuard | None) -> state_trading.Reconciliation | None:
    if guard is None:
        return None
    refused = guard.refused
    return state_trading.Reconciliation(compared=refused is not None, refused=dict(refused or {}))
