"""RSI/SMA: buy after a pullback has ended, sell short after a rally has ended, with the trend.

The textbook rule, "RSI(14) < 30 while close > SMA(20)", requires a market that is oversold and
above its mean in the same candle; in five pairs over six years of 1h candles that never happened.
The rule is meant as a sequence: RSI was oversold within the last N candles, and price has now
crossed back over its mean, in the direction of the larger trend. `literal` keeps the textbook rule
for comparison.

All functions take candles in time order, one row each, and a row never depends on later ones.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.market.windows import highest, lowest
from perpkit.signals.conditions import Condition, entries_of

Floats = NDArray[np.float64]
RSI_PERIOD = 14
MEAN_PERIOD = 20
TREND_PERIODS = (50, 200)
HIGHER_TREND_PERIODS = (10, 50)


def indicators(candles: pd.DataFrame) -> pd.DataFrame:
    """Returns RSI (0 to 100) and simple moving averages of the close; NaN while warming up.

    :param candles: with `close`
    :return: columns `rsi`, `sma_20`, `sma_50`, `sma_200` on the index of the candles
    """
    return pd.DataFrame(indicator_columns(candles), index=candles.index)


def indicator_columns(candles: pd.DataFrame) -> dict[str, Floats]:
    """Returns the columns of `indicators`, one value for every candle."""
    close = candles["close"].to_numpy(dtype=float)
    means = {f"sma_{n}": talib.SMA(close, n) for n in (MEAN_PERIOD, *TREND_PERIODS)}
    return {"rsi": talib.RSI(close, RSI_PERIOD), **means}


def pullback_ended(
    frame: pd.DataFrame, *, oversold: float, overbought: float, lookback: int
) -> tuple[pd.Series, pd.Series]:
    """Returns where price crosses back over (long) or under (short) SMA(20) after an RSI extreme.

    :param frame: with `close`, `rsi`, `sma_20`
    :param oversold: RSI below this counts as oversold, 0 to 50
    :param overbought: RSI above this counts as overbought, 50 to 100
    :param lookback: number of candles, this one included, in which the extreme must lie; at least 1
    :return: (long, short), booleans

    >>> frame = pd.DataFrame({"close": [9, 9, 11], "rsi": [25, 35, 50], "sma_20": [10, 10, 10]})
    >>> long, short = pullback_ended(frame, oversold=30, overbought=70, lookback=3)
    >>> long.tolist()
    [False, False, True]
    """
    found = pullback_conditions(frame, oversold=oversold, overbought=overbought, lookback=lookback)
    return entries_of(found, frame)


def pullback_conditions(
    frame: pd.DataFrame, *, oversold: float, overbought: float, lookback: int
) -> dict[str, list[Condition]]:
    """Returns the conditions of `pullback_ended`, one by one."""
    close, mean, rsi = _arrays(frame, "close", "sma_20", "rsi")
    low, high = lowest(rsi, lookback), highest(rsi, lookback)
    with np.errstate(invalid="ignore", divide="ignore"):
        away = close / mean - 1
    over = (close > mean) & _before(close <= mean)
    under = (close < mean) & _before(close >= mean)
    return {
        "long": [
            Condition(f"an RSI below {oversold:g} in {lookback} candles", low < oversold, low),
            Condition("a close that crosses over SMA(20), as a share off it", over, away),
        ],
        "short": [
            Condition(
                f"an RSI above {overbought:g} in {lookback} candles", high > overbought, high
            ),
            Condition("a close that crosses under SMA(20), as a share off it", under, away),
        ],
    }


def literal_conditions(
    frame: pd.DataFrame, *, oversold: float, overbought: float
) -> dict[str, list[Condition]]:
    """Returns the conditions of `literal`, one by one."""
    close, mean, rsi = _arrays(frame, "close", "sma_20", "rsi")
    away = close - mean
    return {
        "long": [
            Condition(f"an RSI below {oversold:g}", rsi < oversold, rsi),
            Condition("a close above SMA(20), as a difference", away > 0, away),
        ],
        "short": [
            Condition(f"an RSI above {overbought:g}", rsi > overbought, rsi),
            Condition("a close below SMA(20), as a difference", away < 0, away),
        ],
    }


def literal(
    frame: pd.DataFrame, *, oversold: float, overbought: float
) -> tuple[pd.Series, pd.Series]:
    """Returns the signals of the textbook rule as written, which never trades: see the module.

    :return: (long, short), booleans
    """
    found = literal_conditions(frame, oversold=oversold, overbought=overbought)
    return entries_of(found, frame)


def trend(frame: pd.DataFrame) -> pd.Series:
    """Returns the direction of the larger trend on the same timeframe: SMA(50) against SMA(200).

    :return: 1 up, -1 down, 0 unknown

    >>> trend(pd.DataFrame({"sma_50": [np.nan, 101.0], "sma_200": [np.nan, 100.0]})).tolist()
    [0, 1]
    """
    return pd.Series(direction(*_arrays(frame, "sma_50", "sma_200")), index=frame.index)


def higher_trend(
    candles: pd.DataFrame, timeframe: str | timedelta, higher: str | timedelta
) -> pd.Series:
    """Returns the direction of the trend on a higher timeframe: its SMA(10) against its SMA(50).

    The higher candles are aggregated from the given ones, so that backtests and the live bot use
    the same data and nothing else needs to be downloaded. A higher candle counts once it has
    closed.

    :param candles: with `date` (open time, UTC) and `close`
    :param timeframe: length of the candles; a text is a pandas offset (`1h`, `5min`)
    :param higher: the higher timeframe, a multiple of it
    :return: 1 up, -1 down, 0 unknown, on the index of the candles
    """
    closes_at = nanoseconds(candles["date"]) + pd.Timedelta(timeframe).value
    # The row that completes a higher candle has that candle's close.
    complete = closes_at % pd.Timedelta(higher).value == 0
    close = candles["close"].to_numpy(dtype=float)[complete]
    fast, slow = (talib.SMA(close, n) for n in HIGHER_TREND_PERIODS)
    # With the direction before the first one that is known.
    known = np.concatenate(([0], direction(fast, slow)))
    return pd.Series(known[np.cumsum(complete)], index=candles.index)


def direction(fast: Floats, slow: Floats) -> NDArray[np.int64]:
    """Returns 1 where the fast mean is above the slow one, -1 where it is below, else 0."""
    return (fast > slow).astype(np.int64) - (fast < slow)


def _arrays(frame: pd.DataFrame, *names: str) -> list[Floats]:
    return [frame[name].to_numpy(dtype=float) for name in names]


def _before(met: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the candle before met it."""
    return np.concatenate(([False], met[:-1])) if len(met) else met
