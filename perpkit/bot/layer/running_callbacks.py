"""The callbacks of the risk layer that only a dry-run or live bot has.

Freqtrade copies the trade for every callback that a strategy overrides, so a backtest would become
slower with each of them. They are added when the bot starts.
"""

from __future__ import annotations

import types
from datetime import datetime
from typing import Any

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from perpkit.bot.layer.layer import RiskLayer


class RunningCallbacks(IStrategy):
    """The callbacks that only a dry-run or live bot has; see the module."""

    _perpkit: RiskLayer

    def check_entry_timeout(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> bool:
        # The layer is always asked, because the guard ends an entry that was not checked.
        ends = True
        with self._perpkit.attempt("check_entry_timeout"):
            ends = self._perpkit.entries.entry_timed_out(trade, order, current_time)
        # Theirs may fail, for which Freqtrade would keep the order.
        return ends or super().check_entry_timeout(
            pair=pair, trade=trade, order=order, current_time=current_time, **kwargs
        )

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        with self._perpkit.attempt("order_filled"):
            self._perpkit.running.order_filled(trade, order)
        super().order_filled(
            pair=pair, trade=trade, order=order, current_time=current_time, **kwargs
        )


def with_running_callbacks(strategy: IStrategy) -> None:
    """Puts `RunningCallbacks` in front of the class of this strategy."""
    own = type(strategy)
    members = {"__module__": own.__module__, "__doc__": own.__doc__}
    bases, options = (RunningCallbacks, own), {"owns_parameters": False}
    strategy.__class__ = types.new_class(
        own.__name__, bases, options, lambda namespace: namespace.update(members)
    )
