"""A running bot's decisions, candle by candle, against the timelines of a backtest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers import flash_crash, flash_crash_steps, market_halt, market_halt_steps
from perpkit.breakers.breaker import UNRESTRICTED
from perpkit.breakers.flash_crash import Blocks, FlashCrashLimits
from perpkit.breakers.follow import KEPT, Followed
from perpkit.breakers.market_halt import HaltLimits
from perpkit.market.candle_grid import CandleRows
from perpkit.market.windows import highest, last_known, lowest, mean
from tests import factories
from tests.breakers.wild import crashing_candles, halting_candles
from tests.cases import cases

HOUR = timedelta(hours=1)
PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True)
class Case:
    """A breaker as a backtest and as a running bot has it; `held` candles are enough for it."""

    limits: Any
    timeline: Callable[[Any, pd.DataFrame], Any]
    follow: Callable[[Any, CandleRows], Followed[Any]]
    market: Callable[..., pd.DataFrame]
    held: int


CRASH = Case(
    FlashCrashLimits(windows=((60, 0.04), (240, 0.06)), calm_candles=3, pair="XRP/USDT:USDT"),
    flash_crash.timeline,
    flash_crash_steps.follow,
    crashing_candles,
    held=6,
)
# Held for longer than the candles that the bot holds, which would forget the trip.
STUBBORN = Case(
    FlashCrashLimits(windows=((60, 0.04), (240, 0.06)), calm_range=0.001, blocks=Blocks.AGAINST),
    flash_crash.timeline,
    flash_crash_steps.follow,
    crashing_candles,
    held=6,
)
HALT = Case(
    HaltLimits(volume_days=1, quiet_minutes=300, pair="XRP/USDT:USDT"),
    market_halt.timeline,
    market_halt_steps.follow,
    halting_candles,
    held=26,
)
every_case = pytest.mark.parametrize("case", [CRASH, STUBBORN, HALT], ids=["crash", "long", "halt"])


def rows(candles: pd.DataFrame) -> CandleRows:
    return CandleRows.of(candles)


def compare(case: Case, line: Followed[Any], candles: pd.DataFrame) -> bool:
    """Compares decisions, reasons included, from the newest close on. Returns whether it blocks."""
    whole = case.timeline(case.limits, candles)
    assert line.last_close == whole.last_close
    for late in (timedelta(0), timedelta(minutes=59), 3 * HOUR):
        now = whole.last_close + late
        assert line.at(now) == whole.at(now)
        assert line.restrictions(now) == whole.restrictions(now)
    if case is HALT:
        assert isinstance(line, market_halt_steps.FollowedHalt)
        share = line.volume_share_at(whole.last_close)
        np.testing.assert_equal(share, whole.volume_share_at(whole.last_close))
    return whole.at(whole.last_close).entries_blocked


@every_case
@given(seed=st.integers(0, 20), course=st.integers(0, 10**6))
@cases(12)
def test_each_candle_equals_the_whole(case, seed, course):
    """Over gaps and outages, with candles that come several at a time, that are dropped, and whose
    last one is revised."""
    candles, rng = case.market(seed, 150), np.random.default_rng(course)
    first, count = 0, int(rng.integers(1, 30))
    line, blocked = case.follow(case.limits, rows(candles[:count])), set()
    while count < len(candles):
        count += rng.choice([0, 1, 1, 1, 2, 20])
        seen = candles[:count].copy()
        if rng.random() < 0.3:  # it is different when it comes again
            seen.iloc[-1, seen.columns.get_indexer(PRICES)] *= rng.choice([0.9, 1, 1.1])
            seen.iloc[-1, seen.columns.get_loc("volume")] *= rng.choice([0, 1e-3, 1])
        # More than come at a time: without any that it knows, a bot begins again.
        first = max(first, count - case.held - 21 - int(rng.integers(0, 20)))
        line = line.on(rows(seen[first:]))
        blocked.add(compare(case, line, seen))
        assert len(line.states) <= KEPT
    assert True in blocked


@every_case
@given(seed=st.integers(0, 20), restart=st.integers(60, 250), deep=st.integers(1, 60))
@cases(12)
def test_after_a_restart_and_a_deep_revision(case, seed, restart, deep):
    """Both begin again: from then on they equal the whole of what was held."""
    candles = case.market(seed)
    first = max(0, restart - 3 * case.held)
    line = case.follow(case.limits, rows(candles[first:restart]))
    for count in range(restart, restart + 20, 3):
        line = line.on(rows(candles[first:count]))
        compare(case, line, candles[first:count])
    revised = candles[first : restart + 20].copy()
    revised.iloc[-min(deep, len(revised)), revised.columns.get_indexer(PRICES)] *= 0.8
    line = line.on(rows(revised))
    compare(case, line, revised)
    shorter = revised[:-1]  # the exchange takes a candle back
    compare(case, line.on(rows(shorter)), shorter)
    other = factories.candles(50, start=factories.START + 5000 * HOUR)
    compare(case, line.on(rows(other)), other)


@every_case
@given(seed=st.integers(0, 20), count=st.integers(30, 200))
@cases(20)
def test_no_later_candle_changes_what_was_known(case, seed, count):
    candles = case.market(seed)
    line = case.follow(case.limits, rows(candles[:count]))
    now = line.last_close
    crashed = candles[: count + 3].copy()
    crashed.iloc[count:, crashed.columns.get_indexer(PRICES)] *= 0.5
    crashed.iloc[count:, crashed.columns.get_loc("volume")] = 0.0
    assert line.on(rows(crashed)).at(now) == line.at(now)


@every_case
def test_without_candles_nothing_is_restricted(case):
    line = case.follow(case.limits, rows(factories.candles(3)[:0]))
    assert line.last_close is None
    assert line.at(factories.START) is UNRESTRICTED
    assert line.restrictions(factories.START) == ()
    compare(case, line.on(rows(factories.candles(3))), factories.candles(3))


@every_case
def test_candles_of_another_length_are_refused(case):
    line = case.follow(case.limits, rows(factories.candles(9)))
    half = factories.candles(40, "30m", factories.START)
    for wrong in (half, pd.concat([factories.candles(9), half[19:21]])):
        with pytest.raises(ValueError, match="candles must be of 60 minutes"):
            line.on(rows(wrong))


@given(
    st.lists(st.sampled_from([1.0, 2.5, 0.1, 3e9, float("nan")]), max_size=40), st.integers(1, 50)
)
def test_windows_against_a_search(values, count):
    given_ = np.array(values)
    found = [highest(given_, count), lowest(given_, count), mean(given_, count), last_known(given_)]
    for row in range(len(values)):
        window = given_[max(0, row - count + 1) : row + 1]
        known, ever = window[~np.isnan(window)], given_[: row + 1]
        ever = ever[~np.isnan(ever)]
        expected = [known.max(), known.min(), known.mean()] if len(known) else [np.nan] * 3
        expected.append(ever[-1] if len(ever) else np.nan)
        np.testing.assert_allclose([one[row] for one in found], expected, rtol=1e-12)


@given(st.integers(1, 60), st.integers(0, 200), st.integers(0, 9))
def test_a_window_is_the_same_to_the_last_bit_from_any_start(count, start, seed):
    values = np.exp(np.random.default_rng(seed).normal(0, 5, 300))
    for over in (highest, lowest, mean):
        whole, end = over(values, count), over(values[start:], count)
        assert whole[start + count :].tolist() == end[count:].tolist()
