"""The callbacks of the risk layer that decide on entries: leverage, stake, confirmation, additions.

They ask the layer and the strategy behind them: the stricter answer counts.
"""

from __future__ import annotations

import logging
from datetime import datetime
from math import floor, inf
from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.positions.candidate import Candidate

logger = logging.getLogger(__name__)


class EntryCallbacks(IStrategy):
    """The part of PerpRisk that decides on entries."""

    _perpkit: RiskLayer

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        layer = self._perpkit
        try:
            leverage = super().leverage(
                pair=pair,
                current_time=current_time,
                current_rate=current_rate,
                proposed_leverage=proposed_leverage,
                max_leverage=max_leverage,
                entry_tag=entry_tag,
                side=side,
                **kwargs,
            )
            if not leverage > -inf:  # None and text raise here; Freqtrade would fail at them later
                raise ValueError(f"{leverage!r} is no leverage")
        except Exception:
            # Freqtrade would take 1x, which the rules may refuse as well.
            if layer.rules is None:
                raise
            logger.exception("leverage failed: 1x is used.")
            leverage = 1.0
        cap = layer.decision(pair, side).max_leverage
        if leverage > cap:
            asked, leverage = leverage, max(1.0, float(floor(cap)))
            text = f"Leverage of {asked:g} cut to {leverage:g}: {layer.decision(pair, side).reason}"
            layer.decided.scaled(
                pair, side, current_time, "breaker", text, asked=asked, allowed=leverage
            )
        if (rules := layer.rules) is None:
            return leverage
        entry, allowed = Candidate(pair, side == "short", current_time, current_rate, None), 1.0
        with layer.attempt("leverage"):
            allowed = rules.leverage(entry, leverage, max_leverage)
        return allowed

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        layer = self._perpkit
        factor = layer.decision(pair, side).size_factor
        try:
            stake = super().custom_stake_amount(
                pair=pair,
                current_time=current_time,
                current_rate=current_rate,
                proposed_stake=proposed_stake,
                min_stake=min_stake,
                max_stake=max_stake,
                leverage=leverage,
                entry_tag=entry_tag,
                side=side,
                **kwargs,
            )
        except Exception:
            # Freqtrade would take the proposed stake, all of it and despite a refused leverage.
            if factor >= 1 and layer.rules is None and layer.limits is None:
                raise
            logger.exception("custom_stake_amount failed: the proposed stake is used.")
            stake = proposed_stake
        if not _opens(stake):
            layer.entries.note_no_stake(pair, side, current_time, entry_tag)
            return 0.0
        if factor < 1:  # of what would be ordered: Freqtrade cuts the rest off after it
            stake = min(stake, max_stake)
        allowed = 0.0
        with layer.attempt("custom_stake_amount"):
            entry = Candidate(pair, side == "short", current_time, current_rate, entry_tag)
            if (rules := layer.rules) is not None:
                stake = rules.stake(entry, stake, leverage, max_stake)
            else:
                stake = layer.entries.cut(entry, stake)
            allowed = layer.entries.within_limits(entry, leverage, stake)
            layer.entries.note_smallest(entry, allowed, min_stake, max_stake)
        return allowed

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        refused = True
        with self._perpkit.attempt("confirm_trade_entry"):
            entry = Candidate(pair, side == "short", current_time, rate, entry_tag)
            refused = self._perpkit.entries.refuses(entry, amount)
        if refused:
            return False
        confirmed = super().confirm_trade_entry(
            pair=pair,
            order_type=order_type,
            amount=amount,
            rate=rate,
            time_in_force=time_in_force,
            current_time=current_time,
            entry_tag=entry_tag,
            side=side,
            **kwargs,
        )
        if not self._perpkit.hooks.own_errors:  # else a subclass may have the last word
            self._perpkit.entries.note_answer(entry, amount, confirmed)
        return confirmed

    def is_pair_locked(
        self, pair: str, *, candle_date: datetime | None = None, side: str = "*"
    ) -> bool:
        # Freqtrade calls it for a pair and side that it is about to enter.
        locked: bool = super().is_pair_locked(pair, candle_date=candle_date, side=side)
        if locked and not self._perpkit.simulated:
            with self._perpkit.attempt("is_pair_locked"):
                self._perpkit.entries.note_lock(pair, side)
        return locked

    def ft_check_timed_out(self, trade: Trade, order: Order, current_time: datetime) -> bool:
        # Freqtrade's own `unfilledtimeout` comes first: it ends an entry without asking.
        ends: bool = super().ft_check_timed_out(trade, order, current_time)
        if ends and order.ft_order_side == trade.entry_side:
            self._perpkit.entries.note_timeout(trade, order, current_time)
        return ends

    def _adjust_trade_position_internal(
        self, trade: Trade, current_time: datetime, current_rate: float, *args: Any, **kwargs: Any
    ) -> tuple[float | None, str]:
        # A backtest calls this method of Freqtrade, then adds without asking again. A running bot
        # is asked right before the order, which covers forced entries as well.
        stake, tag = super()._adjust_trade_position_internal(
            trade, current_time, current_rate, *args, **kwargs
        )
        layer = self._perpkit
        if layer.simulated and stake is not None and stake > 0:
            allowed = 0.0
            with layer.attempt("_adjust_trade_position_internal"):
                allowed = layer.entries.allowed_addition(
                    trade, stake, current_rate, tag, current_time
                )
            stake = (stake if allowed == stake else allowed) or None
        return stake, tag


def _opens(stake: Any) -> bool:
    """Whether a strategy's answer is a stake. Freqtrade opens nothing for None, text and what is
    not above 0; NaN and a callback that is async it would take for one."""
    try:
        return bool(stake > 0)
    except TypeError:
        return False
