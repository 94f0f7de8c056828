"""The stops of a strategy that is not the package's, as far as they are known before an entry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.stops import EntryStop, distance_of


class StrategyStops(TradeRisks):
    """R of its trades: `stoploss`, a share of the margin, over the leverage.

    :param strategy: its `stoploss` is read again each time, for hyperopt changes it
    :param stated: the nearer stop that the user has stated, where the strategy sets one itself
        once there is a trade; the nearer of the two counts
    """

    def __init__(
        self, strategy: Any, stated: EntryStop | None, columns: Columns, states: TradeStates
    ) -> None:
        super().__init__(stated or EntryStop(), columns, states)
        self._strategy = strategy
        self._stated = stated

    def distance(self, pair: str, rate: float, now: datetime, leverage: float) -> float | None:
        own = distance_of(self._strategy.stoploss, leverage)
        if not own > 0:
            return None
        stated = super().distance(pair, rate, now, leverage) if self._stated else None
        return own if stated is None else min(own, stated)
