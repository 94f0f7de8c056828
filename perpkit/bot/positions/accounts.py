"""Selects the account for a run mode."""

from __future__ import annotations

from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.wallets import Wallets

from perpkit.bot.candles.candles import CandleFeed, is_simulated
from perpkit.bot.positions.account import Account
from perpkit.bot.positions.running_account import RunningAccount
from perpkit.bot.positions.simulated_account import SimulatedAccount


def account_for(
    config: dict[str, Any],
    candles: CandleFeed,
    dp: DataProvider | None,
    wallets: Wallets | None = None,
) -> Account:
    """Returns the account for this run mode.

    Freqtrade keeps the trades of a backtest in memory, those of a running bot in its database.
    """
    if is_simulated(config):
        return SimulatedAccount(config, candles)
    if dp is None:
        raise LookupError("there is no data provider in this run")
    return RunningAccount(config, candles, dp, wallets)
