"""The account of a backtest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import nan
from typing import Any

import numpy as np
from freqtrade.persistence import LocalTrade

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.positions.account import Account
from perpkit.bot.positions.trade_figures import (
    closed_trade,
    configured_capital,
    open_times,
)
from perpkit.breakers.loss_limits import Sample
from perpkit.breakers.loss_streak import ClosedTrade


class SimulatedAccount(Account):
    """The account of a backtest, valued at the newest closed candle's close."""

    def __init__(self, config: dict[str, Any], candles: CandleFeed) -> None:
        super().__init__(config, candles)
        self._capital = configured_capital(config)
        self._seconds = int(self.step.total_seconds())
        self._prices: dict[str, tuple[int, list[float]]] = {}
        self._given = self._counted = 0

    def capital(self, now: datetime) -> float:
        return self._capital

    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        trades = LocalTrade.bt_trades
        self._given = len(trades)
        if self._given == self._counted:
            return []
        return [closed_trade(trade) for trade in trades[self._counted :]]

    def counted(self) -> None:
        self._counted = self._given

    def unmoved(self) -> bool:
        return not LocalTrade.bt_trades_open and len(LocalTrade.bt_trades) == self._counted

    def stored_high_water(self) -> Sample | None:
        return None  # a backtest starts from nothing

    def store_high_water(self, mark: Sample, coarse: float) -> None:
        pass

    def rate(self, pair: str, now: datetime) -> float:
        if pair not in self._prices:
            self._prices[pair] = self._prepared(pair)
        first_close, closes = self._prices[pair]
        row = (int(now.timestamp()) - first_close) // self._seconds
        return closes[row] if 0 <= row < len(closes) else nan

    def _prepared(self, pair: str) -> tuple[int, list[float]]:
        """Returns when the first candle closed (s since 1970 UTC), and the closes without gaps: a
        missing candle's is NaN."""
        frame = self._history(pair)
        if frame.empty:
            return 0, []
        opened = open_times(frame)
        rows = ((opened - opened[0]) // self._seconds).astype(np.int64)
        closes = np.full(rows[-1] + 1, nan)
        closes[rows] = frame["close"].to_numpy(dtype=np.float64)
        # A list is read faster than an array.
        return int(opened[0]) + self._seconds, closes.tolist()

    def _open_trades(self) -> Sequence[LocalTrade]:
        return LocalTrade.bt_trades_open

    def _closed_after(self, since: datetime) -> Sequence[LocalTrade]:
        return LocalTrade.get_trades_proxy(is_open=False, close_date=since)

    def _closed_profit(self) -> float:
        return LocalTrade.bt_total_profit
