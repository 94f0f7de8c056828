"""Neither the stop of an entry nor an exit waits for a balance, or for a read that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from freqtrade.exceptions import DependencyException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.later_balance import LaterBalance
from perpkit.bot.live.replaced import replace
from perpkit.bot.live.stop_policy import StopPolicy
from perpkit.bot.live.trying import Trying
from perpkit.bot.running_bot import words

logger = logging.getLogger(__name__)


class Fills:
    """Made once for a running live bot.

    :param stops: looked after when something has filled
    """

    def __init__(self, bot: Any, stops: StopPolicy, trying: Trying) -> None:
        self._bot = bot
        self._stops = stops
        self._trying = trying
        self._balance = LaterBalance(bot)
        self._execute_entry = replace(bot, "bot.execute_entry", self.execute_entry)
        self._after_fill = replace(
            bot, "bot._update_trade_after_fill", self.update_trade_after_fill
        )
        replace(bot, "bot._safe_exit_amount", _exit_amount)

    def execute_entry(self, *args: Any, **kwargs: Any) -> bool:
        """Freqtrade's, which reads the balance between an order that fills at once and its stop."""
        with self.balance_later():
            placed = self._execute_entry(*args, **kwargs)
            self._stops.protect_all()
        return placed

    def update_trade_after_fill(self, trade: Trade, order: Order, send_msg: bool) -> Trade:
        """Freqtrade's, in which one read that fails would leave the trade without its own stop and
        the rest of the cycle undone."""
        entered = order.ft_order_side == trade.entry_side
        with self.balance_later():
            try:
                trade = self._after_fill(trade, order, send_msg)
            except DependencyException as error:
                logger.warning(
                    f"After a fill of {trade.pair}, not all could be done: {words(error)}"
                )
                if entered and trade.is_open:
                    self._set_stop(trade)
            if entered and trade.has_open_position:
                self._stops.protect(trade)
        return trade

    def _set_stop(self, trade: Trade) -> None:
        """As Freqtrade does after a fill, at the price of the entry instead of one to be read."""
        strategy = self._bot.strategy
        trade.adjust_stop_loss(trade.open_rate, strategy.stoploss, initial=True)
        if strategy.use_custom_stoploss:
            strategy.ft_stoploss_adjust(
                trade.open_rate, trade, datetime.now(UTC), 0.0, 0, after_fill=True
            )

    def balance_later(self) -> AbstractContextManager[None]:
        """For a block in which the balance is not to be read."""
        return self._balance.later(self._read_balance)

    def _read_balance(self, read: Callable[[], None]) -> None:
        with self._trying("Reading the balance"):
            read()


def _exit_amount(_trade: Trade, _pair: str, amount: float) -> float:
    """As Freqtrade's for futures, which reads the balance first and makes no use of it."""
    return amount
