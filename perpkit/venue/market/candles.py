"""Candles as parallel arrays, and what the venue does with them: slice, resample and form them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.market.times import opening

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
# A calendar month; the length stands for all of them, and none is longer: see `closing_time`.
MONTH_MS = 31 * DAY_MS
# What is served; months are made of shorter candles and are never on record.
SERVED_MS = {**INTERVALS_MS, "1M": MONTH_MS}
# Where the price turns within a candle, as fractions of its length: see `path_within`.
TURNING_POINTS = (0.0, 0.3, 0.7)


class PriceKind(StrEnum):
    """The price that a candle is made of; the values are Freqtrade's candle types."""

    LAST = "futures"
    MARK = "mark"
    INDEX = "index"


@dataclass(frozen=True)
class Candles:
    """Candles in columns of equal length.

    :param time: opening times, ms since the epoch, strictly ascending
    :param volume: traded volume, base asset
    """

    time: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice) -> Candles:
        return Candles(
            self.time[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )

    def columns(self) -> tuple[Times, Floats, Floats, Floats, Floats, Floats]:
        return self.time, self.open, self.high, self.low, self.close, self.volume

    def turnover(self) -> Floats:
        """Value traded in each candle, USDT, at the mean of its four prices."""
        return self.volume * (self.open + self.high + self.low + self.close) / 4

    def shifted(self, ms: int) -> Candles:
        """The same candles, `ms` later."""
        return Candles(self.time + ms, *self.columns()[1:])


def joined(earlier: Candles, later: Candles) -> Candles:
    return Candles(
        np.concatenate((earlier.time, later.time)),
        np.concatenate((earlier.open, later.open)),
        np.concatenate((earlier.high, later.high)),
        np.concatenate((earlier.low, later.low)),
        np.concatenate((earlier.close, later.close)),
        np.concatenate((earlier.volume, later.volume)),
    )


def interval_ms(interval: str) -> int:
    """The length of an interval such as "1h", ms.

    :raises ValueError: for an unknown interval, listing the known ones
    """
    if interval not in INTERVALS_MS:
        raise ValueError(f"timeframe must be one of {', '.join(INTERVALS_MS)}, got {interval!r}")
    return INTERVALS_MS[interval]


def bucket_start(time: int, ms: int) -> int:
    """Opening time of the candle of length `ms` that contains `time`."""
    return int(_opening_times(np.array(time), ms))


def closing_time(opened: int, ms: int) -> int:
    """When the candle of length `ms` that opens then closes, ms: as the next one opens."""
    return int(closing_times(np.array(opened), ms))


def closing_times(opened: Times, ms: int) -> Times:
    """As `closing_time`, of one candle or of many."""
    return _month_start(_month(opened) + 1) if ms == MONTH_MS else opened + ms


def _opening_times(time: Times, ms: int) -> Times:
    if ms == MONTH_MS:
        return _month_start(_month(time))
    return opening(time, ms, DAY_MS)


def _month(time: Times) -> NDArray[np.datetime64]:
    return time.astype("datetime64[ms]").astype("datetime64[M]")


def _month_start(month: NDArray[np.datetime64]) -> Times:
    return month.astype("datetime64[ms]").astype(np.int64)


def resample(candles: Candles, ms: int) -> Candles:
    """Aggregates exactly into candles of length `ms`; the first and last may cover only a part."""
    if not len(candles):
        return candles
    opened = _opening_times(candles.time, ms)
    first = np.flatnonzero(np.r_[True, opened[1:] != opened[:-1]])
    last = np.r_[first[1:], len(candles)] - 1
    return Candles(
        opened[first],
        candles.open[first],
        np.maximum.reduceat(candles.high, first),
        np.minimum.reduceat(candles.low, first),
        candles.close[last],
        np.add.reduceat(candles.volume, first),
    )


def path_within(candle: Candles) -> tuple[Floats, Floats]:
    """The path of the price within a candle: fractions of its time, and the prices there.

    The price moves linearly in between: from the open to the extreme away from the close, to the
    other extreme and to the close, turning at 3/10 and 7/10. Any path within the range would do;
    this one is the same at every call and ends exactly at the stored candle.

    :param candle: one candle
    """
    open_, high, low, close = (float(c[0]) for c in candle.columns()[1:5])
    turns = (low, high) if close >= open_ else (high, low)
    return np.array((*TURNING_POINTS, 1.0)), np.array((open_, *turns, close))


def part_of(candle: Candles, fraction: float) -> Candles:
    """The candle as it stood after `fraction` (0 to 1) of its time, along `path_within`.

    :param candle: one candle
    """
    times, prices = path_within(candle)
    price = float(np.interp(fraction, times, prices))
    seen = [*prices[times <= fraction], price]
    return Candles(
        candle.time,
        candle.open,
        np.array([max(seen)]),
        np.array([min(seen)]),
        np.array([price]),
        candle.volume * fraction,
    )
