"""What a walk-forward run was asked for, and what it found in each window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from perpkit.research.hyperopt.epochs import is_rated
from perpkit.research.marked import daily_returns
from perpkit.research.trades import Trade, exported_trade


@dataclass(frozen=True)
class Window:
    """A stretch to choose parameters in, and the one after it to test them in; times in UTC.

    Freqtrade trades no candle that opens at the start of a time range, whose signal is for the
    next one, and trades the one that opens at its end. So test windows that share their ends trade
    each candle once.

    :param number: from 1 on
    :param train_end: training sees no candle that opens then or later
    """

    number: int
    train_start: datetime
    train_end: datetime
    test_start: datetime
    test_end: datetime


@dataclass(frozen=True)
class Sample:
    """A backtest of one stretch, from a fresh account.

    :param trades: as Freqtrade exports them; those that were open at the end are closed there, with
        the exit reason `force_exit`
    :param equity: at the start and at each candle close, marked to market, in stake currency
    """

    starting_balance: float
    trades: tuple[Mapping[str, Any], ...]
    equity: pd.Series

    @property
    def daily(self) -> pd.Series:
        """The return of each day in UTC, by its midnight; the first and last may be cut short."""
        return daily_returns(self.equity)

    @cached_property
    def closed(self) -> tuple[Trade, ...]:
        return tuple(exported_trade(trade) for trade in self.trades)


@dataclass(frozen=True)
class Epoch:
    """One set of parameters that hyperopt tried in the training stretch.

    :param number: from 1 on
    :param loss: of the loss function; Freqtrade's 100,000 where there were too few trades
    :param profit: Freqtrade's, as a fraction of the starting balance
    :param parameters: by space, as Freqtrade's parameter files have them
    """

    number: int
    loss: float
    trades: int
    profit: float
    parameters: Mapping[str, Any]

    @property
    def rated(self) -> bool:
        """Whether it traded enough to have a loss of its own."""
        return is_rated(self.loss)


@dataclass(frozen=True)
class WindowResult:
    """
    :param parameters: `params` of Freqtrade's parameter file that were in force in the test; empty
        for the strategy's own
    :param in_sample: of the chosen epoch over the training stretch; None with fixed parameters
    :param chosen: number of the epoch that was taken; None with fixed parameters, and where no
        epoch was better than none
    :param epochs: all that hyperopt tried, in their order
    :param trials: daily returns over the training stretch, marked to market: a row a day (index in
        UTC), a column an epoch, named by its number
    """

    window: Window
    parameters: Mapping[str, Any]
    out_of_sample: Sample
    in_sample: Sample | None = None
    chosen: int | None = None
    epochs: tuple[Epoch, ...] = ()
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Request:
    """All that decides the result of a run; another request needs another directory.

    :param files: digests by name: of the strategy and what it imports and reads, of loss function
        and plugins, of stored data
    :param settings: of the configuration, without secrets, names and paths
    :param parameters: `params` in force where nothing is optimised; empty for the strategy's own
    :param spaces: of hyperopt; empty with `epochs` 0, when parameters are fixed
    :param seed: of the first window; each later one has the next
    :param made_with: versions of Freqtrade, Perpkit and what computes indicators, draws epochs and
        trains models, as far as the run has them, and a digest of Perpkit's files
    """

    strategy: str
    timeframe: str
    stake_currency: str
    pairs: tuple[str, ...]
    windows: tuple[Window, ...]
    files: Mapping[str, str]
    settings: Mapping[str, Any]
    parameters: Mapping[str, Any]
    protections: bool
    epochs: int
    spaces: tuple[str, ...]
    loss: str
    min_trades: int
    seed: int
    made_with: Mapping[str, str]
    layout: int = 1


@dataclass(frozen=True)
class Run:
    """
    :param results: of the windows that are done, in their order
    """

    request: Request
    results: tuple[WindowResult, ...]

    @property
    def is_complete(self) -> bool:
        return len(self.results) == len(self.request.windows)
