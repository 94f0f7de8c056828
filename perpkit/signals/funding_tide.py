"""Funding tide: take the side that is paid while funding is extreme and price is stretched.

A crowd that pays much to be long has bought already; when it leaves, price and funding both return.
Funding is extreme against the pair's own last 30 days, and by at least a floor. Price is stretched
when it stands far from its two-day mean, towards the crowd. The crowd of a larger trend is right
for longer than a fade can wait, so that the side taken must be the trend's: longs that pay for a
rally in a falling market, shorts that pay for a dip in a rising one.

All functions take candles of 1h in time order, and use nothing of later rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import numpy as np
import pandas as pd

from perpkit.checks import one_of
from perpkit.market.funding import HALF_LIFE_HOURS, predicted_cost
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

MEAN_PERIOD = 48
_FLAT = 1e-6  # deviation of a price that does not move, up to rounding, as a share of its mean


class ExitOn(StrEnum):
    """What has returned to its middle."""

    FUNDING = "funding"
    PRICE = "price"
    EITHER = "either"
    BOTH = "both"


@dataclass(frozen=True)
class TideRule(Parameters):
    """Thresholds of an entry."""

    funding_rank: Annotated[
        float,
        Range(0.5, 1, "of 30 days"),
        "The share of the pair's last 30 days that lies below the rate for it to be extremely "
        "high; extremely low is the mirror",
    ] = 0.9
    funding_floor_8h: Annotated[
        float, Range(0, 0.03, "per 8 h"), "The rate that an extreme must exceed in size"
    ] = 0.00005
    stretch: Annotated[
        float,
        Range(0, 10, "standard deviations"),
        "How far the close is off the mean of two days of closes, in their standard deviations",
    ] = 1.0
    reversion: Annotated[
        float,
        Range(0, 1, "of the way"),
        "How much of the way back to the mean the price is expected to make",
    ] = 0.2
    costs: Annotated[
        float,
        Range(0, 0.1, "of the price"),
        "What a round trip costs, fees and slippage of both sides",
    ] = 0.0014


def indicators(candles: pd.DataFrame) -> pd.DataFrame:
    """How far price stands from its mean of 48 candles; NaN while warming up.

    :param candles: with `close`
    :return: columns `mean_distance` (fraction of the mean) and `stretch` (in standard deviations of
        those closes; NaN where price has not moved), on the index of the candles
    """
    rolling = candles["close"].rolling(MEAN_PERIOD)
    mean, deviation = rolling.mean(), rolling.std()
    away = candles["close"] - mean
    stretch = away / deviation.where(deviation > _FLAT * mean)
    return pd.DataFrame({"mean_distance": away / mean, "stretch": stretch})


def income(frame: pd.DataFrame) -> pd.Series:
    """Funding that a short is predicted to be paid until half of the extreme is gone; a long gets
    the negative. A fraction of the position.

    :param frame: with `funding_rate_8h` and `funding_mean_8h` (fractions)
    """
    rate, mean = (frame[name].to_numpy() for name in ("funding_rate_8h", "funding_mean_8h"))
    return pd.Series(predicted_cost(rate, mean, HALF_LIFE_HOURS), index=frame.index)


def entries(frame: pd.DataFrame, rule: TideRule) -> tuple[pd.Series, pd.Series]:
    """Where a side is paid, the other one is stretched, and both together are worth the costs.

    :param frame: with `funding_rate_8h`, `funding_mean_8h` (fractions), `funding_rank` (0 to 1),
        and the columns of `indicators`; what is NaN is no entry
    :return: boolean (long, short)
    """
    rate, rank, stretch = frame["funding_rate_8h"], frame["funding_rank"], frame["stretch"]
    paid = income(frame)
    expected = paid.abs() + rule.reversion * frame["mean_distance"].abs()
    worth = expected > rule.costs
    shorts_pay = (rank <= 1 - rule.funding_rank) & (rate < -rule.funding_floor_8h)
    longs_pay = (rank >= rule.funding_rank) & (rate > rule.funding_floor_8h)
    return (
        shorts_pay & (paid < 0) & (stretch <= -rule.stretch) & worth,
        longs_pay & (paid > 0) & (stretch >= rule.stretch) & worth,
    )


def exits(frame: pd.DataFrame, on: ExitOn) -> tuple[pd.Series, pd.Series]:
    """Where what made the entry is over: the rate is back at the middle of its last 30 days, price
    is back at its mean.

    Unknown funding is no reason to leave, nor one to stay: with `both`, price then decides alone.

    :param frame: with `funding_rank` (0 to 1), `stretch`
    :return: boolean (of a long, of a short)
    :raises ValueError: for a word that `ExitOn` does not have
    """
    on = one_of("on", on, ExitOn)
    rank, stretch = frame["funding_rank"], frame["stretch"]
    return _over(rank >= 0.5, stretch >= 0, rank, on), _over(rank <= 0.5, stretch <= 0, rank, on)


def _over(funding: pd.Series, price: pd.Series, rank: pd.Series, on: ExitOn) -> pd.Series:
    if on is ExitOn.FUNDING:
        return funding
    if on is ExitOn.PRICE:
        return price
    return funding | price if on is ExitOn.EITHER else price & (funding | np.isnan(rank))
