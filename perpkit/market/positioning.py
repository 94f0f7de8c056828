"""Positioning: how crowded one side is, how the largest accounts are positioned, open interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAY
from perpkit.market.asof import ReadingArrays, closes_of, nanoseconds
from perpkit.market.columns import with_columns
from perpkit.market.percentile import rolling_rank
from perpkit.market.store import PERIODS, SERIES
from perpkit.market.times import dated, dates_of, shifted
from perpkit.market.windows import later
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

Floats = NDArray[np.float64]
COLUMNS = (
    "long_short_ratio",
    "long_short_rank",
    "long_short_zscore",
    "long_short_change",
    "top_accounts_ratio",
    "top_positions_ratio",
    "top_divergence",
    "top_divergence_zscore",
    "taker_ratio",
    "taker_rank",
    "open_interest",
    "open_interest_change",
)
QUADRANT = "open_interest_quadrant"
_FLAT = 1e-9  # below it, the standard deviation of a ratio is only rounding


class Quadrant(IntEnum):
    """The four combinations of changes in open interest and price."""

    LONG_BUILD_UP = 1  # both rise: new longs pay up
    SHORT_BUILD_UP = 2  # open interest rises, price falls: new shorts sell
    SHORT_COVERING = 3  # open interest falls, price rises: shorts buy back
    LONG_UNWINDING = 4  # both fall: longs give up


@dataclass(frozen=True)
class PositioningRule(Parameters):
    """How readings are compared with the past, and how long they may be used."""

    # The exchange states no time of publication; one period is what a bot that polls once a period
    # can rely on.
    lag_periods: Annotated[
        float, Range(0, unit="periods"), "The time from that of a reading to its use"
    ] = 1.0
    max_age_periods: Annotated[
        float,
        Range(1, unit="periods"),
        "How long a reading is used that was not followed by another",
    ] = 2.0
    window: Annotated[timedelta, Range(DAY), "The recent past that a reading is compared with"] = (
        timedelta(days=30)
    )
    least: Annotated[
        timedelta,
        Range(timedelta(0), "window"),
        "The history, above 0, that is needed before a comparison is made",
    ] = timedelta(days=7)
    change: Annotated[
        timedelta,
        Range(timedelta(minutes=5)),
        "The span of `long_short_change` and `open_interest_change`",
    ] = DAY

    def check_together(self) -> None:
        if not self.least:
            raise ValueError(f"least must be above 0 and at most {self.window}, got {self.least}")


DEFAULT_RULE = PositioningRule()


def with_positioning(
    candles: pd.DataFrame,
    stored: Mapping[str, pd.DataFrame],
    timeframe: str,
    rule: PositioningRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Returns a copy of the candles with the positioning that was known at each one's close.

    Where several periods are stored, the shortest one with a usable value is used.

    :param candles: with `date` (open time, UTC) and `close`
    :param stored: readings by period, as `store.read_periods` returns them; may be empty
    :param timeframe: length of a candle, such as "1h"
    :return: with `COLUMNS` (see docs/data.md) and `QUADRANT`, a `Quadrant` or NaN where price or
        open interest is unknown or has not moved. NaN before the first reading, and where the
        newest is stale
    :raises ValueError: if the dates of readings do not ascend
    """
    every = pd.Timedelta(timeframe)
    readings = {
        period: positioning_readings(frame, period, every, rule) for period, frame in stored.items()
    }
    return join_positioning(candles, readings, timeframe, rule)


