"""What the risk layer decides about an entry or an addition, and what it records of a refusal."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freqtrade.persistence import LocalTrade, Order, Trade

from perpkit.bot.layer.entry_signals import longest_lock
from perpkit.bot.layer.limits import side_of
from perpkit.bot.positions.additions import why_blocked
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.refusals import RefusalKind, Why

if TYPE_CHECKING:  # it holds one of these
    from perpkit.bot.layer.layer import RiskLayer

logger = logging.getLogger(__name__)

# Freqtrade raises a stake to the smallest one by so much at most.
_RAISED = 1.3
NOT_STARTED = "the risk layer has not started"


class Entries:
    """
    :param layer: of the strategy that would enter
    """

    def __init__(self, layer: RiskLayer) -> None:
        self._layer = layer

    def within_limits(self, entry: Candidate, leverage: float, stake: float) -> float:
        """Returns the part of an entry's stake that the limits allow; the log names the rest."""
        layer = self._layer
        if layer.limits is None or not stake:
            return stake
        return layer.limits.stake(entry, leverage, stake, layer.refusals)

    def refuses(self, entry: Candidate, amount: float) -> bool:
        """Returns whether an entry is refused.

        This is the second line of defence behind the locks, which a forced entry does not meet.
        """
        refused = self._refusal(entry, amount)
        if refused is not None:
            self._layer.refusals.add(refused, entry.pair, side_of(entry), entry.now)
        return refused is not None

    def _refusal(self, entry: Candidate, amount: float) -> Why | None:
        layer, pair, side, now = self._layer, entry.pair, side_of(entry), entry.now
        if not layer.started:
            return Why(RefusalKind.CALLBACK, NOT_STARTED)
        decision = layer.decision(pair, side)
        if latched := layer.running.latched():
            return latched
        if decision.entries_blocked:
            return Why(RefusalKind.BREAKER, decision.reason)
        if layer.failed_steps:
            return Why(RefusalKind.CALLBACK, next(iter(layer.failed_steps.values())))
        if layer.limits is not None and (beyond := layer.limits.refusal(entry, amount)):
            return beyond
        return layer.running.refusal(pair, side, amount, now, layer.hooks.columns(pair))

    def allowed_addition(
        self,
        trade: LocalTrade,
        stake: float,
        rate: float,
        tag: str | None,
        now: datetime | None = None,
    ) -> float:
        """Returns the part of `stake` that may be added to a trade; the log names the rest."""
        layer = self._layer
        now, pair, side = now or datetime.now(UTC), trade.pair, trade.trade_direction
        if not layer.started:  # and so without what is asked below
            why = Why(RefusalKind.CALLBACK, NOT_STARTED)
            layer.refusals.add(why, pair, side, now, what=f"Addition of {stake:.2f} refused")
            return 0.0
        decision = layer.decision(pair, side)
        part, _, reason = layer.hooks.addition(trade, stake, rate, now, decision, tag)
        refused = Why(RefusalKind.BREAKER if decision.entries_blocked else RefusalKind.SIZE, reason)
        if latched := layer.running.latched():
            part, refused = 0.0, latched
        elif doubt := layer.doubt(pair):
            part, refused = 0.0, Why(RefusalKind.CALLBACK, doubt)
        elif part and layer.limits is not None:
            part, against = layer.limits.addition(trade, part, rate, now)
            if against is not None:
                refused, reason = against, against.reason
        if part:
            amount = part * trade.leverage / rate
            columns = layer.hooks.columns(pair)
            if against := layer.running.refusal(pair, side, amount, now, columns):
                part, refused = 0.0, against
        if not part:
            layer.refusals.add(refused, pair, side, now, what=f"Addition of {stake:.2f} refused")
        elif part < stake:
            cut = f"Addition of {stake:.2f} to {pair} {side} cut to {part:.2f}. {reason}"
            logger.info(cut)
            layer.decided.scaled(pair, side, now, refused.kind, cut, asked=stake, allowed=part)
        return part

    def entry_timed_out(self, trade: Trade, order: Order, now: datetime) -> bool:
        """Returns whether an open entry must be cancelled and its fills kept."""
        layer = self._layer
        decision = layer.decision(trade.pair, trade.trade_direction)
        blocked = decision.reason or "a breaker" if decision.entries_blocked else None
        blocked = blocked or layer.doubt(trade.pair)
        return layer.running.entry_timed_out(trade, order, now, blocked)

    def cut(self, entry: Candidate, stake: float) -> float:
        """Returns what the breakers leave of a stake; the log names the rest."""
        layer, pair, side = self._layer, entry.pair, side_of(entry)
        decision = layer.decision(pair, side)
        if blocked := why_blocked(decision):
            why = Why(RefusalKind.BREAKER, blocked)
            layer.refusals.add(why, pair, side, entry.now, what="No entry")
            return 0.0
        factor = min(decision.size_factor, 1.0)
        if factor < 1:
            text, left = f"Stake of {stake:.2f} x {factor:g}: {decision.reason}", stake * factor
            layer.decided.scaled(
                pair, side, entry.now, RefusalKind.BREAKER, text, asked=stake, allowed=left
            )
        return stake * factor

    def note_smallest(
        self, entry: Candidate, stake: float, least: float | None, most: float
    ) -> None:
        """Notes a stake that Freqtrade will refuse, as it says only in its log."""
        if not least or not stake or (least <= most and stake * _RAISED >= least):
            return
        text = f"a stake of {stake:.2f} is below the smallest of {least:.2f}"
        if least > most:
            text = f"the smallest stake is {least:.2f}, and {most:.2f} is available"
        pair, side = entry.pair, side_of(entry)
        self._layer.decided.refused(pair, side, entry.now, "smallest", text, entry.tag)

    def note_no_stake(self, pair: str, side: str, now: datetime, tag: str | None) -> None:
        """Notes a strategy that gives an entry no stake, unless it was noted why."""
        decided = self._layer.decided
        if not decided.noted_since(pair, now):
            text = "the strategy's own custom_stake_amount gave no stake"
            decided.refused(pair, side, now, "strategy", text, tag)

    def note_timeout(self, trade: Trade, order: Order, now: datetime) -> None:
        """Notes an entry that Freqtrade ends; never raises."""
        decided = self._layer.decided
        if decided.log is None:
            return
        waited = (now - order.order_date_utc).total_seconds()
        why = f"it has not filled in {waited:,.0f} s: {self._timeout(waited)}"
        decided.timed_out(trade, order, now, why)

    def _timeout(self, waited: float) -> str:
        own = self._layer.unfilled_timeout
        if own is None or waited < own.total_seconds():
            return "the strategy's check_entry_timeout"
        return f"Freqtrade's unfilledtimeout of {own.total_seconds():,.0f} s"

    def note_answer(self, entry: Candidate, amount: float, answer: bool) -> None:
        """Notes the last answer about an entry."""
        decided, pair, side = self._layer.decided, entry.pair, side_of(entry)
        if answer:
            decided.ordered(pair, side, entry.now, amount, entry.rate, entry.tag)
        elif not decided.noted_since(pair, entry.now):
            text = f"the strategy's own confirm_trade_entry refused {amount:g} at {entry.rate:g}"
            decided.refused(pair, side, entry.now, "strategy", text, entry.tag)

    def note_lock(self, pair: str, side: str) -> None:
        """Records an entry that a lock keeps a running bot from making."""
        self._layer.refusals.add(_why_locked(pair, side), pair, side)


def _why_locked(pair: str, side: str) -> Why:
    lock = longest_lock(pair, side)
    if lock is None:
        return Why(RefusalKind.LOCK, "Its lock ends with the candle.")
    return Why(
        RefusalKind.LOCK, f"Locked until {lock.lock_end_time:%Y-%m-%d %H:%M} UTC: {lock.reason}"
    )
