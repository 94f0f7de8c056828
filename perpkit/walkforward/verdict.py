"""What a walk-forward run shows: the figures of its tests, and whether they pass the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAYS_A_YEAR
from perpkit.market.times import dates_of
from perpkit.research.marked import Figures, daily_returns, figures, yearly_returns
from perpkit.research.overfitting.bootstrap import Interval, between, samples, superior
from perpkit.research.overfitting.cscv import overfitting
from perpkit.research.overfitting.gate import LEAST_DAYS, Gate, gate
from perpkit.research.spread import annual_sharpe, spread_of
from perpkit.research.trade_statistics import TradeStatistics, trade_statistics
from perpkit.walkforward.as_results import scaled_trades
from perpkit.walkforward.plateaus import Stability, stability
from perpkit.walkforward.record import Run, Sample, WindowResult
from perpkit.walkforward.stitching import stitched_equity

CONFIDENCE = 0.95
# As Freqtrade closes what is open at the end of a backtest.
_CUT_OFF = "force_exit"


class Word(StrEnum):
    PASSES = "passes"
    NOT_SHOWN = "not shown"
    LOSES = "loses"
    TOO_SHORT = "too short to judge"


@dataclass(frozen=True)
class WindowFigures:
    """
    :param in_sample: Sharpe ratio of the chosen parameters in the training; None if none was chosen
    :param out_of_sample: their Sharpe ratio in the test
    :param overfitting: the PBO in the training of the epochs that had enough trades to be chosen;
        None where it cannot be measured
    """

    number: int
    test_start: datetime
    test_end: datetime
    in_sample: float | None
    out_of_sample: float
    profit: float
    max_drawdown: float
    trades: int
    epochs: int
    overfitting: float | None


@dataclass(frozen=True)
class Beside:
    """Buying and holding the same pairs on the same days.

    :param luck: probability of so large a mean over that of holding if it is not larger: Hansen's
        SPA
    """

    sharpe: float
    profit: float
    luck: float


@dataclass(frozen=True)
class Verdict:
    """
    :param stitched: figures of all tests, one after the other
    :param sharpe: interval of the annual Sharpe ratio; None for too few days
    :param mean: interval of the mean daily return, times 365
    :param years: return in each calendar year
    :param cut_off: trades that were open at the end of a window
    :param windows_left: that have no result yet
    :param kept: share of the training's Sharpe ratio that was left in the test, by the means of all
        windows; None if there was none to lose
    :param overfitting: mean PBO of the windows
    :param trials: epochs of all windows, by which parameters were chosen before each test
    :param counted: where the ideas were counted, a sentence; empty if nothing was counted
    """

    word: Word
    gate: Gate
    stitched: Figures
    sharpe: Interval | None
    mean: Interval | None
    years: dict[int, float]
    trades: TradeStatistics
    cut_off: int
    windows: tuple[WindowFigures, ...]
    windows_left: int
    kept: float | None
    stability: tuple[Stability, ...]
    overfitting: float | None
    trials: int
    hold: Beside | None
    counted: str

    @property
    def positive_years(self) -> int:
        return sum(value > 0 for value in self.years.values())


def verdict(
    run: Run,
    *,
    ideas: float = 1,
    counted: str = "",
    hold: pd.Series | None = None,
    seed: int = 0,
) -> Verdict:
    """Judges a run by its tests alone.

    The parameters of each test were chosen before it, so that the tests are one trial of one idea,
    however many epochs there were.

    :param run: with at least one result
    :param ideas: how many ideas were tried on the days of these tests; see `research_log`
    :param counted: where, a sentence
    :param hold: equity of holding the same pairs at the times of the run's, see `holding`
    :param seed: of the resampling
    :raises ValueError: if no window has a result
    """
    if not run.results:
        raise ValueError("run must have a window with a result, has none")
    equity = stitched_equity(run.results)
    daily = daily_returns(equity)
    values = daily.to_numpy(dtype=np.float64)
    passed = gate(values, ideas=ideas, seed=seed)
    of_ratio, of_mean = _intervals(values, seed)
    trades = scaled_trades(run.results)
    windows = tuple(_window(result) for result in run.results)
    rates = [one.overfitting for one in windows if one.overfitting is not None]
    stitched = figures(equity)
    return Verdict(
        word=_word(passed, stitched),
        gate=passed,
        stitched=stitched,
        sharpe=of_ratio,
        mean=of_mean,
        years=yearly_returns(daily),
        trades=trade_statistics(trades),
        cut_off=sum(trade.exit_reason == _CUT_OFF for trade in trades),
        windows=windows,
        windows_left=len(run.request.windows) - len(run.results),
        kept=_kept(windows),
        stability=stability([result for result in run.results if result.chosen is not None]),
        overfitting=float(np.mean(rates)) if rates else None,
        trials=sum(len(result.epochs) for result in run.results),
        hold=None if hold is None else _beside(daily, hold, seed),
        counted=counted,
    )


def _word(passed: Gate, stitched: Figures) -> Word:
    if passed.passes:
        return Word.PASSES
    if stitched.days < LEAST_DAYS:
        return Word.TOO_SHORT
    return Word.LOSES if stitched.profit < 0 else Word.NOT_SHOWN


def _intervals(
    values: NDArray[np.float64], seed: int
) -> tuple[Interval, Interval] | tuple[None, None]:
    if len(values) < LEAST_DAYS or not spread_of(values):
        return None, None

    def both(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([annual_sharpe(drawn), drawn.mean() * DAYS_A_YEAR])

    ratio, mean = samples(values, both, seed=seed).T
    return between(ratio, CONFIDENCE), between(mean, CONFIDENCE)


def _window(result: WindowResult) -> WindowFigures:
    tested = figures(result.out_of_sample.equity)
    return WindowFigures(
        number=result.window.number,
        test_start=result.window.test_start,
        test_end=result.window.test_end,
        in_sample=None if result.in_sample is None else _of_sample(result.in_sample),
        out_of_sample=tested.sharpe,
        profit=tested.profit,
        max_drawdown=tested.max_drawdown,
        trades=len(result.out_of_sample.trades),
        epochs=len(result.epochs),
        overfitting=_overfitting(result),
    )


def _of_sample(sample: Sample) -> float:
    return figures(sample.equity).sharpe


def _overfitting(result: WindowResult) -> float | None:
    """Of the epochs that could be chosen: those with too few trades have no loss of their own."""
    trials = result.trials[[epoch.number for epoch in result.epochs if epoch.rated]]
    try:
        return overfitting(trials.to_numpy(dtype=np.float64)).probability
    except ValueError:  # too few days or trials, or trials that are all the same
        return None


def _kept(windows: Sequence[WindowFigures]) -> float | None:
    pairs = [(one.in_sample, one.out_of_sample) for one in windows if one.in_sample is not None]
    before, after = (sum(each) for each in zip(*pairs, strict=True)) if pairs else (0.0, 0.0)
    return after / before if before > 0 else None


def _beside(daily: pd.Series, hold: pd.Series, seed: int) -> Beside:
    """:raises ValueError: if holding has other days"""
    held = daily_returns(hold).reindex(dates_of(daily.index))
    if held.isna().any():
        raise ValueError("hold must have the days of the tests")
    both = (daily.to_numpy(dtype=np.float64), held.to_numpy(dtype=np.float64))
    luck = superior(both[0][:, None], both[1], seed=seed) if len(daily) >= LEAST_DAYS else 1.0
    return Beside(float(annual_sharpe(both[1])), float(np.prod(1 + both[1]) - 1), luck)
