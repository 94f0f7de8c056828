"""The stops of a strategy that is not the package's, as far as they are known before an entry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.leverage import WIDEST_STOP
from perpkit.risk.stops import EntryStop


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
        if not usable(self._strategy.stoploss):
            return None
        own = abs(self._strategy.stoploss) / leverage
        if self._stated is None:
            return own
        stated = super().distance(pair, rate, now, leverage)
        return own if stated is None else min(own, stated)


def usable(stoploss: float) -> bool:
    """Whether a stop at this share of the margin is one: beyond the widest it is not reached, for
    liquidation is near.

    >>> usable(-0.1), usable(-0.99), usable(0)
    (True, False, False)
    """
    return 0 < abs(stoploss) <= WIDEST_STOP
