"""From the trades of one of Freqtrade's backtests to what is recorded: marked to market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_every, dates_of
from perpkit.research.marked import closes_at, daily_returns, equity_curve
from perpkit.research.settlements import settlements
from perpkit.research.trades import exported_trade
from perpkit.risk.equity import TradeLedger, profit_curve
from perpkit.walkforward.record import Sample
from perpkit.walkforward.run_directory import plain_trades

Trades = Sequence[Mapping[str, Any]]

_NONE = pd.Series(dtype=np.float64)


@dataclass(frozen=True)
class Stretch:
    """The market of one backtest.

    :param start, end: open times of the first and the last candle: open trades are closed at the
        opening price of the last one
    :param candles: by pair, with `date` and `close`
    :param funding: by pair, what a long of one unit pays at each settlement
    """

    start: datetime
    end: datetime
    step: timedelta
    starting_balance: float
    candles: Mapping[str, pd.DataFrame]
    funding: Mapping[str, pd.Series]

    def sample(self, trades: Trades) -> Sample:
        """Returns trades with the equity at each candle close.

        :param trades: as Freqtrade exports them
        """
        step = pd.Timedelta(self.step)
        count = (self.end - self.start) // self.step + 1
        times = dates_every(self.start, self.step, count)
        balance, ledgers = self.starting_balance, self._ledgers(trades)
        equity = equity_curve(times, balance, self.candles, step, ledgers)
        return Sample(balance, plain_trades(trades), equity)

    def returns(self, trades: Trades) -> pd.Series:
        """Returns the return of each day, as `Sample.daily` has it, without all that is in between:
        cheap enough for every epoch of hyperopt."""
        marks = nanoseconds(self._marks) / 1e9
        profit = profit_curve(marks, self._closes, self._ledgers(trades))
        return daily_returns(pd.Series(self.starting_balance + profit, self._marks))

    def _ledgers(self, trades: Trades) -> list[TradeLedger]:
        """With funding as it was settled."""
        until = self.end.timestamp()
        return [
            trade.ledger(settlements(trade, self.funding.get(trade.pair, _NONE), until))
            for trade in map(exported_trade, trades)
        ]

    @cached_property
    def _marks(self) -> pd.DatetimeIndex:
        """The start, each midnight, and the end."""
        first = pd.Timestamp(self.start).ceil("D")
        days = dates_every(first.to_pydatetime(), timedelta(days=1), (self.end - first).days + 1)
        return dates_of([self.start, *days, self.end]).unique()

    @cached_property
    def _closes(self) -> dict[str, NDArray[np.float64]]:
        step = pd.Timedelta(self.step)
        return {pair: closes_at(self._marks, frame, step) for pair, frame in self.candles.items()}
