"""Until when a breaker has nothing to say: never too long, and no shorter than it must be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers import flash_crash, maintenance, market_halt, volatility
from perpkit.breakers.breaker import Decision
from perpkit.breakers.funding import FundingLimits
from perpkit.breakers.maintenance import MaintenanceLimits, MaintenanceWindow
from perpkit.breakers.timeline import FOREVER
from tests import factories
from tests.breakers.wild import (
    crashing_candles,
    halting_candles,
    line_of_rates,
    swinging_candles,
    wild_funding,
)
from tests.cases import cases

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STEP = 30 * MINUTE
PAIR = "BTC/USDT:USDT"
CRASHES = flash_crash.FlashCrashLimits(windows=((60, 0.08), (240, 0.12)), pair=PAIR)
QUICK = FundingLimits(
    extreme_percentile=80, extreme_release_percentile=70, floor_8h=0.0003, window_days=7
)
VIX = volatility.VolatilityLimits(window_days=7, min_history_days=2, stressed_percentile=97)
BRAKE = volatility.VolatilityLimits(window_days=7, min_history_days=2, elevated_size_factor=1.0)


def calendar(seed: int) -> Any:
    """Two windows, as a timeline."""
    limits = MaintenanceLimits(no_entries_before_minutes=90)
    windows = [
        MaintenanceWindow(factories.START + hours * HOUR, factories.START + (hours + 3) * HOUR)
        for hours in (20 + seed, 60)
    ]
    return SimpleNamespace(
        at=lambda now: maintenance.decide(limits, windows, now),
        quiet_until=lambda now: maintenance.quiet_until(limits, windows, now),
    )


def halts(seed: int) -> market_halt.HaltTimeline:
    return market_halt.timeline(market_halt.HaltLimits(), halting_candles(seed))


LINES = {
    "volatility": lambda seed: volatility.timeline(VIX, swinging_candles(seed)),
    "brake alone": lambda seed: volatility.timeline(BRAKE, swinging_candles(seed)),
    "flash crash": lambda seed: flash_crash.timeline(CRASHES, crashing_candles(seed)),
    "halt": halts,
    "funding": lambda seed: line_of_rates(QUICK, PAIR, wild_funding(seed)),
    "calendar": calendar,
}


def restricts(line: Any, now: datetime) -> bool:
    decided = line.at(now)
    decisions: tuple[Decision, ...] = decided if isinstance(decided, tuple) else (decided,)
    return any(decision.restricts for decision in decisions)


@pytest.mark.parametrize("kind", LINES)
@given(seed=st.integers(0, 20), minutes=st.integers(-600, 60 * 500))
@cases(25)
def test_quiet_until_the_next_restriction(kind, seed, minutes):
    line = LINES[kind](seed)
    now = factories.START + minutes * MINUTE
    until = line.quiet_until(now)
    assert until >= now
    end = min(until, now + 500 * HOUR)
    asked = pd.date_range(now, end, freq=STEP, inclusive="left").to_pydatetime()
    assert not any(restricts(line, at) for at in asked)
    # Rates are stale after the moment that is named, all else restricts at it.
    assert until == FOREVER or restricts(line, until) or restricts(line, until + MINUTE)


@pytest.mark.parametrize("kind", sorted(LINES.keys() - {"calendar"}))
def test_a_row_is_marked_where_it_restricts_and_nowhere_else(kind):
    line = LINES[kind](0)
    # Rates are stale a moment after their row begins, all else restricts from its beginning.
    rows = [line.grid.closed_at(row) + MINUTE for row in range(len(line))]
    found = [line.restrictions(now) for now in rows]
    assert [bool(decisions) for decisions in found] == [byte == 1 for byte in line.restricted]
    assert [bool(decisions) for decisions in found] == [restricts(line, now) for now in rows]
    assert all(decision.restricts for decisions in found for decision in decisions)
    assert line.restrictions(factories.START - HOUR) == ()
    assert line.last_close == rows[-1] - MINUTE


@pytest.mark.parametrize("kind", LINES)
def test_the_property_has_both_cases(kind):
    line = LINES[kind](0)
    found = {line.quiet_until(factories.START + hour * HOUR) for hour in range(400)}
    assert len(found) > 5


def test_without_candles_or_rates_it_is_quiet_for_ever():
    none = factories.candles(1)[:0]
    rates = factories.funding([0.0])[:0]
    for line in (
        volatility.timeline(VIX, none),
        flash_crash.timeline(CRASHES, none),
        market_halt.timeline(market_halt.HaltLimits(), none),
        line_of_rates(QUICK, PAIR, rates),
    ):
        assert line.quiet_until(factories.START) == FOREVER


@pytest.mark.parametrize(
    ("limits", "history"),
    [
        # the longest window, the cool-down, and a week in which the market did not calm
        (flash_crash.FlashCrashLimits(), timedelta(days=7, hours=6)),
        (replace(CRASHES, cool_down_minutes=0), timedelta(days=7, hours=4)),
        # the average volume, and the quiet time after a gap
        (market_halt.HaltLimits(), timedelta(days=7, hours=2)),
        (market_halt.HaltLimits(volume_days=1, quiet_minutes=30), timedelta(days=1, minutes=30)),
        # the window, and a week for what was extreme earlier
        (FundingLimits(), timedelta(days=37)),
        (QUICK, timedelta(days=14)),
    ],
)
def test_how_much_history_a_decision_depends_on(limits, history):
    assert limits.history == history
