"""Positioning: how crowded the accounts are on one side, from the exchange's long/short ratio."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd

from perpkit.market.asof import join_known
from perpkit.market.percentile import rolling_rank

COLUMNS = ("long_short_ratio", "long_short_rank")


@dataclass(frozen=True)
class PositioningRule:
    """How the long/short ratio is read.

    :param period: between readings, which is also how late each is published: the reading stamped T
        is used from T + period. At least 5 minutes, the shortest the exchange serves
    :param window: the recent past a ratio is compared with, at least 10 periods
    :param least: history needed before a comparison is made, at most the window
    :param max_age_periods: after which a reading that was not followed by another is no longer
        used, at least 1
    :raises ValueError: naming the parameter, its value and the allowed range
    """

    period: timedelta = timedelta(hours=1)
    window: timedelta = timedelta(days=30)
    least: timedelta = timedelta(days=7)
    max_age_periods: float = 2.0

    def __post_init__(self) -> None:
        if self.period < timedelta(minutes=5):
            raise ValueError(f"period must be at least 5 minutes, got {self.period}")
        if self.window < 10 * self.period:
            raise ValueError(f"window must be at least {10 * self.period}, got {self.window}")
        if not self.period <= self.least <= self.window:
            raise ValueError(
                f"least must lie between {self.period} and {self.window}, got {self.least}"
            )
        if not self.max_age_periods >= 1:
            raise ValueError(f"max_age_periods must be at least 1, got {self.max_age_periods}")


DEFAULT_RULE = PositioningRule()


def with_long_short_ratio(
    candles: pd.DataFrame,
    ratios: pd.DataFrame | None,
    timeframe: str,
    rule: PositioningRule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Candles with the long/short ratio known at each one's close.

    :param candles: with `date` (open time, UTC)
    :param ratios: `date` ascending (UTC) and `long_short_ratio` (accounts long / accounts short,
        positive); None or empty where there are no data
    :param timeframe: of the candles, such as "1h"
    :return: a copy with `COLUMNS`; the rank is 0 to 1 within the pair's own recent past. NaN before
        the first reading, without any, and where it is stale
    :raises ValueError: the dates do not ascend
    """
    if ratios is None:
        ratios = pd.DataFrame({"date": pd.DatetimeIndex([], tz="UTC"), "long_short_ratio": []})
    rows = ratios[["date", "long_short_ratio"]].dropna()
    if not rows["date"].is_monotonic_increasing:
        raise ValueError("long/short ratios must ascend in date")
    ratio = pd.Series(
        rows["long_short_ratio"].to_numpy(dtype=float), index=pd.DatetimeIndex(rows["date"])
    )
    known_at = pd.DatetimeIndex(rows["date"]) + rule.period
    readings = pd.DataFrame(
        {
            "known_at": known_at,
            "stale_at": known_at + rule.max_age_periods * rule.period,
            "long_short_ratio": ratio.to_numpy(),
            "long_short_rank": rolling_rank(
                ratio, rule.window, int(rule.least / rule.period)
            ).to_numpy(),
        }
    )
    return join_known(candles, pd.Timedelta(timeframe), readings, COLUMNS)


def read_long_short_ratio(datadir: Path, pair: str) -> pd.DataFrame | None:
    """The stored hourly long/short ratio of a pair, None where there is no file.

    :param datadir: a Freqtrade data directory; the file is
        `positioning/BTC_USDT_USDT-1h.feather` for BTC/USDT:USDT
    :return: `date` (UTC), `long_short_ratio`
    :raises ValueError: naming the file and the column that is missing or of the wrong type
    """
    path = datadir / "positioning" / f"{pair.replace('/', '_').replace(':', '_')}-1h.feather"
    if not path.is_file():
        return None
    frame = pd.read_feather(path)
    for column, fits, kind in (
        ("date", pd.api.types.is_datetime64_any_dtype, "a date"),
        ("long_short_ratio", pd.api.types.is_float_dtype, "a decimal number"),
    ):
        if column not in frame:
            raise ValueError(f"{path}: column {column} is missing")
        if not fits(frame[column]):
            raise ValueError(f"{path}: column {column} must be {kind}, is {frame[column].dtype}")
    if frame["date"].dt.tz is None:
        raise ValueError(f"{path}: column date must be in UTC, has no time zone")
    return frame[["date", "long_short_ratio"]]
