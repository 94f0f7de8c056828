"""Funding tide: enter on the side that is paid while funding is extreme and price is stretched.

A crowd that pays a lot to be long has already bought; when it leaves, price and funding both
revert. Funding is extreme relative to the pair's own last 30 days, and beyond a floor. Price is
stretched when it is far from its two-day mean in the crowd's direction. A crowd that follows the
larger trend stays right for longer than a counter-trade can wait. So the entry must follow the
trend: a short when longs pay for a rally in a falling market, a long when shorts pay for a dip in a
rising one.

All functions take 1h candles in time order, and a row never depends on later ones.
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
from perpkit.parameters.kinds import Range, Search
from perpkit.signals.conditions import Condition, entries_of
from perpkit.signals.confidence import FundingRank

MEAN_PERIOD = 48
_FLAT = 1e-6  # below this share of the mean, the deviation of a price is only rounding


class ExitOn(StrEnum):
    """What must have reverted for an exit."""

    FUNDING = "funding"
    PRICE = "price"
    EITHER = "either"
    BOTH = "both"


@dataclass(frozen=True)
class TideRule(Parameters):
    """The thresholds of an entry."""

    funding_rank: Annotated[FundingRank, Search("buy", 0.80, 0.99)] = 0.9
    funding_floor_8h: Annotated[
        float,
        Range(0, 0.03, "per 8 h"),
        Search("buy", 0.0, 0.0005, decimals=5),
        "The rate that an extreme must exceed in size",
    ] = 0.00005
    stretch: Annotated[
        float,
        Range(0, 10, "standard deviations"),
        Search("buy", 0.5, 2.5, decimals=1),
        "How far the close is off the mean of two days of closes, in their standard deviations",
    ] = 1.0
    # What a trade is expected to earn and to cost is set, not optimised.
    reversion: Annotated[
        float,
        Range(0, 1, "of the way"),
        Search("buy", 0.0, 0.5, optimize=False),
        "How much of the way back to the mean the price is expected to make",
    ] = 0.2
    costs: Annotated[
        float,
        Range(0, 0.1, "of the price"),
        Search("buy", 0.0, 0.01, decimals=4, optimize=False),
        "What a round trip costs, fees and slippage of both sides",
    ] = 0.0014


def indicators(candles: pd.DataFrame) -> pd.DataFrame:
    """Returns the distance of the price from its mean of 48 candles; NaN while warming up.

    :param candles: with `close`
    :return: columns `mean_48` (that mean), `mean_distance` (fraction of the mean) and `stretch` (in
        standard deviations of those closes; NaN where price has not moved), on the index of the
        candles
    """
    rolling = candles["close"].rolling(MEAN_PERIOD)
    mean, deviation = rolling.mean(), rolling.std()
    away = candles["close"] - mean
    stretch = away / deviation.where(deviation > _FLAT * mean)
    return pd.DataFrame({"mean_48": mean, "mean_distance": away / mean, "stretch": stretch})


def income(frame: pd.DataFrame) -> pd.Series:
    """Returns the funding that a short is predicted to receive until half of the extreme has
    decayed, as a fraction of the position; a long receives the negative.

    :param frame: with `funding_rate_8h` and `funding_mean_8h` (fractions)

    >>> frame = pd.DataFrame({"funding_rate_8h": [0.001], "funding_mean_8h": [0.0001]})
    >>> income(frame).round(6).tolist()
    [0.002248]
    """
    rate, mean = (frame[name].to_numpy() for name in ("funding_rate_8h", "funding_mean_8h"))
    return pd.Series(predicted_cost(rate, mean, HALF_LIFE_HOURS), index=frame.index)


def entries(frame: pd.DataFrame, rule: TideRule) -> tuple[pd.Series, pd.Series]:
    """Returns the candles at which a side is paid, price is stretched the other way, and the
    expected gain exceeds the costs.

    :param frame: with `funding_rate_8h`, `funding_mean_8h` (fractions), `funding_rank` (0 to 1),
        and the columns of `indicators`; NaN gives no entry
    :return: (long, short), booleans
    """
    return entries_of(conditions(frame, rule), frame)


def conditions(frame: pd.DataFrame, rule: TideRule) -> dict[str, list[Condition]]:
    """Returns the conditions of `entries`, one by one."""
    rate, rank, stretch = frame["funding_rate_8h"], frame["funding_rank"], frame["stretch"]
    paid = income(frame)
    expected = paid.abs() + rule.reversion * frame["mean_distance"].abs()
    least, most, floor = 1 - rule.funding_rank, rule.funding_rank, rule.funding_floor_8h
    worth = Condition(f"an expected gain above {rule.costs:g}", expected > rule.costs, expected)
    return {
        "long": [
            Condition(f"a rank of funding of at most {least:.4g}", rank <= least, rank),
            Condition(f"funding below {-floor:g} in 8 h", rate < -floor, rate),
            Condition("funding that longs are predicted to receive", paid < 0, -paid),
            Condition(f"a stretch of at most {-rule.stretch:g}", stretch <= -rule.stretch, stretch),
            worth,
        ],
        "short": [
            Condition(f"a rank of funding of at least {most:.4g}", rank >= most, rank),
            Condition(f"funding above {floor:g} in 8 h", rate > floor, rate),
            Condition("funding that shorts are predicted to receive", paid > 0, paid),
            Condition(f"a stretch of at least {rule.stretch:g}", stretch >= rule.stretch, stretch),
            worth,
        ],
    }


def exits(frame: pd.DataFrame, on: ExitOn) -> tuple[pd.Series, pd.Series]:
    """Returns the candles at which the reason for the entry is over: the rate is back at the median
    of its last 30 days, or price is back at its mean.

    Unknown funding neither causes an exit nor prevents one: with `both`, price then decides alone.

    :param frame: with `funding_rank` (0 to 1), `stretch`
    :return: (exit a long, exit a short), booleans
    :raises ValueError: for a value that `ExitOn` does not have

    >>> frame = pd.DataFrame({"funding_rank": [0.1, 0.6], "stretch": [-2.0, -0.5]})
    >>> exits(frame, ExitOn.FUNDING)[0].tolist(), exits(frame, ExitOn.PRICE)[0].tolist()
    ([False, True], [False, False])
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
