"""Funding: what longs pay shorts, on one scale, and how unusual it is for the pair.

Binance settles funding every 8 h, for some pairs every 4, 2 or 1 h, and changes a pair's interval.
A rate is quoted for its own interval, so that rates can only be compared on a common scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import log, nan
from typing import Annotated, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAY, DAYS_A_YEAR, HOUR
from perpkit.market.asof import ReadingArrays, join_known, nanoseconds
from perpkit.market.percentile import rolling_rank
from perpkit.market.times import dates_at
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

F = TypeVar("F", float, NDArray[np.float64])

INTERVALS_HOURS = (1, 2, 4, 8)
COLUMNS = (
    "funding_rate",
    "funding_interval_hours",
    "funding_rate_8h",
    "funding_rate_annual",
    "funding_zscore",
    "funding_rank",
    "funding_mean_8h",
    "funding_next_8h",
    "funding_paid_24h",
)
# The time in which a rate's distance from its mean halves: see docs/evidence/funding_breaker.md.
HALF_LIFE_HOURS = 24.0
_HOUR_NS, _MS_NS = 3_600 * 10**9, 10**6
_FLAT = 1e-9  # below it, the standard deviation of a rate is only rounding


@dataclass(frozen=True)
class FundingRule(Parameters):
    """How settled rates are compared with the past, and how long they may be used."""

    window: Annotated[timedelta, Range(DAY), "The recent past that a rate is compared with"] = (
        timedelta(days=30)
    )
    least: Annotated[
        timedelta,
        Range(timedelta(hours=8), "window"),
        "The history that is needed before a comparison is made",
    ] = timedelta(days=7)
    # Freqtrade stores funding as 1h candles, of which the one stamped T is usable from T + 1h.
    lag: Annotated[timedelta, Range(timedelta(0)), "The time from a rate's stamp to its use"] = HOUR
    max_age_intervals: Annotated[
        float,
        Range(1, unit="funding intervals"),
        "How long a rate is used that was not followed by another, and at least 9 h: the interval "
        "may have become the longest",
    ] = 2.0


DEFAULT_RULE = FundingRule()


def funding_readings(funding: pd.DataFrame, rule: FundingRule = DEFAULT_RULE) -> pd.DataFrame:
    """Returns each settled rate, normalised and compared with the pair's own recent past.

    A rate is weighted by the time it was paid for: 8 rates of 1 h count as much as one of 8 h.
    Rates are compared on the 8 h scale.

    :param funding: Freqtrade's funding candles: `date` ascending, `funding_rate` (fraction for the
        interval that ends at `date`) or, before Freqtrade 2026.9, the same in `open`; may be empty
    :return: one row per rate: `date`, `known_at`, `stale_at` (UTC) and `COLUMNS`; rates are
        fractions. `funding_rank` is 0 to 1; `funding_mean_8h` is the mean of the window;
        `funding_next_8h` is the predicted next settlement; `funding_paid_24h` is the sum of the
        rates paid for the last 24 hours. Comparisons are NaN until there is enough history, and so
        is the sum until 24 hours are known. The rates before the first recognisable interval, at
        least the first one, are left out
    :raises ValueError: a column is missing, or the dates do not ascend
    """
    known_at, stale_at, columns = _readings(funding, rule)
    dates = {
        "date": dates_at((known_at - pd.Timedelta(rule.lag).value) // _MS_NS),
        "known_at": dates_at(known_at // _MS_NS),
        "stale_at": dates_at(stale_at // _MS_NS),
    }
    return pd.DataFrame(dates | columns)


def funding_arrays(funding: pd.DataFrame, rule: FundingRule = DEFAULT_RULE) -> ReadingArrays:
    """Returns `COLUMNS` of `funding_readings` as arrays: a running bot makes them for every pair at
    a settlement, and frames on the way would take longer than the figures.

    :param funding: as for `funding_readings`
    :raises ValueError: as `funding_readings`
    """
    return ReadingArrays.from_arrays(*_readings(funding, rule))


def _readings(
    funding: pd.DataFrame, rule: FundingRule
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Returns when each rate is known and stale, in nanoseconds since 1970, and `COLUMNS`."""
    times, rate = _settled(funding)
    gap = np.diff(times, prepend=times[:1]) / _HOUR_NS
    interval = _interval_hours(gap)
    known = np.isfinite(interval)
    times, rate, gap, interval = times[known], rate[known], gap[known], interval[known]

    rate_8h = rate * 8 / interval
    hours = np.minimum(gap, interval).astype(int)
    hourly, last = _hourly(times, rate_8h, hours)
    zscore, rank, mean = (column[last] for column in _compare(hourly, rule))
    paid = hourly.rolling(timedelta(hours=24), min_periods=24).sum().to_numpy()[last] / 8
    known_at = times + pd.Timedelta(rule.lag).value
    # The next rate may be that of a longer interval; it is known a lag after it has settled.
    longest = INTERVALS_HOURS[-1] + rule.lag / HOUR
    age = pd.to_timedelta(np.maximum(interval * rule.max_age_intervals, longest), unit="h")
    values = (
        rate,
        interval,
        rate_8h,
        rate_8h * 3 * DAYS_A_YEAR,
        zscore,
        rank,
        mean,
        mean + (rate_8h - mean) * 0.5 ** (interval / HALF_LIFE_HOURS),
        paid,
    )
    # Like all dates, in whole milliseconds.
    stale_at = known_at + age.to_numpy().astype("timedelta64[ms]").view(np.int64) * _MS_NS
    return known_at, stale_at, dict(zip(COLUMNS, values, strict=True))


