"""R of each trade: the distance from its entry to its first stop, in price, before leverage.

Everything that is stated in multiples of R needs it for as long as the trade lives. It follows from
the candle before the entry, and is kept in the trade's state; a running bot also keeps it in
Freqtrade's database, because that candle is gone after a restart.
"""

from __future__ import annotations

from collections.abc import Callable

from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.trades import TradeKey, TradeState, TradeStates, key_of
from perpkit.risk.stops import EntryStop, stop_distance

Columns = Callable[[str], CandleColumns | None]


class TradeRisks:
    """:param columns: analysed candles of a pair, with `atr`"""

    def __init__(self, rule: EntryStop, columns: Columns, states: TradeStates) -> None:
        self._rule = rule
        self._columns = columns
        self._states = states
        self._initial: dict[TradeKey, float] = {}

    def of(self, trade: LocalTrade) -> TradeState:
        """The trade's state, with its R."""
        state = self._states.of(trade)
        if state.best:
            return state
        if not trade.amount:
            # Of an entry that has not filled, and whose price may change.
            risk = self._distance(trade) * trade.open_rate
            return TradeState(state.opened, risk, best=trade.open_rate)
        if not state.risk:
            state.risk = self._distance(trade) * trade.open_rate
            self._states.store(trade, state)
        self._initial[key_of(trade)] = state.risk
        state.best = trade.open_rate  # last: it says that all is known
        return state

    def initial(self, trade: LocalTrade) -> float:
        """R of a trade that may have closed long ago."""
        key = key_of(trade)
        if key not in self._initial:
            stored = self._states.stored(trade).risk
            self._initial[key] = stored or self._distance(trade) * trade.open_rate
        return self._initial[key]

    def _distance(self, trade: LocalTrade) -> float:
        """As a fraction of the entry price; the widest where the ATR at the entry is not known."""
        columns = self._columns(trade.pair)
        atr = columns.at("atr", trade.open_date_utc) if columns else float("nan")
        distance = stop_distance(self._rule, trade.open_rate, atr)
        return self._rule.ceiling if distance is None else distance
