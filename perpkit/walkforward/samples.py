"""From the trades of one of Freqtrade's backtests to what is recorded: marked to market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
        step, balance = pd.Timedelta(self.step), self.starting_balance
        equity = equity_curve(self._times, balance, self.candles, step, self._ledgers(trades))
        return Sample(balance, plain_trades(trades), equity)

    def returns(self, trades: Trades) -> pd.Series:
        """Returns the return of each day, as `Sample.daily` has it, without all that is in between:
        cheap enough for every epoch of hyperopt."""
        marks = nanoseconds(self._marks) / 1e9
        profit = profit_curve(marks, self._closes, self._ledgers(trades))
        return daily_returns(pd.Series(self.starting_balance + profit, self._marks))

    def _ledgers(self, trades: Trades) -> list[TradeLedger]:
        """With funding as it was settled. What `timeframe_detail` closes within the last candle,
        after the last mark, counts at that mark: the account goes on with all that was made."""
        until = self.end.timestamp()
        found = []
        for trade in map(exported_trade, trades):
            ledger = trade.ledger(settlements(trade, self.funding.get(trade.pair, _NONE), until))
            if ledger.closed_at is not None and ledger.closed_at > until:
                ledger = replace(ledger, closed_at=until)
            found.append(ledger)
        return found

    @property
    def _times(self) -> pd.DatetimeIndex:
        return dates_every(self.start, self.step, (self.end - self.start) // self.step + 1)

    @cached_property
    def _marks(self) -> pd.DatetimeIndex:
        """The start, each midnight, and the end; of candles longer than a day, whose closes lie
        days apart, each close."""
        if self.step > timedelta(days=1):
            return self._times
        first = pd.Timestamp(self.start).ceil("D")
        days = dates_every(first.to_pydatetime(), timedelta(days=1), (self.end - first).days + 1)
        return dates_of([self.start, *days, self.end]).unique()

    @cached_property
    def _closes(self) -> dict[str, NDArray[np.float64]]:
        step = pd.Timedelta(self.step)
        return {pair: closes_at(self._marks, frame, step) for pair, frame in self.candles.items()}