def predicted_cost(rate_8h: F, mean_8h: F, hours: float) -> F:
    """Returns the funding that a long is predicted to pay over `hours`, as a fraction of the
    position; a short receives it.

    The distance of the last settled rate from its mean decays, because rates persist for days but
    extremes do not. Only settled rates are used, so that backtests and the live bot predict alike:
    the rate that the exchange announces is in no stored candle.

    :param rate_8h: the last settled rate on the 8 h scale
    :param mean_8h: its recent mean on the same scale

    >>> round(predicted_cost(0.001, 0.0001, hours=24), 6)  # a constant rate would cost 0.003
    0.002248
    """
    decay = 0.5 ** (hours / HALF_LIFE_HOURS)
    weight = (1 - decay) * HALF_LIFE_HOURS / log(2) / 8
    return mean_8h * (hours / 8 - weight) + rate_8h * weight


def funding_paid(funding: pd.DataFrame, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns what a long has paid in funding up to each time, summed: a fraction of the position.

    A rate counts from its settlement on, when it is paid. That is earlier than `funding_readings`
    may use it: this is for what a position has cost, not for decisions.

    :param funding: as for `funding_readings`
    :param times: nanoseconds since 1970; a settlement at that very time counts
    :raises ValueError: a column is missing, or the dates do not ascend
    """
    settled, rate = _settled(funding)
    paid = np.concatenate(([0.0], np.cumsum(rate)))
    return np.asarray(paid[np.searchsorted(settled, times, side="right")])


def with_funding(
    candles: pd.DataFrame,
    funding: pd.DataFrame,
    timeframe: str,
    rule: FundingRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Returns a copy of the candles with the funding that was known at each one's close.

    :param candles: with `date` (open time, UTC)
    :param funding: as for `funding_readings`
    :param timeframe: length of a candle, such as "1h"
    :return: with `COLUMNS`; NaN before the first rate, and where the newest is stale
    """
    return join_known(candles, pd.Timedelta(timeframe), funding_readings(funding, rule), COLUMNS)


def _settled(funding: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns when each rate was settled, in nanoseconds since 1970, and the rates."""
    column = "funding_rate" if "funding_rate" in funding else "open"
    for needed in ("date", column):
        if needed not in funding:
            raise ValueError(f"funding needs a column {needed}, got {list(funding)}")
    times, rate = nanoseconds(funding["date"]), funding[column].to_numpy(dtype=float)
    there = (times != pd.NaT.value) & ~np.isnan(rate)
    # Exchanges stamp settlements some milliseconds late; Freqtrade's files are on the hour already.
    times, rate = times[there] // _HOUR_NS * _HOUR_NS, rate[there]
    if (times[1:] < times[:-1]).any():
        raise ValueError("funding must ascend in date")
    last = np.append(times[1:] != times[:-1], True)[: len(times)]
    return times[last], rate[last]


def _interval_hours(gap: np.ndarray) -> np.ndarray:
    """Returns the interval that each rate was paid for, from the gaps before it, not after it.

    A gap that is no known interval means that rates are missing; the last interval is kept. So it
    is at the first gap of twice the interval, which one missing rate leaves: taken for a longer
    interval, it would halve the rate on the 8 h scale. A second such gap confirms the interval.
    """
    intervals, known, before = [], nan, nan
    for hours in gap.tolist():
        if hours in INTERVALS_HOURS and (hours != 2 * known or hours == before):
            known = hours
        before = hours
        intervals.append(known)
    return np.array(intervals, dtype=float)


def _hourly(
    times: NDArray[np.int64], rate_8h: np.ndarray, hours: np.ndarray
) -> tuple[pd.Series, np.ndarray]:
    """Returns each rate at every hour it was paid for, and the row of its last hour."""
    last = np.cumsum(hours) - 1
    before_stamp = np.repeat(last, hours) - np.arange(hours.sum())
    index = dates_at((np.repeat(times, hours) - before_stamp * _HOUR_NS) // _MS_NS)
    return pd.Series(np.repeat(rate_8h, hours), index=index), last


def _compare(hourly: pd.Series, rule: FundingRule) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the z-score, rank and mean of each hour in the window that ends with it."""
    least = int(rule.least / HOUR)
    rolling = hourly.rolling(rule.window, min_periods=least)
    mean, deviation = rolling.mean().to_numpy(), rolling.std().to_numpy()
    zscore = (hourly.to_numpy() - mean) / np.where(deviation > _FLAT, deviation, nan)
    return zscore, rolling_rank(hourly, rule.window, least).to_numpy(), mean
