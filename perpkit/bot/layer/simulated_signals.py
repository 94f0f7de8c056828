"""The entry signals and the trades of a backtest, whose decisions are noted on request.

At the start of a candle: what became of the signals of the one before, and what has filled in it.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.decided import Decided, Guard
from perpkit.bot.layer.entry_signals import NOT_NOTED, Doubt, SignalFrame, why_not

# Freqtrade says nothing at the end of a backtest: it ends with the process, or when the next one
# of a list of strategies starts.
_running: weakref.ReferenceType[SimulatedSignals] | None = None


def _begin_after_the_one_before(signals: SimulatedSignals | None) -> None:
    global _running
    if _running is not None and (before := _running()) is not None:
        before.end()
    _running = None if signals is None else weakref.ref(signals)


atexit.register(_begin_after_the_one_before, None)


class SimulatedSignals:
    """
    :param decided: notes what is found
    :param doubt: returns why entries into a pair are blocked, because something has failed
    """

    def __init__(self, strategy: Any, decided: Decided, doubt: Doubt) -> None:
        self._strategy = strategy
        self._decided = decided
        self._doubt = doubt
        self._last: datetime | None = None
        # The candles of each pair, with the row that is acted on at a time.
        self._frames: dict[str, tuple[SignalFrame, dict[datetime, int]]] = {}
        self._closed = 0
        self._open: list[LocalTrade] = []
        # How many orders of each open trade have been noted.
        self._orders: dict[int, int] = {}
        # Whether a backtest has run: Freqtrade may use the result of an earlier one instead.
        self.ran = False
        self._guarded = Guard(NOT_NOTED)
        _begin_after_the_one_before(self)

    @property
    def log_path(self) -> Path | None:
        return None if self._decided.log is None else self._decided.log.path

    def analysed(self, pair: str, frame: pd.DataFrame) -> None:
        """A pair's candles have been analysed, with their signals."""
        signals = SignalFrame(self._strategy, frame)
        acted = frame["date"] + signals.step
        self._frames[pair] = signals, {at: row for row, at in enumerate(acted)}

    def step(self, now: datetime) -> None:
        """At the start of a candle, before anything is decided in it. Never raises."""
        last = self._last
        self._last = now
        if last is None or now <= last:  # another backtest of this process
            self._closed, self._open, self._orders, self.ran = 0, [], {}, True
            self._decided.begin()
            return
        with self._guarded():
            self._note(last)

    def end(self) -> None:
        """The backtest has ended. Never raises."""
        with self._guarded():
            # Nothing is entered at the last candle, at whose end all are closed. Freqtrade's own
            # lists may be those of another run by now.
            self._fills(self._open)
            self._open = []
        self._last = None
        self._decided.close()

    def _note(self, candle: datetime) -> None:
        self._open = list(Trade.get_trades_proxy(is_open=True))
        closed = Trade.get_trades_proxy(is_open=False)[self._closed :]
        self._closed += len(closed)
        self._fills([*closed, *self._open])
        self._look(candle, [*closed, *self._open])

    def _fills(self, trades: Iterable[LocalTrade]) -> None:
        for trade in trades:
            noted = self._orders.get(trade.id, 0)
            for order in trade.orders[noted:]:
                if order.ft_is_open:
                    break
                noted += 1
                if order.safe_filled and order.order_filled_date is not None:
                    self._decided.filled(trade, order, order.order_filled_utc)
            self._orders[trade.id] = noted

    def _look(self, candle: datetime, trades: list[LocalTrade]) -> None:
        """:param trades: open now, or closed in the candle"""
        there = [trade for trade in trades if trade.open_date_utc <= candle]
        held = {trade.pair for trade in there}
        for pair, (signals, rows) in self._frames.items():
            row = rows.get(candle)
            if row is None or pair in held:
                continue
            signal = signals.at(row)
            if signal.side is None:
                self._decided.quiet(pair, candle, signal.text)
            elif not self._decided.noted_since(pair, candle):
                if doubt := self._doubt(pair):
                    code, text = "callback", doubt
                else:
                    code, text = why_not(self._strategy, pair, signal.side, candle, len(there))
                self._decided.refused(pair, signal.side, candle, code, text, signal.tag)
