"""The calendar of a walk-forward: tests tile the period, and training sees none of them."""

from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from freqtrade.configuration import TimeRange
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_S, HOUR
from perpkit.market.times import opening
from perpkit.walkforward.windows import (
    Calendar,
    Span,
    in_sample_range,
    out_of_sample_range,
)


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90d", Span(days=90)),
        ("2w", Span(days=14)),
        ("12m", Span(months=12)),
        ("1y", Span(months=12)),
    ],
)
def test_lengths(text, expected):
    assert Span.of(text, "train") == expected


@pytest.mark.parametrize("text", ["", "0", "0d", "d", "-3d", "1.5m", "3", "3h", "12M", "99999d"])
def test_what_is_no_length_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"^train must be a number of days.*such as 90d"):
        Span.of(text, "train")


@pytest.mark.parametrize("text", ["101y", "1201m", "5300w", "9999y"])
def test_more_than_a_century_is_refused_by_name(text):
    assert Span.of("100y", "train") == Span(months=1_200)
    with pytest.raises(ValueError, match=f"^test must be at most 100 years, got '{text}'"):
        Span.of(text, "test")


def test_a_purge_may_be_none():
    assert Span.of("0", "purge", may_be_none=True) == Span()


@pytest.mark.parametrize(
    ("span", "times", "expected"),
    [
        (Span(months=1), 1, "2024-02-29"),
        (Span(months=1), 2, "2024-03-31"),
        (Span(months=1), -1, "2023-12-31"),
        (Span(months=13), 1, "2025-02-28"),
        (Span(months=12), -1, "2023-01-31"),
        (Span(days=30), 2, "2024-03-31"),
        (Span(), 5, "2024-01-31"),
    ],
)
def test_calendar_months(span, times, expected):
    assert span.after(day("2024-01-31"), times) == day(expected)


def test_a_year_of_quarters():
    calendar = Calendar(Span(months=12), Span(months=3), purge=Span(days=2), embargo=Span(days=1))
    windows = calendar.windows(day("2021-01-01"), day("2021-12-01"))
    assert [(w.train_start, w.train_end, w.test_start, w.test_end) for w in windows] == [
        tuple(map(day, row))
        for row in (
            ("2020-01-01", "2020-12-29", "2021-01-01", "2021-04-01"),
            ("2020-04-01", "2021-03-29", "2021-04-01", "2021-07-01"),
            ("2020-07-01", "2021-06-28", "2021-07-01", "2021-10-01"),
            ("2020-10-01", "2021-09-28", "2021-10-01", "2021-12-01"),
        )
    ]


LENGTHS = st.one_of(
    st.builds(Span, days=st.integers(1, 200)), st.builds(Span, months=st.integers(1, 12))
)
CUTS = st.builds(Span, days=st.integers(0, 20))
CALENDARS = st.builds(Calendar, LENGTHS, LENGTHS, CUTS, CUTS, st.booleans())
STARTS = st.integers(0, 3 * 365 * 24).map(lambda hours: day("2020-01-01") + hours * HOUR)


def candles(timerange):
    """Open times of the hourly candles that Freqtrade sees in a time range."""
    cut = TimeRange.parse_timerange(timerange)
    return range(cut.startts, cut.stopts + 1, 3600)


@given(calendar=CALENDARS, start=STARTS, days=st.integers(1, 900))
def test_tests_tile_and_training_sees_none_of_them(calendar, start, days):
    end = start + timedelta(days=days)
    if calendar.purge.days + calendar.embargo.days >= 20:
        calendar = replace(calendar, train=Span(days=41))
    elif calendar.train.days and calendar.train.days <= 20:
        calendar = replace(calendar, purge=Span(), embargo=Span())
    windows = calendar.windows(start, end)
    assert (windows[0].test_start, windows[-1].test_end) == (start, end)
    assert all(one.test_end == other.test_start for one, other in pairwise(windows))
    # The first candle of a time range is not traded by Freqtrade: its signal is for the next one.
    traded = [time for one in windows for time in candles(out_of_sample_range(one, HOUR))[1:]]
    assert traded == list(candles(f"{int(start.timestamp())}-{int(end.timestamp())}"))[1:]
    for window in windows:
        trained, tested = (
            candles(in_sample_range(window, HOUR)),
            candles(out_of_sample_range(window, HOUR)),
        )
        gap = calendar.purge.days + calendar.embargo.days
        assert trained[-1] + 3600 + gap * 86_400 == tested[0]
        assert window.train_start == (
            windows[0].train_start
            if calendar.anchored
            else calendar.train.after(window.test_start, -1)
        )


@pytest.mark.parametrize("days", [3, 7])
def test_each_long_candle_is_traded_once(days):
    step = timedelta(days=days)
    windows = Calendar(Span(months=12), Span(months=1)).windows(
        day("2021-01-01"), day("2022-01-01")
    )
    grid = range(opening(0, days * DAY_S), 2_000_000_000, days * DAY_S)

    found: list[int] = []
    for window in windows:
        cut = TimeRange.parse_timerange(out_of_sample_range(window, step))
        seen = [time for time in grid if cut.startts <= time <= cut.stopts]
        found += seen[1:]
    ends = (windows[0].test_start, windows[-1].test_end)
    first, last = (bisect_right(grid, end.timestamp()) for end in ends)
    assert found == list(grid[first:last])


@pytest.mark.parametrize(
    ("calendar", "start", "end", "message"),
    [
        (Calendar(Span(days=9), Span(days=9)), "2021-01-02", "2021-01-02", "timerange must end"),
        (Calendar(Span(days=9), Span(days=1)), "2010-01-01", "2020-01-01", "at most 999 windows"),
        (
            Calendar(Span(days=9), Span(days=9), Span(days=5), Span(days=4)),
            "2021-01-01",
            "2022-01-01",
            "must be shorter than train",
        ),
    ],
)
def test_what_gives_no_windows_is_refused(calendar, start, end, message):
    with pytest.raises(ValueError, match=message):
        calendar.windows(day(start), day(end))
