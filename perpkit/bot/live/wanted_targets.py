"""Which targets a trade should have at the exchange now: the exits that it takes at a known price.

Those are the next part of the strategy's own ladder, and the whole at the price where Freqtrade
would take the profit (`minimal_roi`, `custom_roi`). Exits by signals have no price before they are
there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.strategy.interface import IStrategy

from perpkit.bot.positions.stop_keeper import step_of
from perpkit.risk.targets import Target, targets

NO_TARGETS = '"use.targets" is on, and no target rests: that needs the stop guard, which is off'
# A profit beyond the price of the entry is how strategies say that there is no target.
_FARTHEST = 1.0


class WantedTargets:
    """
    :param next_part: returns the next part of a trade with its price; None if there are no targets
        at the exchange
    """

    def __init__(
        self, strategy: Any, next_part: Callable[[Trade], Target | None] | None = None
    ) -> None:
        self._strategy = strategy
        self._next_part = next_part

    def of(self, trade: Trade, now: datetime) -> tuple[Target, ...]:
        """Returns the targets of a trade with a position, nearest first."""
        if self._next_part is None:
            return ()
        part, whole = self._next_part(trade), self._whole(trade, now)
        return targets(trade.amount, trade.is_short, part, whole, step_of(trade))

    def _whole(self, trade: Trade, now: datetime) -> float | None:
        """Returns the price at which the profit is that of `minimal_roi`, after fees and funding;
        None for none that is near enough to be meant, or where the strategy decides it itself."""
        strategy = self._strategy
        own = type(strategy).min_roi_reached is not IStrategy.min_roi_reached
        if own or strategy.ignore_roi_if_entry_signal:
            return None
        minutes = int((now - trade.open_date_utc).total_seconds() // 60)
        _, roi = strategy.min_roi_reached_entry(trade, minutes, now)
        if roi is None:
            return None
        # The profit is linear in the price.
        entry: float = trade.open_rate
        at_entry, at_double = trade.calc_profit_ratio(entry), trade.calc_profit_ratio(2 * entry)
        away = (roi - at_entry) / (at_double - at_entry)
        return entry * (1 + away) if abs(away) < _FARTHEST else None
