"""The premium index: how far the perpetual trades above its index, and the funding that follows.

The exchange averages the premium over a funding interval and makes the rate of it:

    rate = P + clamp(interest - P, -0.05%, 0.05%), per 8 h

where P weighs the premium of an interval from its begin (1) to its end (n), and interest is 0.01%
("Introduction to Binance Futures Funding Rates"; some pairs have another interest, and all have a
cap that is not applied here). So within an interval the candles of the premium tell what the next
rate will be, the better the more of it has passed.

Freqtrade stores the premium as candles of the type `premiumIndex`, whose prices are fractions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import HOUR_S
from perpkit.market.asof import ReadingArrays, nanoseconds
from perpkit.market.funding import INTERVALS_HOURS

INTEREST_8H = 0.0001
CLAMP_8H = 0.0005
COLUMNS = ("premium", "premium_funding_8h")
HOUR_NS = HOUR_S * 10**9
# How long after its close a candle may be used, where the next one is missing.
STALE_NS = 2 * HOUR_NS

Floats = NDArray[np.float64]


def rate_of(premium: Floats) -> Floats:
    """Returns the funding rate per 8 h that an average premium makes, both fractions.

    Within 0.05% of the interest the rate is the interest, for any premium.

    >>> rate_of(np.array([-0.001, 0.0, 0.0004, 0.002])).round(6).tolist()
    [-0.0005, 0.0001, 0.0001, 0.0015]
    """
    return premium + np.clip(INTEREST_8H - premium, -CLAMP_8H, CLAMP_8H)


def premium_readings(candles: pd.DataFrame, interval_hours: Floats) -> ReadingArrays:
    """Returns what each hour of the premium says once it has closed.

    :param candles: Freqtrade's 1h candles of the premium: `date` ascending (open time, UTC),
        `open`, `close`; may be empty
    :param interval_hours: of the pair's funding as it was known at the close of each candle, NaN
        where it was not; intervals are counted from midnight UTC
    :return: `premium`, at the close of the hour, and `premium_funding_8h`, the rate per 8 h of the
        settlement that ends the hour's interval if the premium stays where it is until then. This
        is NaN where an hour of the interval is missing
    """
    opens = nanoseconds(candles["date"])
    close = candles["close"].to_numpy(dtype=float)
    # What the premium was within the hour, whose extremes last for seconds.
    middle = (candles["open"].to_numpy(dtype=float) + close) / 2
    with np.errstate(invalid="ignore"):
        passed = opens // HOUR_NS % interval_hours + 1
    # Hour k of n weighs k^2 - (k - 1)^2, since weights grow evenly within it, too.
    weighted = np.zeros(len(opens))
    rows = np.arange(len(opens))
    for back in range(max(INTERVALS_HOURS)):
        earlier = np.maximum(rows - back, 0)
        there = opens[earlier] == opens - back * HOUR_NS
        value = np.where(there, middle[earlier], np.nan) * (2 * (passed - back) - 1)
        weighted += np.where(back < passed, value, 0.0)
    left = interval_hours**2 - passed**2
    average = (weighted + left * close) / interval_hours**2
    values = dict(zip(COLUMNS, (close, rate_of(average)), strict=True))
    known = opens + HOUR_NS
    return ReadingArrays.from_arrays(known, known + STALE_NS, values)
