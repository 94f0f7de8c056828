"""Freqtrade's own backtests of windows, on one exchange and one reading of the candles.

A backtest here takes the way of `freqtrade backtesting --timerange`: a new `Backtesting`, with a
new strategy, cuts the candles of the window and those before it that the strategy needs. Only what
is the same in every window is kept: the exchange with its markets, and what was read from files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pandas as pd
from freqtrade.data.btanalysis import historic_precision
from freqtrade.enums import RunMode
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.optimize import backtesting as backtesting_module
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers import ExchangeResolver
from freqtrade.util.dry_run_wallet import get_dry_run_wallet

from perpkit.market.decimals import tick_sizes
from perpkit.market.times import dates_of
from perpkit.walkforward.given_parameters import given_parameters
from perpkit.walkforward.record import Sample
from perpkit.walkforward.samples import Stretch
from perpkit.walkforward.stored_once import StoredOnce


class FreqtradeRuns:
    """
    :param config: Freqtrade's, complete, with a user directory that is this process's own
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = deepcopy(dict(config))
        own = self.config("", RunMode.BACKTEST)
        self.exchange = ExchangeResolver.load_exchange(own, load_leverage_tiers=True)
        self.stored = StoredOnce(own["dataformat_ohlcv"])
        self.step = timedelta(seconds=timeframe_to_seconds(own["timeframe"]))

    def config(self, timerange: str, mode: RunMode, **more: Any) -> dict[str, Any]:
        """Returns a configuration of its own for one run, which Freqtrade may write to.

        :param more: options on top
        """
        return {**deepcopy(self._config), "timerange": timerange, "runmode": mode, **more}

    def backtest(self, timerange: str, parameters: Mapping[str, Any], protections: bool) -> Sample:
        """Returns what a strategy does in a time range.

        :param parameters: `params` of Freqtrade's parameter file; empty for the strategy's own
        """
        config = self.config(timerange, RunMode.BACKTEST, enable_protections=protections)
        with self.stored.in_force(), given_parameters(parameters):
            backtesting = Backtesting(config, exchange=self.exchange)
            backtesting.progress = None
            try:
                with _ticks_counted():
                    data, cut = backtesting.load_bt_data()
                strategy = backtesting.strategylist[0]
                start, end = backtesting.backtest_one_strategy(strategy, data, cut)
                found = backtesting.all_bt_content[strategy.get_strategy_name()]
            finally:
                backtesting.cleanup()
        stretch = stretch_of(backtesting, data, start, end)
        return stretch.sample(found["results"].to_dict(orient="records"))


@contextmanager
def _ticks_counted() -> Iterator[None]:
    """Has Freqtrade's tick sizes counted in arrays, where acceleration does not do so."""
    stock = backtesting_module.get_tick_size_over_time
    if stock is not historic_precision.get_tick_size_over_time:
        yield
        return

    def counted(candles: pd.DataFrame) -> pd.Series:
        found = tick_sizes(candles)
        return stock(candles) if found is None else found

    backtesting_module.get_tick_size_over_time = counted
    try:
        yield
    finally:
        backtesting_module.get_tick_size_over_time = stock


def stretch_of(
    backtesting: Backtesting, data: Mapping[str, pd.DataFrame], start: Any, end: Any
) -> Stretch:
    """Returns the market of a backtest that has loaded its candles."""
    funding = {
        pair: pd.Series((each["open_mark"] * each["open_fund"]).to_numpy(), dates_of(each["date"]))
        for pair, each in backtesting.futures_data.items()
    }
    return Stretch(
        start=pd.Timestamp(start).to_pydatetime(),
        end=pd.Timestamp(end).to_pydatetime(),
        step=backtesting.timeframe_td,
        starting_balance=get_dry_run_wallet(backtesting.config),
        candles={pair: frame[["date", "close"]] for pair, frame in data.items()},
        funding=funding,
    )