def join_positioning(
    candles: pd.DataFrame,
    readings: Mapping[str, pd.DataFrame],
    timeframe: str,
    rule: PositioningRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Returns what `with_positioning` does, from readings that were made before.

    :param readings: by period, as `positioning_readings` returns them; may be empty
    """
    return with_columns(candles, positioning_columns(candles, readings, timeframe, rule))


def positioning_columns(
    candles: pd.DataFrame,
    readings: Mapping[str, pd.DataFrame],
    timeframe: str,
    rule: PositioningRule = DEFAULT_RULE,
) -> dict[str, Floats]:
    """Returns the columns that `join_positioning` adds, one value for every candle."""
    every = pd.Timedelta(timeframe)
    closes = closes_of(candles, every)
    known = {column: np.full(len(candles), np.nan) for column in COLUMNS}
    for number, period in enumerate(sorted(readings, key=PERIODS.__getitem__)):
        found = ReadingArrays.of(readings[period], COLUMNS).at(closes)
        known = _filled(known, found) if number else found
    price = candles["close"].to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        change = price / later(price, max(1, rule.change // every)) - 1
        return known | {QUADRANT: _quadrant(change, known["open_interest_change"])}


def _filled(known: Mapping[str, Floats], others: Mapping[str, Floats]) -> dict[str, Floats]:
    return {c: np.where(np.isnan(own), others[c], own) for c, own in known.items()}


def needed_since(
    first: datetime, period: str, every: timedelta, rule: PositioningRule = DEFAULT_RULE
) -> datetime:
    """Returns the time of the first reading that candles from `first` on depend on.

    :param first: open time of the first candle
    :param every: timeframe of the candles
    """
    length = PERIODS[period]
    tolerance = max(rule.max_age_periods * length, every)
    used = (rule.lag_periods + rule.max_age_periods) * length
    return first - used - max(rule.window, rule.change + tolerance) - length - every


def positioning_readings(
    stored: pd.DataFrame,
    period: str,
    every: timedelta,
    rule: PositioningRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Returns the readings that candles can use, compared with the pair's own recent past.

    Between two closes only the last reading counts. The others are dropped first, so that a year of
    5m readings costs hourly candles no more time than hourly readings would.

    :param stored: with `date`, ascending, and columns of `SERIES`; absent ones are unknown
    :param period: period of the readings, a key of `PERIODS`
    :param every: timeframe of the candles
    :return: `known_at`, `stale_at` (UTC) and `COLUMNS`. Ratios are compared as logarithms: twice
        as many longs and twice as many shorts are equally far from balance
    :raises ValueError: if the dates do not ascend
    """
    if not stored["date"].is_monotonic_increasing:
        raise ValueError(f"readings of {period} must ascend in date")
    length = PERIODS[period]
    rows = dated(stored).reindex(columns=["date", *SERIES])
    known_at = shifted(dates_of(rows["date"]), rule.lag_periods * length)
    close = -(-nanoseconds(known_at) // pd.Timedelta(every).value)
    last = np.append(np.diff(close) > 0, True)[: len(rows)]
    rows, known_at = rows[last].set_index("date"), known_at[last]

    step = max(length, every)
    least = max(2, int(rule.least / step))
    crowd = _log(rows["long_short_ratio"])
    divergence = _log(rows["top_positions_ratio"]) - crowd
    interest = _log(rows["open_interest"])
    tolerance = max(rule.max_age_periods * length, step)

    def change(values: pd.Series) -> pd.Series:
        return values - _before(values, rule.change, tolerance)

    return pd.DataFrame(
        {
            "known_at": known_at,
            "stale_at": shifted(known_at, rule.max_age_periods * length),
            "long_short_ratio": rows["long_short_ratio"].to_numpy(),
            "long_short_rank": rolling_rank(crowd, rule.window, least).to_numpy(),
            "long_short_zscore": _zscore(crowd, rule.window, least).to_numpy(),
            "long_short_change": change(crowd).to_numpy(),
            "top_accounts_ratio": rows["top_accounts_ratio"].to_numpy(),
            "top_positions_ratio": rows["top_positions_ratio"].to_numpy(),
            "top_divergence": divergence.to_numpy(),
            "top_divergence_zscore": _zscore(divergence, rule.window, least).to_numpy(),
            "taker_ratio": rows["taker_ratio"].to_numpy(),
            "taker_rank": rolling_rank(rows["taker_ratio"], rule.window, least).to_numpy(),
            "open_interest": rows["open_interest"].to_numpy(),
            "open_interest_change": np.expm1(change(interest).to_numpy()),
        }
    )


def _log(ratio: pd.Series) -> pd.Series:
    return pd.Series(np.log(ratio.where(ratio > 0)), index=ratio.index)


def _zscore(values: pd.Series, window: timedelta, least: int) -> pd.Series:
    rolling = values.rolling(window, min_periods=least)
    deviation = rolling.std()
    return (values - rolling.mean()) / deviation.where(deviation > _FLAT)


def _before(values: pd.Series, span: timedelta, tolerance: timedelta) -> np.ndarray:
    """Returns the value `span` earlier, from the newest reading at that time, or NaN if that was
    more than `tolerance` old."""
    times = nanoseconds(dates_of(values.index))
    then = times - pd.Timedelta(span).value
    row = np.searchsorted(times, then, side="right") - 1
    found = (row >= 0) & (then - times[row] <= pd.Timedelta(tolerance).value)
    return np.where(found, values.to_numpy()[row], np.nan)


def _quadrant(price: Floats, interest: Floats) -> Floats:
    moved = np.abs(price * interest) > 0  # neither NaN nor unchanged
    number = np.where(
        interest > 0,
        np.where(price > 0, Quadrant.LONG_BUILD_UP, Quadrant.SHORT_BUILD_UP),
        np.where(price > 0, Quadrant.SHORT_COVERING, Quadrant.LONG_UNWINDING),
    )
    return np.where(moved, number.astype(np.float64), np.nan)
