"""R of each trade: the distance from its entry to its first stop, in price, before leverage.

Everything that is stated in multiples of R needs it for as long as the trade lives. It follows from
the candle before the entry, and is kept in memory; a running bot also keeps it in Freqtrade's
database, because that candle is gone after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.candle_columns import CandleColumns
from perpkit.risk.stops import EntryStop, stop_distance

RISK_KEY = "perpkit_risk"
Columns = Callable[[str], CandleColumns | None]


@dataclass
class TradeMemory:
    """What is known of one open trade beside what Freqtrade keeps.

    :param risk: R, in price
    :param best: highest rate since entry, lowest of a short
    :param candle: when the newest candle that was looked at closed, seconds since 1970 UTC
    :param amount: of the position when its stop was looked at last
    :param reducing: whether the breakers were REDUCING then
    :param overtaken: the rate had passed where the stop should go: to be closed
    """

    risk: float
    best: float
    candle: float = 0.0
    amount: float = 0.0
    reducing: bool = False
    overtaken: bool = False


class TradeRisks:
    """The memories of all trades of a run.

    :param columns: analysed candles of a pair, with `atr`
    :param kept: whether trades live in a database
    """

    def __init__(self, rule: EntryStop, columns: Columns, kept: bool) -> None:
        self._rule = rule
        self._columns = columns
        self._kept = kept
        self._memories: dict[int, TradeMemory] = {}

    def of(self, trade: LocalTrade) -> TradeMemory:
        memory = self._memories.get(trade.id)
        if memory is not None:
            return memory
        stored = self._stored(trade)
        risk = stored or self._distance(trade) * trade.open_rate
        memory = TradeMemory(risk, trade.open_rate)
        if not trade.amount:
            return memory  # of an entry that has not filled, and whose price may change
        self._memories[trade.id] = memory
        if self._kept and stored is None:
            trade.set_custom_data(RISK_KEY, risk)
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
