"""The parts of the state file, from what Freqtrade and Perpkit know."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from freqtrade.persistence import Order, Trade

from perpkit.bot.live.obstacles import Obstacles
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.live.stop_orders import is_covered
from perpkit.bot.positions.trades import TradeKey, TradeState, TradeStates, key_of, utc
from perpkit.bot.refusals import Refusals
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Side, Trading
from perpkit.execution.fills import SlippageRecord
from perpkit.record import state
from perpkit.record.latch import Latch

logger = logging.getLogger(__name__)

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


class Positions:
    """Reports open positions and their stops.

    :param states: of the trades
    """

    def __init__(self, states: TradeStates) -> None:
        self._states = states
        self._since = Since()

    def report(self, trades: Iterable[Trade], now: datetime) -> tuple[state.Position, ...]:
        """Returns the positions. The bot's lock must be held."""
        held = {key_of(trade): trade for trade in trades if trade.has_open_position}
        self._since.keep(held)
        return tuple(self._position(key, trade, now) for key, trade in held.items())

    def _position(self, key: TradeKey, trade: Trade, now: datetime) -> state.Position:
        known, covered = self._state_of(trade), is_covered(trade)
        since = self._since.of(key, covered, now)
        if not covered and known and known.covered_at:
            since = known.covered_at
        return state.Position(
            trade_id=trade.id,
            pair=trade.pair,
            side=trade.trade_direction,
            amount=trade.amount,
            open_rate=trade.open_rate,
            opened_at=utc(trade.open_date),
            leverage=trade.leverage or 1.0,
            liquidation_price=trade.liquidation_price,
            stop_price=trade.stop_loss or None,
            covered=covered,
            since=since,
            covered_by=tuple(map(_stop, trade.open_sl_orders)),
            risk=(known.risk or None) if known else None,
        )

    def _state_of(self, trade: Trade) -> TradeState | None:
        try:
            return self._states.of(trade)
        except Exception:  # coverage is reported all the same
            logger.debug("The state of a trade cannot be read.", exc_info=True)
            return None


def _stop(order: Order) -> state.Stop:
    price = order.stop_price or order.ft_price
    return state.Stop(order_id=order.order_id, amount=order.safe_amount, price=price)


def entries(trades: Iterable[Trade]) -> tuple[state.Waiting, ...]:
    """Returns the open entry orders. The bot's lock must be held."""
    return tuple(
        state.Waiting(
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
    ) -> state.Trading:
        """:param doubts: why entries are blocked, by callback and pair"""
        of_all = watch.decision()
        restrictions = dict(watch.restrictions)
        self._since.keep(restrictions)
        return state.Trading(
            state=of_all.trading.value,
            reason=of_all.reason if of_all.trading is not Trading.ACTIVE else "",
            restrictions=tuple(self._restriction(*each, now) for each in restrictions.items()),
            doubts=tuple(
                state.Doubt(callback=callback, pair=pair, reason=reason)
                for (callback, pair), reason in doubts.items()
            ),
        )

    def _restriction(
        self, key: RestrictionKey, decision: Decision, now: datetime
    ) -> state.Restriction:
        effect = decision.trading, decision.size_factor, decision.max_leverage
        return state.Restriction(
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


def slippage(record: SlippageRecord) -> state.Slippage:
    return state.Slippage(
        fills=len(record.fills),
        mean_bps=record.mean_bps,
        mean_excess_bps=record.mean_excess_bps,
    )


def failing(guard: StopGuard | None, now: datetime) -> tuple[state.Failing, ...] | None:
    if guard is None:
        return None
    return tuple(
        state.Failing(
            what=each.what, error=each.error, since=each.since, at=each.at, count=each.count
        )
        for each in guard.failing(now)
    )


def failed_callbacks(found: Mapping[str, Mapping[str, Any]]) -> dict[str, state.FailedCallback]:
    return {name: state.FailedCallback(**failure) for name, failure in found.items()}


def refusals(record: Refusals) -> state.Refusals:
    newest = (
        state.Refused(
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
    return state.Refusals(by_kind=record.by_kind, newest=tuple(newest))


def latch(path: str, found: Latch) -> state.Latch:
    return state.Latch(
        path=path,
        state=found.state.value,
        by=found.by,
        why=found.why,
        at=found.at,
        damaged=found.damaged,
    )


def journal(obstacles: Obstacles | None, guard: StopGuard | None) -> state.Journal | None:
    found = obstacles.journal if obstacles is not None else None
    if found is None:
        return None
    (word, reason), unanswered = found, guard.unanswered if guard is not None else None
    if guard is not None and (failure := guard.journal_failure):
        word, reason = "unwritable", failure
    return state.Journal(state=str(word), open_intents=unanswered, reason=reason)


def reconciliation(guard: StopGuard | None) -> state.Reconciliation | None:
    if guard is None:
        return None
    refused = guard.refused
    return state.Reconciliation(compared=refused is not None, refused=dict(refused or {}))
