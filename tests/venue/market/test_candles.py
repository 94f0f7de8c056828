"""Candles: aggregates are exact, and a part of a candle stays within the whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.market.candles import (
    INTERVALS_MS,
    MONTH_MS,
    Candles,
    bucket_start,
    closing_time,
    interval_ms,
    part_of,
    resample,
)

MONDAY = 1_704_067_200_000


def candles(prices: list[tuple[float, float, float, float]], ms: int = MINUTE_MS) -> Candles:
    columns = np.array(prices, dtype=float).T
    time = MONDAY + np.arange(len(prices), dtype=np.int64) * ms
    return Candles(time, *columns, np.arange(1.0, len(prices) + 1))


def test_an_aggregate_opens_with_its_first_candle_and_ends_with_its_last():
    hour = resample(candles([(10, 12, 9, 11), (11, 15, 10, 14), (14, 14, 8, 9)]), HOUR_MS)
    assert [float(column[0]) for column in hour.columns()] == [MONDAY, 10, 15, 8, 9, 6]


def test_gaps_leave_no_empty_aggregates():
    rows = candles([(10, 12, 9, 11)] * 300)
    holed = resample(rows[:10], 5 * MINUTE_MS), resample(rows[200:], 5 * MINUTE_MS)
    assert len(holed[0]) == 2
    assert holed[1].time[0] == MONDAY + 200 * MINUTE_MS


@pytest.mark.parametrize(
    ("interval", "hours", "opened"),
    [
        ("5m", 1.0, 1.0),
        ("4h", 7.9, 4.0),
        ("1d", 47.0, 24.0),
        ("1w", 24 * 6.0, 0.0),  # weeks begin on Monday
        ("1w", 24 * 7.0, 24 * 7.0),
        ("1w", -1.0, -24 * 7.0),
    ],
)
def test_buckets_are_aligned_as_on_the_exchange(interval, hours, opened):
    time = MONDAY + int(hours * HOUR_MS)
    assert bucket_start(time, INTERVALS_MS[interval]) == MONDAY + int(opened * HOUR_MS)


def test_resampling_aligns_weeks_on_monday():
    daily = candles([(10, 12, 9, 11)] * 10, DAY_MS)
    assert resample(daily, INTERVALS_MS["1w"]).time.tolist() == [MONDAY, MONDAY + 7 * DAY_MS]


# In days from the first of January 2024, a leap year.
MONTHS = [(0.0, 0, 31), (30.99, 0, 31), (31.0, 31, 60), (59.5, 31, 60), (-0.01, -31, 0)]


@pytest.mark.parametrize(("days", "opened", "closed"), MONTHS)
def test_months_are_those_of_the_calendar(days, opened, closed):
    opens = bucket_start(MONDAY + int(days * DAY_MS), MONTH_MS)
    assert (opens, closing_time(opens, MONTH_MS)) == (
        MONDAY + opened * DAY_MS,
        MONDAY + closed * DAY_MS,
    )


def test_resampling_aligns_months_on_their_first_day():
    months = resample(candles([(10, 12, 9, 11)] * 61, DAY_MS), MONTH_MS)
    assert ((months.time - MONDAY) // DAY_MS).tolist() == [0, 31, 60]
    assert months.volume.tolist() == [sum(range(1, 32)), sum(range(32, 61)), 61]


price = st.floats(1, 1000, allow_nan=False)


@given(st.tuples(price, price, price, price), st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_a_growing_part_never_takes_back_an_extreme_and_ends_as_the_whole(prices, fractions):
    low, a, b, high = sorted(prices)
    for open_, close in ((a, b), (b, a)):
        whole = candles([(open_, high, low, close)])
        parts = [part_of(whole, f) for f in [*sorted(fractions), 1.0]]
        for earlier, later in pairwise(parts):
            assert low <= later.low[0] <= earlier.low[0] <= earlier.high[0] <= later.high[0] <= high
            assert later.low[0] <= later.close[0] <= later.high[0]
        last = parts[-1]
        assert [c[0] for c in last.columns()] == [c[0] for c in whole.columns()]


def test_a_part_of_nothing_is_the_open():
    part = part_of(candles([(10, 12, 9, 11)]), 0.0)
    assert [float(column[0]) for column in part.columns()[1:]] == [10, 10, 10, 10, 0]


def test_an_unknown_interval_names_the_known_ones():
    with pytest.raises(ValueError, match=r"one of 1m, 3m.*got '7m'"):
        interval_ms("7m")
