"""Crypto-VIX: restrict trading while volatility is high within its own recent past.

A fixed level does not suit every year, so the thresholds are percentiles of the trailing window.
The defaults are explained in docs/evidence/crypto_vix.md.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cached_property
from math import inf
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.timeline import CandleTimeline
from perpkit.market.basket import HourlyIndex
from perpkit.market.candle_grid import CandleGrid
from perpkit.market.percentile import rolling_rank
from perpkit.market.volatility import Estimator, Floats, HourlyCandles, memory_hours, vol_annual
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

BELOW_FLOOR = -1.0  # a score below every percentile, 0 included
NO_LEVERAGE_CAP = 125.0  # the highest leverage that any exchange offers


class VolatilityLevel(IntEnum):
    CALM = 0
    ELEVATED = 1  # smaller positions, and less leverage where parameters say so
    STRESSED = 2  # no new entries
    EXTREME = 3  # no new entries; the highest alarm

    def __str__(self) -> str:
        return self.name.lower()


LEVELS = (VolatilityLevel.ELEVATED, VolatilityLevel.STRESSED, VolatilityLevel.EXTREME)


_Trip = Annotated[float, Range(0, 100, "%"), "At or above this percentile the level is declared"]
_Release = Annotated[float, Range(0, 100, "%"), "Below this percentile the level counts as calmed"]


@dataclass(frozen=True)
class VolatilityLimits(Parameters):
    """Percentiles are of the trailing window, 0 to 100."""

    estimator: Annotated[Estimator, "How the volatility is measured, see `Estimator`"] = (
        Estimator.PARKINSON
    )
    half_life_hours: Annotated[
        float,
        Range(0.5, 720, "h"),
        "The half-life of the exponential average, for the estimators that have one",
    ] = 2.0
    window_days: Annotated[int, Range(7, 730, "days"), "The past that a value is compared with"] = (
        180
    )
    min_history_days: Annotated[
        int, Range(1, 730, "days"), "With less than this known, the level stays calm"
    ] = 30
    elevated_percentile: _Trip = 85.0
    elevated_release_percentile: _Release = 80.0
    stressed_percentile: _Trip = 96.0
    stressed_release_percentile: _Release = 94.0
    extreme_percentile: _Trip = 99.0
    extreme_release_percentile: _Release = 97.0
    confirm_candles: Annotated[
        int, Range(1, 24, "candles"), "How many in a row at a level declare it"
    ] = 1
    calm_candles: Annotated[
        int, Range(1, 168, "candles"), "How many in a row below the release percentile end a level"
    ] = 2
    floor_annual: Annotated[
        float, Range(0, 10, "a year"), "The annualised volatility below which all is calm"
    ] = 0.2
    elevated_size_factor: Annotated[
        float, Range(0, 1, "of the usual size"), "The size of positions while elevated; 1 is all"
    ] = 0.5
    elevated_max_leverage: Annotated[
        float, Range(1, NO_LEVERAGE_CAP, "x"), "The highest leverage while elevated; 125 is no cap"
    ] = NO_LEVERAGE_CAP
    asset: Annotated[str, "What the reason calls the market"] = "BTC"

    def check_together(self) -> None:
        for smaller, larger in (
            ("min_history_days", "window_days"),
            *((f"{level}_release_percentile", f"{level}_percentile") for level in LEVELS),
            ("elevated_percentile", "stressed_percentile"),
            ("stressed_percentile", "extreme_percentile"),
            ("elevated_release_percentile", "stressed_release_percentile"),
            ("stressed_release_percentile", "extreme_release_percentile"),
        ):
            value, limit = getattr(self, smaller), getattr(self, larger)
            if value > limit:
                raise ValueError(f"{smaller} must be at most {larger} ({limit:g}), got {value:g}")

    def trip(self, level: VolatilityLevel) -> float:
        """Returns the percentile from which `level` (above calm) is declared."""
        value: float = getattr(self, f"{level}_percentile")
        return value

    def release(self, level: VolatilityLevel) -> float:
        """Returns the percentile below which `level` counts as calmed."""
        value: float = getattr(self, f"{level}_release_percentile")
        return value

    @property
    def leverage_cap(self) -> float:
        """The leverage cap of a `Decision` above calm; infinite where there is none."""
        capped = self.elevated_max_leverage < NO_LEVERAGE_CAP
        return self.elevated_max_leverage if capped else inf

    @property
    def restricting(self) -> VolatilityLevel:
        """The lowest level that restricts anything."""
        elevated = self.elevated_size_factor < 1 or self.leverage_cap < inf
        return VolatilityLevel.ELEVATED if elevated else VolatilityLevel.STRESSED

    def hysteresis(self, level: VolatilityLevel) -> Hysteresis:
        return Hysteresis(
            self.trip(level), self.release(level), self.confirm_candles, self.calm_candles
        )

    @property
    def history(self) -> timedelta:
        """The history of candles beyond which more hardly changes a decision.

        It is the window, the memory of the estimator before it, and a week for a level that was
        declared earlier and is still active.
        """
        memory = memory_hours(self.estimator, self.half_life_hours)
        return timedelta(days=self.window_days + 7, hours=memory)


@dataclass(frozen=True)
class VolatilityDecision(Decision):
    """:param vol_annual: newest known value, a fraction; like `percentile`, None while unknown"""

    level: VolatilityLevel = VolatilityLevel.CALM
    vol_annual: float | None = None
    percentile: float | None = None


@dataclass(frozen=True)
class VolatilityTimeline(CandleTimeline[VolatilityDecision]):
    """The decisions over a frame of hourly candles.

    :param vol_annual: by candle; NaN where unknown, as is `percentile`
    :param level: by candle: the value of `VolatilityLevel`
    :param below: by candle: calm candles in a row, counted by the latch that decides the release
    :param newest: by candle: row of the newest known one, -1 before the first
    """

    limits: VolatilityLimits
    vol_annual: Floats
    percentile: Floats
    level: NDArray[np.int64]
    below: NDArray[np.int64]
    newest: NDArray[np.int64]

    @property
    def first_close(self) -> int:
        """The close of row 0, in hours since 1970-01-01 00:00 UTC."""
        return self.grid.first_close // 3600

    @property
    def entries_blocked(self) -> NDArray[np.bool_]:
        return self.level >= VolatilityLevel.STRESSED

    def at(self, now: datetime) -> VolatilityDecision:
        """Returns the decision at `now` (with its time zone), with figures even while calm.

        After the newest candle the last level continues, and its release moves on with the clock.
        """
        return self.decide(self.row_at(now), now)

    @cached_property
    def _changes(self) -> list[int]:
        """The rows at which the level changes."""
        return (1 + np.flatnonzero(np.diff(self.level))).tolist()

    def same_until(self, now: datetime) -> datetime:
        later = bisect_right(self._changes, self.row_at(now))
        row = self._changes[later] if later < len(self._changes) else len(self)
        return max(self._known_from(row), now)

    def decide(self, row: int, now: datetime) -> VolatilityDecision:
        closed_at = self.closed_by(now)
        if row < 0 or self.newest[row] < 0:
            return decide(self.limits, VolatilityLevel.CALM, None, 0, closed_at)
        known = self.newest[row]
        figures = self.vol_annual.item(known), self.percentile.item(known)
        return decide(
            self.limits, VolatilityLevel(self.level[row]), figures, int(self.below[row]), closed_at
        )


def timeline(limits: VolatilityLimits, candles: pd.DataFrame) -> VolatilityTimeline:
    """Returns the decisions over a frame of 1h candles.

    :param candles: Freqtrade's columns `date` (open time, UTC), `open`, `high`, `low`, `close`
    :raises ValueError: if the candles are not hourly
    """
    grid = HourlyCandles.from_frame(candles)
    vol = vol_annual(grid, limits.estimator, limits.half_life_hours)
    # It ends with the last usable hour, so that those after it count as missing.
    usable = np.flatnonzero(~np.isnan(grid.close))
    end = usable[-1] + 1 if len(usable) else 0
    return index_timeline(limits, HourlyIndex(grid.first_hour, vol[:end]))


def index_timeline(limits: VolatilityLimits, index: HourlyIndex) -> VolatilityTimeline:
    """Returns the decisions over a ready index: of a basket, or implied by options."""
    vol = index.vol_annual
    window = timedelta(days=limits.window_days)
    rank = rolling_rank(pd.Series(vol, index.open_times), window, limits.min_history_days * 24)
    return judge(limits, index, 100 * rank.to_numpy(dtype=np.float64))


def judge(limits: VolatilityLimits, index: HourlyIndex, percentile: Floats) -> VolatilityTimeline:
    """Returns the decisions that follow from the volatility of each hour.

    :param percentile: percentile of each hour in its window, 0 to 100; NaN where unknown
    """
    vol, known = index.vol_annual, ~np.isnan(percentile)
    score = np.where(known & (vol < limits.floor_annual), BELOW_FLOOR, percentile)
    elevated, elevated_below = limits.hysteresis(VolatilityLevel.ELEVATED).sweep(score)
    stressed, stressed_below = limits.hysteresis(VolatilityLevel.STRESSED).sweep(score)
    extreme, _ = limits.hysteresis(VolatilityLevel.EXTREME).sweep(score)
    level = elevated.astype(np.int64) + stressed + extreme
    return VolatilityTimeline(
        CandleGrid((index.first_hour + 1) * 3600, 3600),
        (level >= limits.restricting).tobytes(),
        limits,
        vol_annual=vol,
        percentile=percentile,
        level=level,
        below=np.where(stressed, stressed_below, elevated_below),
        newest=np.maximum.accumulate(np.where(known, np.arange(len(vol)), -1)),
    )


def decide(
    limits: VolatilityLimits,
    level: VolatilityLevel,
    figures: tuple[float, float] | None,
    below: int,
    closed_at: datetime,
) -> VolatilityDecision:
    """Returns what a level restricts.

    :param figures: the newest volatility and its percentile, None while unknown
    :param below: calm candles in a row, counted by the latch that decides the release
    :param closed_at: close of the newest candle
    """
    if figures is None:
        least = f"{limits.min_history_days} days of hourly candles"
        return VolatilityDecision(
            reason=f"{limits.asset} volatility unknown (fewer than {least}): no restriction"
        )
    vol, percentile = figures
    said = (
        f"{limits.asset} volatility {vol:.0%} a year, percentile {percentile:.1f} of the last "
        f"{limits.window_days} days"
    )
    if level is VolatilityLevel.CALM:
        return VolatilityDecision(reason=f"{said}: calm", vol_annual=vol, percentile=percentile)
    blocked = level >= VolatilityLevel.STRESSED
    return VolatilityDecision(
        trading=Trading.REDUCING if blocked else Trading.ACTIVE,
        size_factor=0.0 if blocked else limits.elevated_size_factor,
        release=closed_at + timedelta(hours=limits.calm_candles - below),
        reason=(
            f"{said} ({level} from {limits.trip(level):g} until below "
            f"{limits.release(level):g}): {_effect(limits, blocked)}"
        ),
        max_leverage=limits.leverage_cap,
        level=level,
        vol_annual=vol,
        percentile=percentile,
    )


def _effect(limits: VolatilityLimits, blocked: bool) -> str:
    if blocked:
        return "no new entries"
    size = f"{limits.elevated_size_factor:.0%} of the usual size"
    cap = f", leverage at most {limits.leverage_cap:g}x" if limits.leverage_cap < inf else ""
    return f"{size}{cap}"
