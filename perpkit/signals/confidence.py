"""Confidence in an entry: a base, plus bonuses if funding pays it and if the crowd is against it.

Longs pay shorts while funding is positive, and shorts pay longs while it is negative. Funding is
extreme relative to the pair's own recent past: the textbook threshold, 1% a period, was never
reached in five pairs over four years (the largest rate was 0.50%).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

Floats = NDArray[np.float64]
# What the score is made of.
COLUMNS = ("funding_rate_8h", "funding_rank", "long_short_ratio", "long_short_rank")


FundingRank = Annotated[
    float,
    Range(0.5, 1, "of 30 days"),
    "The share of the pair's last 30 days that lies below the rate for it to be extremely high; "
    "extremely low is the mirror",
]
CrowdRank = Annotated[
    float,
    Range(0.5, 1, "of 30 days"),
    "The share of the pair's last 30 days that lies below the ratio for longs to be crowded; "
    "shorts are the mirror",
]


@dataclass(frozen=True)
class ConfidenceRule(Parameters):
    """The weights and thresholds of the confidence."""

    base: Annotated[float, Range(0, 1, "confidence"), "The confidence in any signal"] = 0.7
    funding_bonus: Annotated[
        float, Range(0, 1, "confidence"), "What is added while funding is extreme and pays the side"
    ] = 0.2
    crowd_bonus: Annotated[
        float,
        Range(0, 1, "confidence"),
        "What is added while the long/short ratio is crowded on the other side",
    ] = 0.1
    funding_rank: FundingRank = 0.95
    funding_floor_8h: Annotated[
        float, Range(0, 0.03, "per 8 h"), "The rate that an extreme must exceed in size"
    ] = 0.0002
    crowd_ratio: Annotated[
        float,
        Range(1, 100, "accounts"),
        "The long/short account ratio above which longs are crowded; shorts are below its inverse",
    ] = 2.0
    crowd_rank: CrowdRank = 0.95


def confidence(frame: pd.DataFrame, rule: ConfidenceRule) -> tuple[pd.Series, pd.Series]:
    """Returns the score of a long and of a short entry at every candle.

    :param frame: with `funding_rate_8h` (fraction), `funding_rank` (0 to 1), `long_short_ratio`,
        `long_short_rank` (0 to 1); NaN, where unknown, earns no bonus
    :return: (long, short), between 0 and 1

    >>> paying = {"funding_rate_8h": [0.001], "funding_rank": [0.99]}  # longs pay
    >>> frame = pd.DataFrame({**paying, "long_short_ratio": [1.1], "long_short_rank": [0.5]})
    >>> [score.tolist() for score in confidence(frame, ConfidenceRule())]
    [[0.7], [0.9]]
    """
    long, short = (pd.Series(score, frame.index) for score in scores(frame, rule))
    return long, short


def scores(frame: pd.DataFrame, rule: ConfidenceRule) -> tuple[Floats, Floats]:
    """Returns what `confidence` does, as arrays."""
    rate, rank, ratio, crowd = (frame[name].to_numpy(dtype=float) for name in COLUMNS)
    longs_pay = (rank >= rule.funding_rank) & (rate > rule.funding_floor_8h)
    shorts_pay = (rank <= 1 - rule.funding_rank) & (rate < -rule.funding_floor_8h)

    longs_crowded = (ratio > rule.crowd_ratio) | (crowd >= rule.crowd_rank)
    shorts_crowded = (ratio < 1 / rule.crowd_ratio) | (crowd <= 1 - rule.crowd_rank)

    def score(paid: NDArray[np.bool_], crowded: NDArray[np.bool_]) -> Floats:
        total = rule.base + rule.funding_bonus * paid + rule.crowd_bonus * crowded
        # Rounded, because 0.7 + 0.1 is slightly less than a threshold of 0.8.
        return np.minimum(total.round(9), 1.0)

    return score(shorts_pay, shorts_crowded), score(longs_pay, longs_crowded)


def tag(name: str, score: pd.Series) -> pd.Series:
    """Returns enter tags that contain the score.

    :param name: one of the strategy's `scored_tags`, or the score does not count
    :param score: 0 to 1; what is above counts as 1, and what is below or unknown as 0, for which
        there is no stake: a tag without a score would stand for the whole
    :return: one string per row

    >>> tag("rsi_sma", pd.Series([0.7, 0.9])).tolist()
    ['rsi_sma 0.70', 'rsi_sma 0.90']
    """
    known = np.clip(np.nan_to_num(score.to_numpy(dtype=float), nan=0.0), 0.0, 1.0)
    different, row = np.unique(known, return_inverse=True)
    labels = np.array([f"{name} {value:.2f}" for value in different], dtype=object)
    return pd.Series(labels[row], index=score.index, dtype=object)


def score_of(enter_tag: str | None, scored: Collection[str]) -> float | None:
    """Returns the score in a tag of `tag`; None for any other tag, such as that of a forced entry,
    or one of a strategy's own that ends in a number.

    :param scored: the names that were given to `tag`

    >>> score_of("rsi_sma 0.90", {"rsi_sma"}), score_of("ema 0.20", {"rsi_sma"})
    (0.9, None)
    """
    name, _, number = (enter_tag or "").rpartition(" ")
    if name not in scored:
        return None
    try:
        score = float(number)
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None
