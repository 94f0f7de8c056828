"""The stop of every open trade: set at the fill, moved when a candle closes, never loosened.

In every mode it moves on closed candles only. Within a candle a backtest cannot know whether the
high or the low came first, and Freqtrade passes the better of the two to `custom_stoploss`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeState
from perpkit.durations import HOUR_S
from perpkit.risk.scale_out import OpenPosition, stop_of
from perpkit.risk.stops import (
    break_even_price,
    clear_of_liquidation,
    stop_price,
    stop_ratio,
    stop_reached,
)
from perpkit.risk.trailing import next_stop, out_of_time

# If an entry fills within this fraction of a candle, that candle's high and low count for it.
EARLY = 0.1
# Smallest distance used for a stop that is nearly reached, as a fraction of the price.
LEAST_DISTANCE = 1e-3


class _Seen(NamedTuple):
    """What a stop follows from at one moment.

    :param candle: when the newest closed candle closed, seconds since 1970 UTC
    :param rate: the close of that candle, or a worse present rate
    """

    columns: CandleColumns | None
    row: int
    candle: float
    rate: float
    reducing: bool


class StopKeeper:
    """Computes the stop, and exits that do not wait for it.

    :param risks: R and state of the run's trades
    """

    def __init__(self, settings: Settings, risks: TradeRisks, columns: Columns) -> None:
        self._settings = settings
        self._risks = risks
        self._columns = columns

    def ratio(
        self, trade: LocalTrade, now: datetime, rate: float, after_fill: bool, reducing: bool
    ) -> float | None:
        """Returns the leveraged distance from `rate` for `custom_stoploss`; None for no change."""
        memory = self._risks.of(trade)
        seen = self._seen(trade, memory, now, rate, reducing, after_fill=after_fill)
        if seen is None:
            return self._clear(trade, memory, rate)
        stop = self._stop(trade, memory, seen)
        overtaken = stop_reached(stop, seen.rate, trade.is_short)
        _remember(memory, trade, seen, overtaken=overtaken)
        if overtaken or stop == trade.stop_loss:
            return None
        return stop_ratio(stop, rate, trade.is_short, trade.leverage)

    def stands(self, trade: LocalTrade, now: datetime, rate: float, reducing: bool) -> bool:
        """Whether `ratio` would change nothing at `now`; if so, the stop has been evaluated then.

        If not, `ratio` is still to be asked, and answers as though this had not been.
        """
        memory = self._risks.of(trade)
        seen = self._seen(trade, memory, now, rate, reducing)
        if seen is None:
            standing, clear = trade.stop_loss, not self._settings.use.liquidation
            return clear or not standing or self._clear_of_liquidation(standing, trade) == standing
        stop = self._stop(trade, memory, seen)
        if stop != trade.stop_loss or stop_reached(stop, seen.rate, trade.is_short):
            return False
        _remember(memory, trade, seen, overtaken=False)
        return True

    def _seen(
        self,
        trade: LocalTrade,
        memory: TradeState,
        now: datetime,
        rate: float,
        reducing: bool,
        *,
        after_fill: bool = False,
    ) -> _Seen | None:
        """Returns what the stop follows from, None if that is what it was before."""
        columns = self._columns(trade.pair)
        row = columns.row(now) if columns else -1
        candle = columns.closed_at(row) if columns else 0.0
        # The amount shows a partial exit earlier than Freqtrade does: in backtests by one candle.
        same_candle, same_amount = memory.candle == candle, memory.amount == trade.amount
        if same_candle and same_amount and memory.reducing == reducing and not after_fill:
            return None
        seen = rate if same_candle or after_fill else self._at_close(trade, columns, row, rate)
        return _Seen(columns, row, candle, seen, reducing)

    def _clear(self, trade: LocalTrade, memory: TradeState, rate: float) -> float | None:
        """Moves the current stop away from liquidation, which may come nearer within a candle."""
        standing = trade.stop_loss
        if not standing or not self._settings.use.liquidation:
            return None
        stop = self._clear_of_liquidation(standing, trade)
        if stop == standing:
            return None
        if stop_reached(stop, rate, trade.is_short):
            memory.overtaken = True
            return None
        return stop_ratio(stop, rate, trade.is_short, trade.leverage)

    def _clear_of_liquidation(self, stop: float, trade: LocalTrade) -> float:
        margin = self._settings.leverage.stop_margin
        return clear_of_liquidation(
            stop, trade.open_rate, trade.liquidation_price, trade.is_short, margin
        )

    def exit_reason(self, trade: LocalTrade, now: datetime) -> str | None:
        """Returns why a trade must be closed without waiting for its stop, or None."""
        memory = self._risks.of(trade)
        if memory.overtaken:
            return "stop_overtaken"
        trailing = self._settings.trailing
        if self._settings.use.trailing and trailing.time_stop_hours:
            hours = (now - trade.open_date_utc).total_seconds() / HOUR_S
            gain = (memory.best - trade.open_rate) * (-1 if trade.is_short else 1)
            if out_of_time(trailing, hours, gain, memory.risk):
                return "time_stop"
        return None

    def _stop(
        self,
        trade: LocalTrade,
        memory: TradeState,
        seen: _Seen,
    ) -> float:
        is_short, entry = trade.is_short, trade.open_rate
        columns, row, rate = seen.columns, seen.row, seen.rate
        # Freqtrade's stop is the one in force, also after a restart. It must not be loosened, and
        # Freqtrade would accept a looser one after a fill.
        stop = _tighter(stop_price(entry, memory.risk / entry, is_short), trade.stop_loss, is_short)
        if self._settings.use.scale_out and trade.realized_profit:
            rung = stop_of(self._settings.scale_out, position_of(trade, memory), step_of(trade))
            # Parts sold by hand at a loss are not a rung: the rest would be closed at once.
            if rung and not stop_reached(rung, rate, is_short):
                stop = _tighter(stop, rung, is_short)
        if self._settings.use.trailing and columns is not None:
            memory.best = self._best(trade, memory, columns, row)
            stop = next_stop(
                self._settings.trailing,
                is_short=is_short,
                entry=entry,
                risk=memory.risk,
                stop=stop,
                best=memory.best,
                rate=rate,
                break_even=break_even_price(
                    entry, is_short, trade.fee_open, trade.fee_close or trade.fee_open
                ),
                atr=columns.value("atr", row),
                sar=columns.value("sar", row),
                reducing=seen.reducing,
            )
        if self._settings.use.liquidation:
            stop = self._clear_of_liquidation(stop, trade)
        return stop

    def _best(
        self, trade: LocalTrade, memory: TradeState, columns: CandleColumns, row: int
    ) -> float:
        """Returns the best rate, including candles closed since it was last updated."""
        opened = columns.row(trade.open_date_utc)
        if columns.age(opened, trade.open_date_utc) > EARLY * columns.step:
            opened += 1
        first = max(columns.row_at(memory.candle), opened) + 1
        newest = columns.extreme(not trade.is_short, first, row)
        if trade.is_short:
            return newest if newest < memory.best else memory.best
        return newest if newest > memory.best else memory.best

    def _at_close(
        self, trade: LocalTrade, columns: CandleColumns | None, row: int, rate: float
    ) -> float:
        """Returns the close of a closed candle, or the current rate if that is already worse.

        In a backtest the current rate is the best of a candle that is still to come. A candle that
        closed before the entry does not count.
        """
        if columns is None or row <= columns.row(trade.open_date_utc):
            return rate
        close = columns.value("close", row)
        return max(close, rate) if trade.is_short else min(close, rate)


def _remember(memory: TradeState, trade: LocalTrade, seen: _Seen, *, overtaken: bool) -> None:
    memory.candle, memory.amount, memory.reducing = seen.candle, trade.amount, seen.reducing
    memory.overtaken = overtaken


def position_of(trade: LocalTrade, memory: TradeState) -> OpenPosition:
    """Returns the trade in the form that `perpkit.risk.scale_out` needs."""
    initial = initial_amount(trade)
    return OpenPosition(trade.open_rate, trade.is_short, memory.risk, trade.amount, initial)


def standing_distance(trade: LocalTrade, rate: float) -> float | None:
    """Returns the distance from `rate` to the stop of a filled trade, a fraction of the rate.

    An addition shares that stop. None without one.
    """
    if not (trade.amount and trade.stop_loss):
        return None
    return max(abs(rate - trade.stop_loss) / rate, LEAST_DISTANCE)


def initial_amount(trade: LocalTrade) -> float:
    """Returns the position size before any partial exits."""
    # Both stakes use the unrounded average entry price; `open_rate` is rounded to a tick.
    bought = (trade.max_stake_amount or trade.stake_amount) / trade.stake_amount
    return trade.amount * max(bought, 1.0)


def step_of(trade: LocalTrade) -> float:
    """Returns the exchange's step of amounts in base currency, above 0."""
    if not trade.amount_precision:
        return 1e-8
    return trade.amount_precision * (trade.contract_size or 1.0)  # the precision is in contracts


def _tighter(stop: float, other: float | None, is_short: bool) -> float:
    if not other:
        return stop
    return min(stop, other) if is_short else max(stop, other)
