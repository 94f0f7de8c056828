"""R of each trade: the distance from its entry to its first stop, in price, before leverage.

Everything that is stated in multiples of R needs it for as long as the trade lives. It follows from
the candle before the entry, and is kept in memory; a running bot also keeps it in Freqtrade's
database, because that candle is gone after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.candle_columns import CandleColumns
from perpkit.risk.stops import EntryStop, stop_distance

RISK_KEY = "perpkit_risk"
Columns = Callable[[str], CandleColumns | None]


@dataclass
class TradeMemory:
    """What is known of one open trade beside what Freqtrade keeps.

    :param risk: R, in price
    :param stop: the present one, price; None before the first fill
    :param row: of the newest candle that was looked at, -1 for none
    :param best: highest rate since entry, lowest of a short
    :param overtaken: the stop has been overtaken by the rate: to be closed
    :param reducing: whether the breakers were REDUCING when the stop was set last
    :param stored: R is in the database
    """

    risk: float
    best: float
    stop: float | None = None
    row: int = -1
    overtaken: bool = False
    reducing: bool = False
    stored: bool = False


class TradeRisks:
    """The memories of all trades of a run.

    :param columns: analysed candles of a pair, with `atr`
    :param kept: whether trades live in a database
    """

    def __init__(self, rule: EntryStop, columns: Columns, kept: bool) -> None:
        self._rule = rule
        self._columns = columns
        self._kept = kept
        self._memories: dict[tuple[str, datetime], TradeMemory] = {}

    def of(self, trade: LocalTrade) -> TradeMemory:
        key = trade.pair, trade.open_date
        memory = self._memories.get(key)
        if memory is None:
            stored = self._stored(trade)
            risk = stored or self._distance(trade) * trade.open_rate
            memory = TradeMemory(risk, trade.open_rate, stored=stored is not None)
            self._memories[key] = memory
        if self._kept and trade.amount and not memory.stored:  # once its entry has filled
            trade.set_custom_data(RISK_KEY, memory.risk)
            memory.stored = True
        return memory

    def _stored(self, trade: LocalTrade) -> float | None:
        if not self._kept or not isinstance(trade, Trade):
            return None
        stored = trade.get_custom_data(RISK_KEY)
        return float(stored) if stored else None

    def _distance(self, trade: LocalTrade) -> float:
        """As a fraction of the entry price; the widest where the ATR at the entry is not known."""
        columns = self._columns(trade.pair)
        atr = columns.at("atr", trade.open_date_utc) if columns else float("nan")
        distance = stop_distance(self._rule, trade.open_rate, atr)
        return self._rule.ceiling if distance is None else distance
