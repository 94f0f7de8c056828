"""Pairlists in Freqtrade's own manager, live and in stock backtests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.data.dataprovider import DataProvider
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.plugins.pairlistmanager import PairListManager

from tests.conftest import REPOSITORY

BTC, ETH, XRP = PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"]
DAYS = 60

# Notes the whitelist of every candle. Holder also buys and keeps, Leaver keeps for 12 hours.
STRATEGY = """
from freqtrade.strategy import IStrategy

class Watcher(IStrategy):
    timeframe = "1h"
    stoploss = -0.9
    startup_candle_count = 24
    enters = 0

    def bot_start(self):
        self.seen = {}

    def bot_loop_start(self, current_time, **kwargs):
        self.seen[current_time] = self.dp.current_whitelist()

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = self.enters
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe


class Holder(Watcher):
    enters = 1


class Leaver(Holder):
    minimal_roi = {"720": -1}
"""


def manager(config: dict[str, Any], exchange: Any, *handlers: dict[str, Any]) -> PairListManager:
    """With `handlers` after the static list."""
    config = config | {"pairlists": [{"method": "StaticPairList"}, *handlers]}
    return PairListManager(exchange, config, DataProvider(config, exchange))


def whitelist(pairlists: PairListManager) -> list[str]:
    pairlists.refresh_pairlist()
    return pairlists.whitelist


def whitelists(config: dict[str, Any], *handlers: dict[str, Any]) -> dict[datetime, list[str]]:
    """The whitelist at every candle of a stock backtest."""
    backtesting = Backtesting(config | {"pairlists": list(handlers)})
    candles, timerange = backtesting.load_bt_data()
    strategy = backtesting.strategylist[0]
    backtesting.backtest_one_strategy(strategy, candles, timerange)
    backtesting.exchange.close()
    Backtesting.cleanup()
    return strategy.seen


def decisions(
    seen: dict[datetime, list[str]], until: pd.Timestamp
) -> list[tuple[datetime, tuple[str, ...]]]:
    """Those before `until`."""
    return [(time, tuple(pairs)) for time, pairs in seen.items() if time < until]


def pairlist_path() -> dict[str, str]:
    return {"pairlist_path": str(REPOSITORY / "pairlists")}
