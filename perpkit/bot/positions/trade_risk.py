"""R of each trade: the distance from its entry to its first stop, in price, before leverage.

All distances in multiples of R need it while the trade is open. It is computed from the candle
before the entry and kept in the trade's state; a running bot also stores it in Freqtrade's
database, since that candle is no longer available after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.trades import TradeKey, TradeState, TradeStates, key_of
from perpkit.risk.stops import EntryStop, stop_distance

Columns = Callable[[str], CandleColumns | None]


class TradeRisks:
    """Computes and remembers the R of each trade.

    :param columns: returns the analysed candles of a pair, with `atr`
    """

    def __init__(self, rule: EntryStop, columns: Columns, states: TradeStates) -> None:
        self._rule = rule
        self._columns = columns
        self._states = states
        self._initial: dict[TradeKey, float] = {}

    def of(self, trade: LocalTrade) -> TradeState:
        """Returns the state of a trade, with its R."""
        state = self._states.of(trade)
        if state.best:
            return state
        if not trade.amount:
            # The entry has not filled, and its price may still change.
            risk = self._distance(trade) * trade.open_rate
            return TradeState(state.opened, risk, best=trade.open_rate)
        if not state.risk:
            state.risk = self._distance(trade) * trade.open_rate
            self._states.store(trade, state)
        if not self._states.kept:  # a running bot has it in the database
            self._initial[key_of(trade)] = state.risk
        state.best = self._known_best(trade)  # last: it marks the state as complete
        return state

    def _known_best(self, trade: LocalTrade) -> float:
        """Returns the best rate so far, from before a restart too: a running bot's candles may not
        reach back to the entry. A backtest's rates include the candle to come."""
        best = trade.min_rate if trade.is_short else trade.max_rate
        return best if best and self._states.kept else trade.open_rate

    def initial(self, trade: LocalTrade) -> float:
        """Returns R of a trade, which may have closed long ago."""
        key = key_of(trade)
        if key not in self._initial:
            stored = self._states.stored(trade).risk
            self._initial[key] = stored or self._distance(trade) * trade.open_rate
        return self._initial[key]

    def distance(self, pair: str, rate: float, now: datetime, _leverage: float) -> float | None:
        """Returns the distance of an entry's first stop, a fraction of the price before leverage.

        :return: None if it is unknown
        """
        columns = self._columns(pair)
        atr = columns.at("atr", now) if columns else float("nan")
        return stop_distance(self._rule, rate, atr)

    def _distance(self, trade: LocalTrade) -> float:
        """Returns the distance of a trade's first stop: the widest if it is unknown."""
        at = trade.pair, trade.open_rate, trade.open_date_utc, trade.leverage
        distance = self.distance(*at)
        return self._rule.ceiling if distance is None else distance
