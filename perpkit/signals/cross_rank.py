"""Cross-pair rank: go long what is strongest of many pairs, and short what is weakest.

Each pair is compared with the others at the same closed candle, by the strength of its price over
one to four weeks and, where wanted, by the funding that a long receives. What is held is kept until
its rank has fallen to the middle, so that pairs at the edge of the top do not go in and out. With
few pairs a rank says little: below a minimum of pairs none is known, and nothing is entered.

Longs and shorts together are about neutral to the market. What is earned is the difference between
pairs, which is what Jegadeesh and Titman (1993) found in stocks, and Liu, Tsyvinski and Wu (2022),
"Common Risk Factors in Cryptocurrency", in coins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search
from perpkit.signals.conditions import Condition, Conditions, all_met
from perpkit.signals.momentum import HORIZONS, WIDE_STOP, t_statistic
from perpkit.signals.source import Signals, Source

Floats = NDArray[np.float64]
COLUMNS = ("strength_rank", "carry_rank")


@dataclass(frozen=True)
class RankRule(Parameters):
    """Which ranks are entered and left, from 0 (the weakest) to 1 (the strongest)."""

    enter: Annotated[
        float,
        Range(0.5, 1, "rank"),
        Search("buy", 0.65, 0.95),
        "The rank from which a long is entered; a short is the mirror",
    ] = 0.8
    leave: Annotated[
        float,
        Range(0, 1, "rank"),
        Search("sell", 0.4, 0.6),
        "The rank at which a long is left; a short is the mirror",
    ] = 0.5
    carry_weight: Annotated[
        float,
        Range(0, 1, "of the rank"),
        Search("buy", 0.0, 0.5),
        "The weight of the rank by funding; strength has the rest",
    ] = 0.0

    def check_together(self) -> None:
        if not self.leave < self.enter:
            raise ValueError(f"leave must be below enter ({self.enter:g}), got {self.leave!r}")


@dataclass(frozen=True)
class RankedPairs(Parameters):
    """Among which pairs a pair is ranked."""

    pairs: Annotated[
        tuple[str, ...],
        "The universe, in which a traded pair always is; none means the pairs that are traded",
    ] = ()
    min_pairs: Annotated[
        int, Range(2, 1000, "pairs"), "The fewest that must be known for a rank"
    ] = 10


def strength(closes: Floats, step: timedelta) -> Floats:
    """Returns the mean t-statistic of the returns of one, two and four weeks; NaN until four weeks
    are known.

    It is not cut as the momentum is, for of two pairs that have risen one has risen more.

    :param closes: of candles in order
    :param step: length of a candle
    """
    found = [t_statistic(closes, max(1, horizon // step)) for horizon in HORIZONS]
    return np.asarray(np.mean(found, axis=0))


def ranks(values: Floats, least: int) -> Floats:
    """Returns what share of the other pairs each pair exceeds, equal ones counted half.

    :param values: one row a candle, one column a pair; NaN where unknown
    :param least: the pairs that must be known in a row, at least 2
    :return: 0 to 1; NaN where a pair is unknown, and in rows with fewer pairs

    >>> ranks(np.array([[3.0, 1.0, 2.0], [3.0, np.nan, 2.0]]), least=3).tolist()
    [[1.0, 0.0, 0.5], [nan, nan, nan]]
    """
    known = np.isfinite(values).sum(axis=1, keepdims=True)
    place = pd.DataFrame(np.where(np.isfinite(values), values, np.nan)).rank(axis=1).to_numpy()
    return np.where(known >= max(least, 2), (place - 1) / np.maximum(known - 1, 1), np.nan)


@dataclass(frozen=True)
class CrossRank(Source):
    """Long the strongest fifth of the pairs, short the weakest."""

    name: str = "cross_rank"
    rule: RankRule = RankRule()
    needed: tuple[str, ...] = COLUMNS
    risk: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: WIDE_STOP)
    take_profit: float | None = 100.0

    def columns(self, candles: pd.DataFrame, step: timedelta) -> Mapping[str, Floats]:
        return {}

    def signals(self, frame: pd.DataFrame, rule: RankRule) -> Signals:
        rank, found = combined(frame, rule), self.conditions(frame, rule)
        long, short = (all_met(found[side]) for side in ("long", "short"))
        certain = np.ones(len(rank))
        return Signals(
            long, short, rank <= rule.leave, rank >= _mirrored(rule.leave), certain, certain
        )

    def conditions(self, frame: pd.DataFrame, rule: RankRule) -> Conditions:
        rank = combined(frame, rule)
        most, least = rule.enter, _mirrored(rule.enter)
        return {
            "long": [Condition(f"a rank among the pairs of at least {most:g}", rank >= most, rank)],
            "short": [
                Condition(f"a rank among the pairs of at most {least:g}", rank <= least, rank)
            ],
        }


def combined(frame: pd.DataFrame, rule: RankRule) -> Floats:
    """Returns the weighted mean of the ranks; where funding is unknown and counts, NaN."""
    strong, paid = (frame[name].to_numpy(dtype=float) for name in COLUMNS)
    weight = rule.carry_weight
    rank = (1 - weight) * strong + weight * paid if weight else strong
    return np.asarray(rank.round(9))


def _mirrored(rank: float) -> float:
    # Both are rounded, because 1 - 0.8 is slightly less than a rank of 0.2.
    return round(1 - rank, 9)
