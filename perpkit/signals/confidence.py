"""Confidence in an entry: a base, and a bonus for each crowd that pays for, or leans against, it.

Longs pay shorts while funding is positive, and the other way round. Funding is extreme relative to
the pair's own recent past: the textbook threshold, 1% a period, was never reached in five pairs
over four years (largest 0.50%).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class ConfidenceRule:
    """Weights and thresholds.

    :param base: of any signal, 0 to 1
    :param funding_bonus: when funding is extreme and pays the side
    :param crowd_bonus: when the long/short ratio is crowded on the other side
    :param funding_rank: share of the pair's last 30 days that lies below the rate for it to be
        extremely high; extremely low is the mirror; 0.5 to 1
    :param funding_floor_8h: rate per 8 h, as a fraction, that an extreme must exceed in size
    :param crowd_ratio: long/short account ratio above which longs are crowded; shorts below its
        inverse; at least 1
    :param crowd_rank: the same as a share of the pair's own recent past, 0.5 to 1
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    base: float = 0.7
    funding_bonus: float = 0.2
    crowd_bonus: float = 0.1
    funding_rank: float = 0.95
    funding_floor_8h: float = 0.0002
    crowd_ratio: float = 2.0
    crowd_rank: float = 0.95

    def __post_init__(self) -> None:
        for name, low, high in (
            ("base", 0.0, 1.0),
            ("funding_bonus", 0.0, 1.0),
            ("crowd_bonus", 0.0, 1.0),
            ("funding_rank", 0.5, 1.0),
            ("funding_floor_8h", 0.0, 0.03),
            ("crowd_ratio", 1.0, 100.0),
            ("crowd_rank", 0.5, 1.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")


def confidence(frame: pd.DataFrame, rule: ConfidenceRule) -> tuple[pd.Series, pd.Series]:
    """Score of a long and of a short entry at every candle.

    :param frame: with `funding_rate_8h` (fraction), `funding_rank` (0 to 1), `long_short_ratio`,
        `long_short_rank` (0 to 1); NaN, where unknown, earns no bonus
    :return: (long, short), between 0 and 1
    """
    rate, rank = frame["funding_rate_8h"], frame["funding_rank"]
    longs_pay = (rank >= rule.funding_rank) & (rate > rule.funding_floor_8h)
    shorts_pay = (rank <= 1 - rule.funding_rank) & (rate < -rule.funding_floor_8h)

    ratio, crowd = frame["long_short_ratio"], frame["long_short_rank"]
    longs_crowded = (ratio > rule.crowd_ratio) | (crowd >= rule.crowd_rank)
    shorts_crowded = (ratio < 1 / rule.crowd_ratio) | (crowd <= 1 - rule.crowd_rank)

    def score(paid: pd.Series, crowded: pd.Series) -> pd.Series:
        total = rule.base + rule.funding_bonus * paid + rule.crowd_bonus * crowded
        # As decimals, for thresholds are: 0.7 + 0.1 is a little less than 0.8.
        return total.round(9).clip(upper=1.0)

    return score(shorts_pay, shorts_crowded), score(longs_pay, longs_crowded)


def tag(name: str, score: pd.Series) -> pd.Series:
    """Enter tags that carry the score, such as `rsi_sma 0.90`.

    :return: one string a row
    """
    scores = score.to_numpy()
    labels = {value: f"{name} {value:.2f}" for value in np.unique(scores)}
    return pd.Series([labels[value] for value in scores], index=score.index, dtype=object)


def score_of(enter_tag: str | None) -> float | None:
    """The score that `tag` wrote; None for the tag of somebody else, such as a forced entry."""
    try:
        score = float((enter_tag or "").rsplit(" ", 1)[-1])
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None
