"""The first stop and the target of the trades that a strategy's signals ask for, for charts.

They are what an entry at the close of the signal's candle would have. How the stop moves later
depends on the fill, and is not shown.
"""

from __future__ import annotations

from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.columns import with_columns
from perpkit.risk.stops import EntryStop, StopMethod

STOP, TARGET = "planned_stop", "planned_target"
# A target this far away is none: TargetBasket's, for example.
NO_TARGET = 5.0


def with_planned_levels(frame: pd.DataFrame, rule: EntryStop, target: float) -> pd.DataFrame:
    """Returns a copy with the columns `planned_stop` and `planned_target`, in price.

    They begin with the candle of an entry signal, and end with the candle that reaches one of them
    or has an exit signal of their side; NaN elsewhere.

    :param frame: candles with `atr` and Freqtrade's signals; missing signals are none
    :param target: distance from the entry, a fraction of the price; from `NO_TARGET` on, none is
        drawn, since a chart with it would have no room for the price
    """
    close, high, low = (frame[name].to_numpy(dtype=float) for name in ("close", "high", "low"))
    away = _distances(frame, rule)
    target = target if target < NO_TARGET else nan
    # Above 0 for a long, below for a short; both at once is no signal, as for Freqtrade.
    entry = _signal(frame, "enter_long") - _signal(frame, "enter_short")
    leaves = {1: _signal(frame, "exit_long") > 0, -1: _signal(frame, "exit_short") > 0}
    stops, targets = np.full(len(frame), nan), np.full(len(frame), nan)
    end = -1
    for row in np.flatnonzero((entry != 0) & (away > 0)).tolist():
        if row <= end:
            continue
        side = int(entry[row])
        stop, aim = close[row] * (1 - side * away[row]), close[row] * (1 + side * target)
        later = slice(row + 1, None)
        worst, best = (low[later], high[later]) if side > 0 else (high[later], low[later])
        over = (side * (worst - stop) <= 0) | (side * (best - aim) >= 0) | leaves[side][later]
        end = row + 1 + int(over.argmax()) if over.any() else len(frame) - 1
        stops[row : end + 1], targets[row : end + 1] = stop, aim
    return with_columns(frame, {STOP: stops, TARGET: targets})


def _distances(frame: pd.DataFrame, rule: EntryStop) -> NDArray[np.float64]:
    """As `perpkit.risk.stops.stop_distance`, for every row; NaN where it is unknown."""
    if rule.method is StopMethod.FIXED:
        return np.full(len(frame), rule.distance)
    atr = frame["atr"].to_numpy(dtype=float)
    wanted = np.clip(rule.atr_multiple * atr / frame["close"].to_numpy(), rule.floor, rule.ceiling)
    return np.where(atr > 0, wanted, nan)


def _signal(frame: pd.DataFrame, name: str) -> NDArray[np.int64]:
    if name not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    return (frame[name].to_numpy(dtype=float) > 0).astype(np.int64)
