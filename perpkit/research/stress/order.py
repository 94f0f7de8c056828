"""What a cost model may look at: a filled order, and the market around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import HOUR_S
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_of

# Candles over which volatility is measured: those that had closed when the order filled.
VOL_CANDLES = 24


@dataclass(frozen=True)
class Candle:
    """The candle in which an order filled.

    :param at: its open time, s since 1970 UTC
    :param seconds: its length
    :param turnover: in stake currency
    """

    at: float
    seconds: float
    open: float
    high: float
    low: float
    close: float
    turnover: float

    @property
    def turnover_1h(self) -> float:
        """At the rate of this candle."""
        return self.turnover * HOUR_S / self.seconds


@dataclass(frozen=True)
class Order:
    """
    :param at: when it filled, s since 1970 UTC
    :param amount: in base currency, above 0
    :param rate: at which it filled
    :param fee: a fraction of its value
    :param reason: of the exit, as Freqtrade names it; empty for an entry and for a partial exit
    :param candle: None where none is stored
    :param vol_1h: standard deviation of one-hour returns before it, a fraction; NaN if not known
    """

    pair: str
    at: float
    buys: bool
    is_entry: bool
    amount: float
    rate: float
    fee: float
    reason: str = ""
    candle: Candle | None = None
    vol_1h: float = nan

    @property
    def value(self) -> float:
        return self.amount * self.rate

    def worse_by(self, bps: float) -> Order:
        """Returns the order at a rate that is worse for the one who placed it, by basis points."""
        return replace(self, rate=self.rate * (1 + (bps if self.buys else -bps) / 1e4))


class PairCandles:
    """The stored candles of one pair.

    :param frame: `date` (open time), `open`, `high`, `low`, `close`, and `volume` in base currency
    """

    def __init__(self, frame: pd.DataFrame, step: pd.Timedelta) -> None:
        self._seconds = step.total_seconds()
        self._times = nanoseconds(dates_of(frame["date"])) / 1e9
        self._prices = frame[["open", "high", "low", "close"]].to_numpy(dtype=np.float64)
        volume = frame["volume"].to_numpy(dtype=np.float64) if "volume" in frame else nan
        self._turnover = np.broadcast_to(volume * self._prices[:, 3], len(frame))

    @cached_property
    def _vol_1h(self) -> NDArray[np.float64]:
        moves = pd.Series(np.log(self._prices[:, 3])).diff()
        # A candle's own return is not known while an order fills in it.
        deviation = moves.rolling(VOL_CANDLES, min_periods=VOL_CANDLES // 2).std().shift(1)
        return deviation.to_numpy() * np.sqrt(HOUR_S / self._seconds)

    def around(self, order: Order) -> Order:
        """Returns the order with its candle and the volatility before it."""
        row = self._row(order.at)
        if row is None:
            return replace(order, candle=None, vol_1h=nan)
        return replace(order, candle=self._candle(row), vol_1h=float(self._vol_1h[row]))

    def at(self, at: float) -> Candle | None:
        """Returns the candle of a moment, s since 1970 UTC; None where none is stored."""
        row = self._row(at)
        return None if row is None else self._candle(row)

    def after(self, order: Order) -> Order | None:
        """Returns the order as filled at the open of the next candle; None if there is none."""
        row = int(np.searchsorted(self._times, order.at, side="right"))
        if row >= len(self._times):
            return None
        rate = float(self._prices[row, 0])
        return self.around(replace(order, at=float(self._times[row]), rate=rate))

    def _row(self, at: float) -> int | None:
        row = int(np.searchsorted(self._times, at, side="right")) - 1
        held = row >= 0 and at < self._times[row] + self._seconds
        return row if held else None

    def _candle(self, row: int) -> Candle:
        opened, high, low, close = self._prices[row].tolist()
        at, turnover = float(self._times[row]), float(self._turnover[row])
        return Candle(at, self._seconds, opened, high, low, close, turnover)


@dataclass(frozen=True)
class Holding:
    """A stretch of time in which a trade held the same amount.

    :param value: at the rate of the fill that began it, in stake currency, above 0
    """

    seconds: float
    value: float


def holdings(orders: Sequence[Order]) -> list[Holding]:
    """Returns what a trade held from each of its orders, in order of time, to the next one."""
    found, held = [], 0.0
    for order, later in pairwise(orders):
        held = max(held + (order.amount if order.is_entry else -order.amount), 0.0)
        found.append(Holding(later.at - order.at, held * order.rate))
    return found
