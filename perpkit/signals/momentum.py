"""Time-series momentum: go with the price's own move over the last weeks, long and short.

A move is measured by the t-statistic of its hourly returns: the sum of the returns over the root of
the sum of their squares, which is about normal with a deviation of 1 where there is no trend, in a
quiet pair and in a wild one. Three horizons, one, two and four weeks, are cut at -1 and 1 and
averaged, so that none of them decides alone: the score is 1 where all of them agree and -1 where
all agree on the fall.

A trade begins when the score is far from 0 and ends when it has come back, so that the noise
between the two costs nothing. Moskowitz, Ooi and Pedersen (2012), "Time Series Momentum"; for
coins, whose trends last one to four weeks, Liu and Tsyvinski (2021), "Risks and Returns of
Cryptocurrency".

All functions take candles in time order, and a row never depends on later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAY
from perpkit.market.windows import later, mean
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search
from perpkit.signals.conditions import Condition, Conditions, all_met
from perpkit.signals.source import Signals, Source

Floats = NDArray[np.float64]
WEEK = 7 * DAY
HORIZONS = (WEEK, 2 * WEEK, 4 * WEEK)
# For trades that a score ends: of what was tried, nearer stops, targets and trailing stops took
# more from the long ones than they saved elsewhere (docs/evidence/strategies.md). At a multiple of
# the average true range positions are small where the price moves much.
WIDE_STOP: Mapping[str, Mapping[str, Any]] = {
    "stop": {"method": "atr", "atr_multiple": 16.0, "floor": 0.05, "ceiling": 0.25},
    "use": {"trailing": False, "scale_out": False, "carry": False},
}


@dataclass(frozen=True)
class MomentumRule(Parameters):
    """When a trend begins and when it has ended, by the score from -1 to 1."""

    enter: Annotated[
        float,
        Range(0.05, 1, "score"),
        Search("buy", 0.3, 0.9),
        "The momentum from which a side is entered; a short is the mirror",
    ] = 0.5
    leave: Annotated[
        float,
        Range(-1, 1, "score"),
        Search("sell", -0.2, 0.2),
        "The momentum at which a long is left; a short is the mirror",
    ] = 0.0

    def check_together(self) -> None:
        if not self.leave < self.enter:
            raise ValueError(f"leave must be below enter ({self.enter:g}), got {self.leave!r}")


def momentum(closes: Floats, step: timedelta, horizons: tuple[timedelta, ...] = HORIZONS) -> Floats:
    """Returns the score of each candle, -1 to 1; NaN until the longest horizon is known, and where
    a price is missing at the end of one.

    :param closes: of candles in order
    :param step: length of a candle
    :param horizons: each at least one candle

    >>> momentum(np.array([100.0, 110.0, 120.0]), DAY, (DAY, 2 * DAY)).round(2).tolist()
    [nan, nan, 1.0]
    """
    total = np.zeros(len(closes))
    for horizon in horizons:
        total += np.clip(t_statistic(closes, max(1, horizon // step)), -1.0, 1.0)
    return total / len(horizons)


def t_statistic(closes: Floats, count: int) -> Floats:
    """Returns the sum of the last `count` log returns over the root of the sum of their squares.

    :return: 0 where the price has not moved, NaN where there are too few candles

    >>> t_statistic(np.array([1.0, 2.0, 1.0, 2.0]), 3).round(3).tolist()
    [nan, nan, nan, 0.577]
    """
    logs = np.log(closes)
    moved = logs - later(logs, count)
    squares = count * mean((logs - later(logs, 1)) ** 2, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(squares > 0, moved / np.sqrt(squares), np.where(squares == 0, 0.0, moved))


@dataclass(frozen=True)
class Momentum(Source):
    """Follows the trend of one to four weeks."""

    name: str = "momentum"
    rule: MomentumRule = MomentumRule()
    computed: tuple[str, ...] = ("momentum",)
    risk: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: WIDE_STOP)
    take_profit: float | None = 100.0

    def columns(self, candles: pd.DataFrame, step: timedelta) -> Mapping[str, Floats]:
        return {"momentum": momentum(candles["close"].to_numpy(dtype=float), step)}

    def signals(self, frame: pd.DataFrame, rule: MomentumRule) -> Signals:
        score = frame["momentum"].to_numpy(dtype=float)
        found, certain = self.conditions(frame, rule), np.ones(len(score))
        long, short = (all_met(found[side]) for side in ("long", "short"))
        return Signals(long, short, score <= rule.leave, score >= -rule.leave, certain, certain)

    def conditions(self, frame: pd.DataFrame, rule: MomentumRule) -> Conditions:
        score = frame["momentum"]
        up, down = score >= rule.enter, score <= -rule.enter
        return {
            "long": [Condition(f"momentum of at least {rule.enter:g}", up, score)],
            "short": [Condition(f"momentum of at most {-rule.enter:g}", down, score)],
        }

    def candles(self, rule: MomentumRule, step: timedelta) -> Mapping[str, int]:
        return {"the momentum of four weeks": max(HORIZONS) // step + 1}
