"""The stop of every open trade: set at the fill, moved when a candle has closed, never loosened.

It moves on closed candles only, in every mode. Within a candle a backtest cannot know whether the
high or the low came first, and Freqtrade hands `custom_stoploss` the better of the two.
"""

from __future__ import annotations

from datetime import datetime

from freqtrade.persistence import LocalTrade

from perpkit.bot.candle_columns import CandleColumns
from perpkit.bot.parameters import Settings
from perpkit.bot.trade_risk import Columns, TradeMemory, TradeRisks
from perpkit.risk.scale_out import OpenPosition, stop_of
from perpkit.risk.stops import (
    break_even_price,
    clear_of_liquidation,
    stop_price,
    stop_ratio,
    stop_reached,
)
from perpkit.risk.trailing import next_stop, out_of_time

HOUR = 3600.0


class StopKeeper:
    """:param risks: the memories of the run's trades"""

    def __init__(self, settings: Settings, risks: TradeRisks, columns: Columns) -> None:
        self._settings = settings
        self._risks = risks
        self._columns = columns

    def ratio(
        self, trade: LocalTrade, now: datetime, rate: float, after_fill: bool, reducing: bool
    ) -> float | None:
        """For `custom_stoploss`: the leveraged distance from `rate`, None for no change."""
        memory = self._risks.of(trade)
        columns = self._columns(trade.pair)
        row = columns.row(now) if columns else -1
        if row == memory.row and reducing == memory.reducing and not after_fill:
            return None
        stop = self._stop(trade, memory, columns, row, rate, reducing)
        memory.row, memory.reducing = row, reducing
        close = columns.value("close", row) if columns else rate
        memory.overtaken = stop_reached(stop, close, trade.is_short)
        if memory.overtaken or (stop == memory.stop and not after_fill):
            return None
        memory.stop = stop
        return stop_ratio(stop, rate, trade.is_short, trade.leverage) or None

    def exit_reason(self, trade: LocalTrade, now: datetime) -> str | None:
        """Why the trade is to be closed without waiting for its stop."""
        memory = self._risks.of(trade)
        if memory.overtaken:
            return "stop_overtaken"
        trailing = self._settings.trailing
        if self._settings.use.trailing and trailing.time_stop_hours:
            hours = (now - trade.open_date_utc).total_seconds() / HOUR
            gain = abs(memory.best - trade.open_rate)
            if out_of_time(trailing, hours, gain, memory.risk):
                return "time_stop"
        return None

    def _stop(
        self,
        trade: LocalTrade,
        memory: TradeMemory,
        columns: CandleColumns | None,
        row: int,
        rate: float,
        reducing: bool,
    ) -> float:
        is_short, entry = trade.is_short, trade.open_rate
        stop = memory.stop
        if stop is None:
            distance = memory.risk / entry
            # The one in the database, if Freqtrade has been restarted, may be tighter.
            stop = _tighter(stop_price(entry, distance, is_short), trade.stop_loss, is_short)
        if self._settings.use.scale_out and trade.realized_profit:
            stop = _tighter(stop, self._rung_stop(trade, memory), is_short)
        if self._settings.use.trailing and columns is not None:
            memory.best = self._best(trade, memory, columns, row)
            stop = next_stop(
                self._settings.trailing,
                is_short=is_short,
                entry=entry,
                risk=memory.risk,
                stop=stop,
                best=memory.best,
                rate=columns.value("close", row) if row >= 0 else rate,
                break_even=break_even_price(
                    entry, is_short, trade.fee_open, trade.fee_close or trade.fee_open
                ),
                atr=columns.value("atr", row),
                sar=columns.value("sar", row),
                reducing=reducing,
            )
        if self._settings.use.liquidation:
            margin = self._settings.leverage.stop_margin
            stop = clear_of_liquidation(stop, entry, trade.liquidation_price, is_short, margin)
        return stop

    def _best(
        self, trade: LocalTrade, memory: TradeMemory, columns: CandleColumns, row: int
    ) -> float:
        """With the candles that have closed since it was looked at last, the entry's included."""
        first = max(memory.row, columns.row(trade.open_date_utc)) + 1
        newest = columns.extreme(not trade.is_short, first, row)
        if trade.is_short:
            return newest if newest < memory.best else memory.best
        return newest if newest > memory.best else memory.best

    def _rung_stop(self, trade: LocalTrade, memory: TradeMemory) -> float | None:
        return stop_of(self._settings.scale_out, position_of(trade, memory), step_of(trade))


def position_of(trade: LocalTrade, memory: TradeMemory) -> OpenPosition:
    """The trade as `perpkit.risk.scale_out` sees it."""
    initial = (trade.max_stake_amount or trade.stake_amount) * trade.leverage / trade.open_rate
    return OpenPosition(
        trade.open_rate, trade.is_short, memory.risk, trade.amount, max(initial, trade.amount)
    )


def step_of(trade: LocalTrade) -> float:
    """The exchange's step of amounts, above 0."""
    return trade.amount_precision or 1e-8


def _tighter(stop: float, other: float | None, is_short: bool) -> float:
    if not other:
        return stop
    return min(stop, other) if is_short else max(stop, other)
