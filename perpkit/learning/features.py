"""Features: what a model sees of the market, each without unit and stationary.

Returns are in standard deviations and prices in shares of a range, so that a level that was never
seen in training, such as a record price, is no new value. A row depends on no later candle.

FreqAI drops every row in which one feature is unknown. What a user may not have (funding,
positioning) is therefore 0 where it is unknown, its neutral value; a column that is 0 throughout is
removed by FreqAI itself. Features of candles stay NaN while they warm up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from perpkit.durations import HOUR
from perpkit.market.asof import nanoseconds
from perpkit.market.percentile import rolling_rank
from perpkit.market.ranges import ranges
from perpkit.market.times import dates_of
from perpkit.market.volatility import Estimator, HourlyCandles, vol_annual
from perpkit.market.windows import highest, later, lowest, mean

Floats = NDArray[np.float64]

RANKED = timedelta(days=30)
INDEX_HALF_LIFE_HOURS = 6.0
_LEAST_DAYS = 7
_OUTER = 5.0  # standard deviations beyond which a figure says no more
_SMALL = 1e-12

# Of `perpkit.market`, with the value that is neutral and what they are divided by.
MARKET = {
    "funding_zscore": (0.0, 1.0),
    "funding_rank": (0.5, 1.0),
    "funding_next_8h": (0.0, 1e-4),
    "funding_paid_24h": (0.0, 1e-4),
    "long_short_rank": (0.5, 1.0),
    "long_short_zscore": (0.0, 1.0),
    "top_divergence_zscore": (0.0, 1.0),
}


def candle_features(candles: pd.DataFrame, period: int) -> dict[str, Floats]:
    """Returns the features of a look-back: FreqAI asks for one set each period and pair.

    :param candles: in order, with `high`, `low`, `close`, `volume`
    :param period: candles
    :return: `move` (return in standard deviations), `rsi`, `place` (of the close in its range),
        both from -0.5 to 0.5, `straight` (0 to 1: the way made as a share of the way gone) and
        `volume` (logarithm of its ratio to the mean); NaN while warming up
    """
    high, low, close, volume = _arrays(candles, "high", "low", "close", "volume")
    logs = np.log(close)
    steps = logs - later(logs, 1)
    way = logs - later(logs, period)
    top, bottom = highest(high, period), lowest(low, period)
    deviation = np.sqrt(mean(steps**2, period))
    with np.errstate(invalid="ignore", divide="ignore"):
        features = {
            "move": np.clip(way / (deviation * np.sqrt(period)), -_OUTER, _OUTER),
            "rsi": talib.RSI(close, period) / 100 - 0.5,
            "place": (close - bottom) / (top - bottom) - 0.5,
            "straight": np.abs(way) / (mean(np.abs(steps), period) * period),
            "volume": np.log((volume + _SMALL) / (mean(volume, period) + _SMALL)).clip(-10, 10),
        }
    for values in features.values():
        values[~np.isfinite(values)] = 0.0  # a price that has not moved
        values[:period] = np.nan
    return features


def volatility_features(candles: pd.DataFrame, step: timedelta) -> dict[str, Floats]:
    """Returns the features of a pair without a look-back of their own.

    :param candles: in order, with `date` (open time, UTC), `open`, `high`, `low`, `close`
    :param step: length of a candle
    :return: `body` (of the last candle, in standard deviations), `vol_rank` (of the volatility in
        30 days, from -0.5 to 0.5) and, of hourly candles, `index_rank`, the same of the volatility
        index (docs/crypto_vix.md); NaN while warming up
    """
    opened, close = _arrays(candles, "open", "close")
    dates = dates_of(candles["date"])
    vol = ranges(candles, pd.Timedelta(step))["vol_1h"]
    least = int(timedelta(days=_LEAST_DAYS) / step)
    with np.errstate(invalid="ignore", divide="ignore"):
        body = (close / opened - 1) / (vol * np.sqrt(step / HOUR))
    features = {
        "body": np.clip(body, -_OUTER, _OUTER),
        "vol_rank": _rank(vol, dates, least),
    }
    if step == HOUR:
        features["index_rank"] = _rank(volatility_index(candles), dates, least)
    return features


def volatility_index(candles: pd.DataFrame) -> Floats:
    """Returns the annualised volatility of hourly candles that the breaker calls the index."""
    grid = HourlyCandles.from_frame(candles)
    index = vol_annual(grid, Estimator.PARKINSON, INDEX_HALF_LIFE_HOURS)
    return index[nanoseconds(candles["date"]) // (3600 * 10**9) - grid.first_hour]


def market_features(columns: Mapping[str, Floats], side: NDArray[np.int64]) -> dict[str, Floats]:
    """Returns the features of funding and positioning, and the same seen from the rule's side.

    :param columns: of `perpkit.market` by name, such as `funding_rank`; unknown ones are neutral
    :param side: 1 long, -1 short, 0 none
    :return: each of `MARKET`, and `side_` and its name: above 0 where the crowd is on our side
    """
    features: dict[str, Floats] = {}
    for name, (neutral, unit) in MARKET.items():
        values = columns.get(name, np.full(len(side), np.nan))
        centred = np.nan_to_num((values - neutral) / unit, nan=0.0).clip(-50, 50)
        features[name] = centred
        features[f"side_{name}"] = centred * side
    # How alike the pair and the benchmark are: the same for either side.
    alike = columns.get("btc_correlation", np.full(len(side), np.nan))
    return features | {"btc_correlation": np.nan_to_num(alike, nan=1.0)}


def rule_features(
    candles: pd.DataFrame, side: NDArray[np.int64], entered: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Returns what the rule sees, from its own side: pull-backs of longs and shorts look alike.

    :param candles: in order, with `date` (open time, UTC) and `close`
    :param side: 1 long, -1 short, 0 none
    :param entered: whether the rule enters at the candle
    :return: `side`, `entered`, `side_rsi` (of 14), `side_move_*` (over 4, 24 and 72 candles, in
        standard deviations of 72), `since` (logarithm of the candles since an entry) and the hour
    """
    (close,) = _arrays(candles, "close")
    logs = np.log(close)
    deviation = np.sqrt(mean((logs - later(logs, 1)) ** 2, 72))
    row = np.arange(len(close))
    last = np.maximum.accumulate(np.where(entered, row, -1)) if len(row) else row
    hour = (nanoseconds(candles["date"]) // (3600 * 10**9)) % 24 / 24 * 2 * np.pi
    features = {
        "side": side.astype(np.float64),
        "entered": entered.astype(np.float64),
        "side_rsi": side * (talib.RSI(close, 14) / 100 - 0.5),
        "since": np.log1p(np.where(last >= 0, row - last, 1000).clip(0, 1000)),
        "hour_sin": np.sin(hour),
        "hour_cos": np.cos(hour),
    }
    for count in (4, 24, 72):
        with np.errstate(invalid="ignore", divide="ignore"):
            way = (logs - later(logs, count)) / (deviation * np.sqrt(count))
        way[np.isinf(way)] = 0.0
        features[f"side_move_{count}"] = side * np.clip(way, -_OUTER, _OUTER)
    return features


def _rank(values: Floats, dates: pd.DatetimeIndex, least: int) -> Floats:
    return rolling_rank(pd.Series(values, dates), RANKED, least).to_numpy() - 0.5


def _arrays(frame: pd.DataFrame, *names: str) -> list[Floats]:
    return [frame[name].to_numpy(dtype=np.float64) for name in names]
