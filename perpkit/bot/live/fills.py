"""Places stops and exits without waiting for the balance, or for a request that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from freqtrade.exceptions import DependencyException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.closing_fills import ClosingFills
from perpkit.bot.live.later_balance import LaterBalance
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_policy import StopPolicy
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import message_of

logger = logging.getLogger(__name__)


class Fills:
    """Wraps how Freqtrade handles entries and fills; made once for a running live bot.

    :param stops: called after each fill
    :param closing: knows whether an exit is booked next, so that stops wait for it
    """

    def __init__(self, bot: Any, stops: StopPolicy, closing: ClosingFills, trying: Trying) -> None:
        self._bot = bot
        self._stops = stops
        self._closing = closing
        self._trying = trying
        self._balance = LaterBalance(bot)
        self._execute_entry = replace(bot, "bot.execute_entry", self.execute_entry)
        self._after_fill = replace(
            bot, "bot._update_trade_after_fill", self.update_trade_after_fill
        )
        replace(bot, "bot._safe_exit_amount", _exit_amount)

    def execute_entry(self, *args: Any, **kwargs: Any) -> bool:
        """Replaces Freqtrade's, which reads the balance between an immediate fill and its stop."""
        with self.balance_later():
            placed = self._execute_entry(*args, **kwargs)
            self._stops.protect_all()
        return placed

    def update_trade_after_fill(self, trade: Trade, order: Order, send_msg: bool) -> Trade:
        """Replaces Freqtrade's method, in which one failed request would abort the cycle and leave
        the trade without its own stop."""
        entered = order.ft_order_side == trade.entry_side
        with self.balance_later():
            try:
                trade = self._after_fill(trade, order, send_msg)
            except DependencyException as error:
                logger.warning(
                    f"After a fill of {trade.pair}, some steps failed: {message_of(error)}"
                )
                if entered and trade.is_open:
                    self._set_stop(trade)
            if entered and trade.has_open_position and not self._closing.under_way:
                self._stops.protect(trade)
        return trade

    def _set_stop(self, trade: Trade) -> None:
        """Sets the stop as Freqtrade does after a fill, from the entry price, not a new rate."""
        strategy = self._bot.strategy
        trade.adjust_stop_loss(trade.open_rate, strategy.stoploss, initial=True)
        if strategy.use_custom_stoploss:
            strategy.ft_stoploss_adjust(
                trade.open_rate, trade, datetime.now(UTC), 0.0, 0, after_fill=True
            )

    def balance_later(self) -> AbstractContextManager[None]:
        """Returns a context in which reads of the balance are postponed to its end."""
        return self._balance.later(self._read_balance)

    def _read_balance(self, read: Callable[[], None]) -> None:
        with self._trying("Reading the balance"):
            read()


def _exit_amount(_trade: Trade, _pair: str, amount: float) -> float:
    """Replaces Freqtrade's method, which for futures reads the balance but does not use it."""
    return amount
