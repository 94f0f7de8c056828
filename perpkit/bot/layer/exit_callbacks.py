"""The callbacks of the risk layer that decide on exits: a halt precedes the strategy's answer."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from freqtrade.enums import ExitCheckTuple
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy

from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.uncopied import given_on, uncopied
from perpkit.bot.live.leaving import URGENT, in_front

logger = logging.getLogger(__name__)


class ExitCallbacks(IStrategy):
    """A base of PerpRisk."""

    _perpkit: RiskLayer

    def should_exit(self, trade: Trade, *args: Any, **kwargs: Any) -> list[ExitCheckTuple]:
        if self._perpkit.idle:
            return super().should_exit(trade, *args, **kwargs)
        # Not `custom_exit`, which Freqtrade skips without exit signals.
        urgent = None
        with self._perpkit.attempt("should_exit"):
            rate = args[0] if args else kwargs["rate"]
            urgent = self._perpkit.urgent(trade, rate)
        try:
            exits = super().should_exit(trade, *args, **kwargs)
        except Exception:
            if urgent is None:
                raise
            logger.exception(f"should_exit failed; {trade.pair} is closed: {urgent}.")
            exits = []
        return in_front(urgent, exits)

    @uncopied
    def confirm_trade_exit(
        self,
        pair: str,
        trade: Trade,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        exit_reason: str,
        current_time: datetime,
        **kwargs: Any,
    ) -> bool:
        if exit_reason in URGENT:
            return True
        theirs = super().confirm_trade_exit
        return theirs(
            pair=pair,
            trade=given_on(trade, theirs),
            order_type=order_type,
            amount=amount,
            rate=rate,
            time_in_force=time_in_force,
            exit_reason=exit_reason,
            current_time=current_time,
            **kwargs,
        )

    @uncopied
    def custom_exit_price(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        proposed_rate: float,
        current_profit: float,
        exit_tag: str | None,
        **kwargs: Any,
    ) -> float | None:
        # A price of the strategy's own is for an exit that can wait.
        if exit_tag in URGENT:
            return proposed_rate
        theirs = super().custom_exit_price
        return theirs(
            pair=pair,
            trade=given_on(trade, theirs),
            current_time=current_time,
            proposed_rate=proposed_rate,
            current_profit=current_profit,
            exit_tag=exit_tag,
            **kwargs,
        )
