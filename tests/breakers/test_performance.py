"""Looks at results: when, against which band, and what counts as outside."""

from datetime import UTC, datetime, timedelta

import pytest

from perpkit.breakers.performance import (
    Horizon,
    PerformanceLimits,
    begin,
    is_due,
    is_over,
    look,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BAND = [Horizon(1, -0.02, 0.03), Horizon(3, -0.04, 0.07), Horizon(30, -0.10, 0.30)]
LIMITS = PerformanceLimits()


def at(days: float, profit: float, outside: int = 0):
    """A look after so many days; the bot began with 10,000 and a profit of 50."""
    state = begin(START, 10_000, 50)
    for _ in range(outside):
        state, _ = look(state, BAND, START + 2 * DAY, -5_000)
    return look(state, BAND, START + days * DAY, 50 + profit)


@pytest.mark.parametrize(
    ("days", "profit", "low", "high", "inside"),
    [
        (1, 0, -0.02, 0.03, True),
        (1, -200, -0.02, 0.03, True),
        (1, -201, -0.02, 0.03, False),
        (1, 301, -0.02, 0.03, False),  # more than was predicted is not what was tested
        (2, -299, -0.03, 0.05, True),
        (2, -301, -0.03, 0.05, False),
        (3, -400, -0.04, 0.07, True),
        (30, 2_999, -0.10, 0.30, True),
    ],
)
def test_the_return_is_compared_with_the_band_of_that_time(days, profit, low, high, inside):
    state, found = at(days, profit)
    assert (found.made, found.days) == (pytest.approx(profit / 10_000), days)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.is_inside is inside
    assert state.outside == (not inside)


@pytest.mark.parametrize("days", [0.1, 0.99, 30.1])
def test_where_nothing_is_predicted_nothing_is_found(days):
    state, found = at(days, -5_000, outside=2)
    assert found is None
    assert state.outside == 2  # it neither confirms nor clears
    assert state.looked == START + days * DAY


def test_only_looks_in_a_row_count():
    assert [at(2, -5_000, outside=n)[0].outside for n in range(3)] == [1, 2, 3]
    assert at(2, 0, outside=2)[0].outside == 0


@pytest.mark.parametrize(("hours", "due"), [(0, False), (5.99, False), (6, True), (100, True)])
def test_when_it_is_due(hours, due):
    assert is_due(LIMITS, begin(START, 1, 0), START + hours * HOUR) is due


@pytest.mark.parametrize(("days", "over"), [(30, False), (30.1, True)])
def test_when_the_band_ends(days, over):
    assert is_over(begin(START, 1, 0), BAND, START + days * DAY) is over


def test_it_says_what_was_made_and_predicted():
    assert str(at(1, -250)[1]) == ("-2.5% in 1.0 days, where the backtest predicts -2.0% to +3.0%")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"every_hours": 0.1}, "every_hours must be a number from 0.5 to 168, got 0.1"),
        ({"looks": 0}, "looks must be a whole number from 1 to 100, got 0"),
        ({"looks": True}, "looks must be a whole number"),
    ],
)
def test_a_bad_limit_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        PerformanceLimits(**given)
