"""The running price, look by look, against closed candles made of the same prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers import flash_crash, flash_crash_steps, running_crash
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.flash_crash import Blocks, FlashCrashLimits
from perpkit.breakers.running_crash import UNSEEN, Running
from perpkit.market.candle_grid import CandleRows
from tests.cases import cases

HOUR, LOOK = timedelta(hours=1), timedelta(seconds=5)
START = datetime.fromisoformat("2023-01-02T00:00:00+00:00")
LIMITS = FlashCrashLimits(pair="XRP/USDT:USDT")


def candles(*bars: tuple[float, float, float, float], volume: float = 1.0) -> pd.DataFrame:
    """Closed hours from `START` on."""
    frame = pd.DataFrame(list(bars), columns=["open", "high", "low", "close"])
    frame.insert(0, "date", pd.date_range(START, periods=len(frame), freq="1h", unit="ms"))
    return frame.assign(volume=volume)


CALM = candles(*[(100.0, 101.0, 99.0, 100.0)] * 6)
AFTER = START + 6 * HOUR


def seen(limits, closed: pd.DataFrame, prices, begin=AFTER, running: Running = UNSEEN) -> Running:
    rows = CandleRows.of(closed)
    for number, price in enumerate(prices):
        running = running_crash.look(limits, running, rows, price, begin + number * LOOK)
    return running


def decided(limits, closed: pd.DataFrame, running: Running, now: datetime) -> Decision:
    line = flash_crash_steps.follow(limits, CandleRows.of(closed))
    return running_crash.decide(limits, running, line, now)


@pytest.mark.parametrize(
    ("prices", "blocked"),
    [
        ([100, 89, 89, 89], "fell"),
        ([100, 89, 89], ""),
        ([89], ""),
        # One bad print, and one that is bad every other look.
        ([100, 50, 100, 100, 100], ""),
        ([100, 50, 100, 50, 100, 50], ""),
        # What three looks show is the mildest of them.
        ([89, 91, 80], ""),
        ([89, 89.9, 80], "fell"),
        ([112, 111, 110], "rose"),
        ([112, 111, 109], ""),
        # From the high of the same candle, which three looks have shown as well.
        ([106, 106, 106, 95, 95, 95], "fell"),
        ([120, 106, 106, 106, 96, 96, 96], ""),
        ([94, 94, 94, 105, 105, 105], "rose"),
        # Within four hours: from the 101 of an earlier candle.
        ([86, 86, 86], "fell"),
        # No price is none.
        ([None, 0, -1, float("nan"), float("inf")], ""),
    ],
)
def test_a_price_counts_that_three_looks_show(prices, blocked):
    running = seen(LIMITS, CALM, prices)
    decision = decided(LIMITS, CALM, running, AFTER + len(prices) * LOOK)
    assert decision.trading is (Trading.REDUCING if blocked else Trading.ACTIVE)
    assert blocked in decision.reason


@pytest.mark.parametrize(("looks", "blocked"), [(0, False), (1, True), (3, True), (5, False)])
def test_as_many_looks_as_one_says(looks, blocked):
    limits = replace(LIMITS, looks=looks)
    running = seen(limits, CALM, [80.0] * 4)
    assert decided(limits, CALM, running, AFTER + HOUR / 2).entries_blocked is blocked


def test_what_it_says():
    running = seen(LIMITS, CALM, [88.0] * 3, AFTER + timedelta(minutes=7))
    decision = decided(LIMITS, CALM, running, AFTER + timedelta(minutes=8))
    assert decision.reason == (
        "XRP/USDT:USDT fell 12.0% within 60 min by 2023-01-02 06:07 UTC (limit 10.0%): no new "
        "entries until 60 min stay within 4.0%"
    )
    # Two hours after 06:07, at the close of a candle.
    assert decision.release == START + 9 * HOUR


def test_one_side_alone():
    limits = replace(LIMITS, blocks=Blocks.AGAINST)
    running = seen(limits, CALM, [88.0] * 3)
    assert decided(limits, CALM, running, AFTER + HOUR / 2).side == "long"


def hours_later(bar, count: int) -> pd.DataFrame:
    """The calm hours, one that fell from its own high and came back, and `count` like `bar`."""
    bars = CALM[["open", "high", "low", "close"]].to_numpy().tolist()
    return candles(*bars, (100.0, 106.0, 95.0, 104.0), *[bar] * count)


QUIET, RESTLESS = (104.0, 105.0, 103.0, 104.0), (104.0, 107.0, 102.0, 104.0)


@pytest.mark.parametrize(
    ("bar", "hours", "blocked"),
    [
        (QUIET, 1, True),  # it cools down
        (QUIET, 2, False),
        (RESTLESS, 2, True),
        (RESTLESS, 9, True),
    ],
)
def test_a_trip_lasts_until_the_closed_candles_are_calm(bar, hours, blocked):
    """No closed candle shows this fall: the order of its high and its low is unknown."""
    running = seen(LIMITS, CALM, [106.0] * 3 + [95.0] * 3)
    closed = hours_later(bar, hours)
    assert not flash_crash.timeline(LIMITS, closed).at(START + 7 * HOUR).entries_blocked
    now = START + (7 + hours) * HOUR
    running = seen(LIMITS, closed, [104.0] * 3, now, running)
    assert decided(LIMITS, closed, running, now).entries_blocked is blocked


def test_a_candle_that_has_not_come_yet_is_known_by_its_looks():
    """Just after seven, the candle from six to seven is missing; its high counts for four hours."""
    running = seen(LIMITS, CALM, [108.0] * 3, AFTER + timedelta(minutes=58))
    running = seen(LIMITS, CALM, [91.0] * 3, AFTER + HOUR, running)
    decision = decided(LIMITS, CALM, running, AFTER + HOUR + 3 * LOOK)
    assert "fell 15.7% within 240 min" in decision.reason


def test_without_candles_it_knows_what_it_has_seen():
    running = seen(LIMITS, CALM[:0], [100.0] * 3 + [89.0] * 3)
    assert decided(LIMITS, CALM[:0], running, AFTER + HOUR / 2).entries_blocked


@st.composite
def looks_of_hours(draw) -> np.ndarray:
    """Prices by hour and look, in steps of up to 6%."""
    hours, looks = draw(st.integers(3, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    steps = rng.choice([0.0, 0.002, 0.02, 0.06], hours * looks) * rng.choice([-1, 1], hours * looks)
    return 100 * np.exp(np.cumsum(steps)).reshape(hours, looks)


@given(looks_of_hours(), st.integers(1, 3))
@cases(60)
def test_it_is_never_later_than_the_closed_candles(prices, looks):
    """And what it blocks beyond them is a move within one candle, in an order they do not show."""
    limits = replace(LIMITS, looks=looks)
    opens = np.concatenate(([prices[0, 0]], prices[:-1, -1]))
    bars = [
        (first, max(first, *hour), min(first, *hour), hour[-1])
        for first, hour in zip(opens, prices, strict=True)
    ]
    whole = candles(*bars)
    timeline = flash_crash.timeline(limits, whole)
    running = UNSEEN
    for hour, of_hour in enumerate(prices):
        closed, begin = whole[:hour], START + hour * HOUR
        before = running.trips
        running = seen(limits, closed, of_hour, begin, running)
        rows = CandleRows.of(whole[: hour + 1])
        at_close = running_crash.look(limits, running, rows, None, begin + HOUR)
        alone = timeline.at(begin + HOUR)
        together = decided(limits, whole[: hour + 1], at_close, begin + HOUR)
        assert together.entries_blocked or not alone.entries_blocked
        assert not alone.release or together.release >= alone.release
        if running.trips != before and not alone.entries_blocked:
            held = of_hour.max() / of_hour.min()
            assert max(held - 1, 1 - 1 / held) >= limits.first_move
