"""R of the trades of several sources, each with the stop of its own."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.stops import EntryStop, stop_distance


class SourceRisks(TradeRisks):
    """R of entries of one source, and of the trades of all.

    :param rule: the stop of this source
    :param stop_of: returns the stop of trades with an enter tag
    """

    def __init__(
        self,
        rule: EntryStop,
        columns: Columns,
        states: TradeStates,
        stop_of: Callable[[str | None], EntryStop],
    ) -> None:
        super().__init__(rule, columns, states)
        self._stop_of = stop_of

    def _distance(self, trade: LocalTrade) -> float:
        rule, columns = self._stop_of(trade.enter_tag), self._columns(trade.pair)
        atr = columns.at("atr", trade.open_date_utc) if columns else nan
        distance = stop_distance(rule, trade.open_rate, atr)
        return rule.ceiling if distance is None else distance
