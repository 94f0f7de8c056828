"""Market halt: no entries while a pair hardly trades, nor right after a price gap.

On candles, hardly trading means a volume near zero: the outage of 2021-03-02 left 0.1% to 0.5% of
the average in its hour. Whether the price moved does not matter: a price that moves without trades
is no better. Where volume is merely low, the order book distinguishes a halt from a quiet Sunday.
Figures: docs/evidence/flash_crash.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, nan
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.breakers.breaker import ALL_PAIRS, UNRESTRICTED, WITHIN_ROUNDING, Decision, Trading
from perpkit.breakers.latch import OFF, Hysteresis, HysteresisState
from perpkit.breakers.timeline import CandleTimeline
from perpkit.execution.book import BPS, Book, NoBook
from perpkit.market.candle_grid import CandleGrid, CandleRows
from perpkit.market.windows import last_known, later, mean
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HaltLimits(Parameters):
    """Volumes are shares of the average of the candles with trades."""

    halted_volume: Annotated[
        float,
        Range(0, "low_volume", "of the average"),
        "At or below this volume the pair counts as halted",
    ] = 0.01
    low_volume: Annotated[
        float,
        Range(0, 1, "of the average"),
        "Above this volume a halt is over; at or below it the order book is asked",
    ] = 0.10
    volume_days: Annotated[int, Range(1, 60, "days"), "The time that the average is taken over"] = 7
    max_spread: Annotated[
        float,
        Range(0.0001, 1, "of the middle"),
        "The widest spread in the book of a pair with low volume",
    ] = 0.05
    gap: Annotated[
        float,
        Range(0.001, 10, "of the price"),
        "The move from the last trade to the next open that starts a quiet period",
    ] = 0.10
    quiet_minutes: Annotated[
        int,
        Range(1, 10_080, "min"),
        "The length of the quiet period, rounded up to whole candles",
    ] = 120
    timeframe_minutes: Annotated[int, Range(1, 10_080, "min"), "The length of a candle"] = 60
    pair: Annotated[str, "The pair that decisions are about"] = ALL_PAIRS

    @property
    def candle(self) -> timedelta:
        return timedelta(minutes=self.timeframe_minutes)

    @property
    def volume_candles(self) -> int:
        return ceil(self.volume_days * 24 * 60 / self.timeframe_minutes)

    @property
    def quiet_candles(self) -> int:
        return ceil(self.quiet_minutes / self.timeframe_minutes)

    @property
    def least_gap(self) -> float:
        """The gap from which a quiet period starts."""
        return self.gap * WITHIN_ROUNDING

    @property
    def hysteresis(self) -> Hysteresis:
        """The hysteresis of the negated volume share, because it must trip when volume is small."""
        return Hysteresis(-self.halted_volume, -self.low_volume)

    @property
    def history(self) -> timedelta:
        """The past that a decision depends on."""
        return timedelta(days=self.volume_days, minutes=self.quiet_minutes)


class HaltState(NamedTuple):
    """The state after a candle; NaN where unknown.

    :param average: volume of the candles with trades
    :param last_trade: close of the last candle with trades
    :param share: volume share of the candle
    :param known: newest known volume share
    :param gap: the last gap beyond the limit, and the close of its candle
    """

    average: float = nan
    last_trade: float = nan
    share: float = nan
    known: float = nan
    latch: HysteresisState = OFF
    gap: tuple[float, datetime] | None = None


@dataclass(frozen=True)
class HaltTimeline(CandleTimeline[Decision]):
    """The decisions over a frame of candles.

    After the newest candle a halt continues: missing candles count as having no volume.

    :param volume_share: by candle; NaN where unknown
    :param gap: by candle; NaN where unknown
    :param halted: by candle: whether the latch is on
    :param known: by candle: row of the newest known volume share, -1 before the first
    :param gapped: by candle: row of the last gap beyond the limit, -1 before the first
    """

    limits: HaltLimits
    volume_share: Floats
    gap: Floats
    halted: NDArray[np.bool_]
    known: NDArray[np.int64]
    gapped: NDArray[np.int64]

    NOTHING = UNRESTRICTED

    def decide(self, row: int, now: datetime) -> Decision:
        share = float(self.volume_share[self.known[row]]) if self.halted[row] else None
        gapped = int(self.gapped[row])
        gap = (float(self.gap[gapped]), self.grid.closed_at(gapped)) if gapped >= 0 else None
        return decide(self.limits, share, gap, self.closed_by(now))

    def state(self, row: int, average: float, last_trade: float) -> HaltState:
        """Returns the state after a candle, for a running bot to continue.

        :param average: as in `HaltState`, like `last_trade`
        """
        known, gapped = int(self.known[row]), int(self.gapped[row])
        return HaltState(
            average,
            last_trade,
            float(self.volume_share[row]),
            float(self.volume_share[known]) if known >= 0 else nan,
            HysteresisState(bool(self.halted[row])),
            (float(self.gap[gapped]), self.grid.closed_at(gapped)) if gapped >= 0 else None,
        )

    def volume_share_at(self, now: datetime) -> float:
        """Returns the volume share of the newest candle closed by `now`; NaN where unknown."""
        row = self.row_at(now)
        return float(self.volume_share[row]) if row >= 0 else nan


def timeline(limits: HaltLimits, candles: pd.DataFrame) -> HaltTimeline:
    """Returns the decisions over a frame of candles.

    :param candles: Freqtrade's columns `date` (open time, UTC), OHLC and `volume`
    :raises ValueError: if the candles are not of `timeframe_minutes`
    """
    grid, values = CandleRows.of(candles).gapless(limits.timeframe_minutes * 60)
    average, last_trade = map(last_known, usual(limits, values))
    return judge(limits, grid, *figures(values, later(average, 1), later(last_trade, 1)))


def usual(limits: HaltLimits, candles: Floats) -> tuple[Floats, Floats]:
    """Returns the average volume until each candle and the close of each; NaN without trades.

    :param candles: rows of `candle_grid.COLUMNS`
    """
    # Candles without trades would lower the average until the halt looked normal.
    traded = candles[:, 4] > 0
    average = mean(np.where(traded, candles[:, 4], np.nan), limits.volume_candles)
    return average, np.where(traded, candles[:, 3], np.nan)


def figures(candles: Floats, average: Floats, last_trade: Floats) -> tuple[Floats, Floats]:
    """Returns the volume share and the gap of each candle, as for `judge`.

    :param average: volume before each candle; like `last_trade`, NaN while unknown
    :param last_trade: close of the last candle with trades before each candle
    """
    open_, volume = candles[:, 0], candles[:, 4]
    gap = np.where(volume > 0, open_ / last_trade - 1, np.nan)
    return volume / average, gap


def judge(limits: HaltLimits, grid: CandleGrid, volume_share: Floats, gap: Floats) -> HaltTimeline:
    """Returns the decisions that follow from the figures of the candles.

    :param volume_share: volume of each candle over the average before it; NaN where unknown
    :param gap: its open over the close of the last candle with trades, less one; NaN where unknown
    """
    halted, _ = limits.hysteresis.sweep(-volume_share)
    rows = np.arange(len(gap))
    gapped = np.maximum.accumulate(np.where(np.abs(gap) >= limits.least_gap, rows, -1))
    quiet = (gapped >= 0) & (rows - gapped < limits.quiet_candles)
    return HaltTimeline(
        grid,
        (halted | quiet).tobytes(),
        limits,
        volume_share,
        gap,
        halted,
        known=np.maximum.accumulate(np.where(np.isnan(volume_share), -1, rows)),
        gapped=gapped,
    )


def decide(
    limits: HaltLimits,
    share: float | None,
    gap: tuple[float, datetime] | None,
    closed_at: datetime,
) -> Decision:
    """Returns what a halt and the quiet period after a gap block.

    :param share: share of the usual volume; None unless the pair is halted
    :param gap: the last gap beyond the limit, and the close of its candle
    :param closed_at: close of the newest candle
    """
    reasons, releases = [], []
    if share is not None:
        reasons.append(
            f"{share:.1%} of its usual volume (limit {limits.halted_volume:.1%}), until it is "
            f"above {limits.low_volume:.0%}"
        )
        releases.append(closed_at + limits.candle)
    if gap is not None and closed_at < (quiet := gap[1] + limits.candle * limits.quiet_candles):
        reasons.append(
            f"a gap of {gap[0]:+.1%} by {gap[1]:%Y-%m-%d %H:%M} UTC (limit {limits.gap:.0%}), a "
            "quiet period in which stops may tighten"
        )
        releases.append(quiet)
    if not reasons:
        return UNRESTRICTED
    return _blocked(limits.pair, " and ".join(reasons), max(releases))


def beside_the_book(
    limits: HaltLimits, volume_share: float, book: Book | NoBook, again_at: datetime
) -> Decision:
    """Returns the decision on a pair with low volume: an unusable or too wide book is a halt.

    :param again_at: when the book will be checked again
    """
    if isinstance(book, NoBook):
        what = book.reason
    elif (spread := book.spread_bps / BPS) > limits.max_spread:
        what = f"a spread of {spread:.1%} (limit {limits.max_spread:.1%})"
    else:
        return UNRESTRICTED
    volume = f"{volume_share:.1%} of its usual volume (low up to {limits.low_volume:.0%})"
    return _blocked(limits.pair, f"{volume} and {what}", again_at)


def _blocked(pair: str, what: str, release: datetime) -> Decision:
    return Decision(
        Trading.REDUCING,
        size_factor=0.0,
        release=release,
        reason=f"{pair} has {what}: no new entries",
        pair=pair,
    )
