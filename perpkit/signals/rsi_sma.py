"""RSI/SMA: buy the pull-back that has ended, sell the rally that has ended, with the trend.

The textbook rule, "RSI(14) < 30 while close > SMA(20)", asks for a market that is oversold and
above its mean in the same candle; in five pairs over six years of 1h candles that never happened.
What it means is a sequence: RSI was oversold within the last N candles, and price has now come back
over its mean, in the direction of the larger trend. `literal` keeps the textbook rule to compare.

All functions take candles in time order, one row a candle, and use nothing of later rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds

RSI_PERIOD = 14
MEAN_PERIOD = 20
TREND_PERIODS = (50, 200)
HIGHER_TREND_PERIODS = (10, 50)


def indicators(candles: pd.DataFrame) -> pd.DataFrame:
    """RSI (0 to 100), and simple means of the close in the price's unit; NaN while warming up.

    :param candles: with `close`
    :return: columns `rsi`, `sma_20`, `sma_50`, `sma_200` on the index of the candles
    """
    close = candles["close"].to_numpy(dtype=float)
    means = {f"sma_{n}": talib.SMA(close, n) for n in (MEAN_PERIOD, *TREND_PERIODS)}
    return pd.DataFrame({"rsi": talib.RSI(close, RSI_PERIOD), **means}, index=candles.index)


def pullback_ended(
    frame: pd.DataFrame, *, oversold: float, overbought: float, lookback: int
) -> tuple[pd.Series, pd.Series]:
    """Where price crosses back over (long) or under (short) SMA(20) after an RSI extreme.

    :param frame: with `close`, `rsi`, `sma_20`
    :param oversold: RSI below this counts as oversold, 0 to 50
    :param overbought: RSI above this counts as overbought, 50 to 100
    :param lookback: how many candles ago the extreme may lie, this one included, at least 1
    :return: boolean (long, short)
    """
    close, mean = frame["close"], frame["sma_20"]
    was_oversold = frame["rsi"].rolling(lookback, min_periods=1).min() < oversold
    was_overbought = frame["rsi"].rolling(lookback, min_periods=1).max() > overbought
    return (
        was_oversold & (close > mean) & (close <= mean).shift(fill_value=False),
        was_overbought & (close < mean) & (close >= mean).shift(fill_value=False),
    )


def literal(
    frame: pd.DataFrame, *, oversold: float, overbought: float
) -> tuple[pd.Series, pd.Series]:
    """The textbook rule as written. It does not trade: see the module's text.

    :return: boolean (long, short)
    """
    return (
        (frame["rsi"] < oversold) & (frame["close"] > frame["sma_20"]),
        (frame["rsi"] > overbought) & (frame["close"] < frame["sma_20"]),
    )


def trend(frame: pd.DataFrame) -> pd.Series:
    """Direction of the larger trend on the same timeframe: SMA(50) against SMA(200).

    :return: 1 up, -1 down, 0 unknown
    """
    direction = _direction(frame["sma_50"].to_numpy(), frame["sma_200"].to_numpy())
    return pd.Series(direction, index=frame.index)


def higher_trend(candles: pd.DataFrame, timeframe: str, higher: str) -> pd.Series:
    """Direction of the trend on a higher timeframe: its SMA(10) against its SMA(50).

    The higher candles are put together from the given ones, so that backtest and live see the same
    and nothing else need be downloaded. A higher candle counts from the moment it has closed.

    :param candles: with `date` (open time, UTC) and `close`
    :param timeframe: of the candles, as a pandas offset (`1h`, `5min`)
    :param higher: a multiple of it
    :return: 1 up, -1 down, 0 unknown, on the index of the candles
    """
    closes_at = nanoseconds(candles["date"]) + pd.Timedelta(timeframe).value
    # The row that completes a higher candle carries that candle's close.
    complete = closes_at % pd.Timedelta(higher).value == 0
    close = candles["close"].to_numpy(dtype=float)[complete]
    fast, slow = (talib.SMA(close, n) for n in HIGHER_TREND_PERIODS)
    direction = _direction(fast, slow)
    known = pd.Series(direction, index=candles.index[complete])
    return known.reindex(candles.index).ffill().fillna(0).astype(int)


def _direction(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> NDArray[np.int64]:
    return (fast > slow).astype(np.int64) - (fast < slow)
