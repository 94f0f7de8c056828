"""The account as Freqtrade knows it, marked to market.

It includes realised profit, also of partial exits; open positions at current prices; the fees of
both sides; and funding as booked by Freqtrade. In backtests that is all funding settled before the
current candle; in dry-run and live it is what Freqtrade booked at minute 1 or 31 of the hour.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import LocalTrade
from numpy.typing import NDArray

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.positions.trade_figures import (
    ledger_of,
    net_profit,
    open_times,
)
from perpkit.breakers.loss_limits import Sample
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.market.times import opening
from perpkit.risk.equity import TradeLedger, profit_curve


class AccountStanding(NamedTuple):
    """The account at one moment, in stake currency.

    :param profit: realised and unrealised; NaN while the price of an open position is unknown
    :param open_profit: the unrealised part
    :param unpriced: the pairs without a price
    """

    profit: float
    open_profit: float
    unpriced: tuple[str, ...] = ()


class Balance(NamedTuple):
    """What the exchange's account has, without the profit of open positions, in stake currency.

    :param at: when it was read
    """

    total: float
    at: datetime


class Account(ABC):
    """The account in any run mode; `accounts.account_for` makes the one for a mode."""

    def __init__(self, config: dict[str, Any], candles: CandleFeed) -> None:
        self._config = config
        self._candles = candles
        self._timeframe: str = config["timeframe"]
        self.step = timedelta(seconds=timeframe_to_seconds(self._timeframe))

    @abstractmethod
    def capital(self, now: datetime) -> float:
        """Returns the capital that profits are added to; NaN while it is unknown.

        It is `available_capital` if configured, else the whole balance, including the part that
        `tradable_balance_ratio` excludes from trading.
        """

    def balance(self) -> Balance | None:
        """Returns the balance as it was read last; None where there is none, or it is not known."""
        return None

    @abstractmethod
    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        """Returns closed trades that have not been counted yet, in the order of closing.

        They are returned again until `counted` confirms them.
        """

    @abstractmethod
    def counted(self) -> None:
        """Confirms the trades that `newly_closed` returned last; it will not return them again."""

    def unmoved(self) -> bool:
        """Whether nothing is open, and profit and capital are certain to be the same as when
        closed trades were last counted."""
        return False

    @abstractmethod
    def stored_high_water(self) -> Sample | None:
        """Returns the high-water mark that an earlier process stored, if any."""

    @abstractmethod
    def store_high_water(self, mark: Sample, coarse: float) -> None:
        """Stores the high-water mark for the next process, if it has moved by at least `coarse`."""

    @abstractmethod
    def rate(self, pair: str, now: datetime) -> float:
        """Returns the price of the pair at `now`, NaN if there is none."""

    @abstractmethod
    def _open_trades(self) -> Sequence[LocalTrade]: ...

    @abstractmethod
    def _closed_after(self, since: datetime) -> Sequence[LocalTrade]: ...

    @abstractmethod
    def _closed_profit(self) -> float:
        """The profit realised by all closed trades."""

    def at(self, now: datetime) -> AccountStanding:
        """Returns the realised and unrealised profit at `now`."""
        realised, unrealised = self._closed_profit(), 0.0
        trades = self._open_trades()
        for trade in trades:
            realised += trade.realized_profit or 0.0
            if trade.amount:
                unrealised += net_profit(trade, self.rate(trade.pair, now))
        if not isnan(unrealised):
            return AccountStanding(realised + unrealised, unrealised)
        unpriced = {t.pair for t in trades if t.amount and isnan(self.rate(t.pair, now))}
        return AccountStanding(nan, nan, tuple(sorted(unpriced)))

    def curve(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, float]]:
        """Yields the profit at every candle close after `since` and before `until`.

        It is rebuilt from the present trades and candles, for a time when equity was not sampled.
        """
        step = self.step.total_seconds()
        first = opening(since.timestamp(), step) + step
        times = np.arange(first, until.timestamp(), step)
        if not len(times):
            return
        before, ledgers = self._ledgers(since)
        closes = {ledger.pair: self._closes(ledger.pair, times, until) for ledger in ledgers}
        profits = before + profit_curve(times, closes, ledgers)
        for at, profit in zip(times.tolist(), profits.tolist(), strict=True):
            yield datetime.fromtimestamp(at, UTC), profit

    def _ledgers(self, since: datetime) -> tuple[float, list[TradeLedger]]:
        """Returns the profit realised by trades that closed up to `since`, and all other trades."""
        closed = self._closed_after(since)
        ledgers = [ledger_of(trade) for trade in (*closed, *self._open_trades())]
        return self._closed_profit() - sum(t.close_profit_abs or 0.0 for t in closed), ledgers

    def _history(self, pair: str, warm_up: timedelta = timedelta(0)) -> pd.DataFrame:
        return self._candles.history(pair, self._timeframe, CandleType.FUTURES, warm_up)

    def _closes(
        self, pair: str, times: NDArray[np.float64], until: datetime
    ) -> NDArray[np.float64]:
        """The newest close known at each of `times`."""
        frame = self._history(pair, until - datetime.fromtimestamp(times[0], UTC) + self.step)
        if frame.empty:
            return np.full(len(times), nan)
        closed = open_times(frame) + self.step.total_seconds()
        newest = np.searchsorted(closed, times, side="right")
        return np.append(nan, frame["close"].to_numpy(dtype=np.float64))[newest]


def tradable_equity(config: Mapping[str, Any], account: Account, now: datetime) -> float:
    """Returns the equity that Freqtrade may trade with, marked to market, in stake currency.

    NaN while a price or the capital is unknown.
    """
    capital = account.capital(now)
    if "available_capital" not in config:
        capital *= float(config.get("tradable_balance_ratio", 1.0))
    return capital + account.at(now).profit
