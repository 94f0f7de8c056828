"""Look-ups in candles: the newest closed one, and nothing that has not closed."""

from __future__ import annotations

from datetime import timedelta
from math import inf, isnan, nan

import pandas as pd
import pytest

from perpkit.bot.candles.candle_columns import CandleColumns
from tests import factories
from tests.bot import stack
from tests.bot.stack import HOUR, START

COLUMNS = stack.columns([(3, 1, 2), (6, 4, 5), (9, 7, 8)], atr=[nan, 0.5, 0.7])
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "row", "close"),
    [
        (START, -1, nan),
        (START + HOUR - SECOND, -1, nan),
        (START + HOUR, 0, 2),
        (START + 2 * HOUR - SECOND, 0, 2),
        (START + 3 * HOUR, 2, 8),
        (START + 900 * HOUR, 2, 8),
    ],
)
def test_the_candle_that_has_closed_last(now, row, close):
    assert COLUMNS.row(now) == row == COLUMNS.row_at(now.timestamp())
    assert COLUMNS.value("close", row) == pytest.approx(close, nan_ok=True)
    assert COLUMNS.at("close", now) == pytest.approx(close, nan_ok=True)


@pytest.mark.parametrize(
    ("row", "closed_at", "age"),
    [(0, START + HOUR, 5 * 3600), (2, START + 3 * HOUR, 3 * 3600), (-1, None, inf)],
)
def test_when_it_closed(row, closed_at, age):
    assert COLUMNS.closed_at(row) == (closed_at.timestamp() if closed_at else 0)
    assert min(COLUMNS.age(row, START + 6 * HOUR), 1e9) == min(age, 1e9)


@pytest.mark.parametrize(
    ("high", "first", "last", "expected"),
    [
        (True, 0, 2, 9),
        (True, 0, 1, 6),
        (False, 1, 2, 4),
        (False, -5, 2, 1),
        (True, 2, 9, 9),
        (True, 2, 1, nan),
        (False, 3, 2, nan),
    ],
)
def test_extremes(high, first, last, expected):
    assert COLUMNS.extreme(high, first, last) == pytest.approx(expected, nan_ok=True)


def test_what_the_frame_lacks_is_unknown():
    columns = CandleColumns(factories.candles(3), HOUR, ["close", "atr"])
    assert isnan(columns.at("atr", START + 2 * HOUR))
    with pytest.raises(KeyError):
        columns.at("sar", START + 2 * HOUR)  # not among those that are looked up: a mistake


def test_future_candles_change_no_past_value():
    frame = factories.candles(50)
    whole, part = (CandleColumns(f, HOUR, ["high", "low", "close"]) for f in (frame, frame[:30]))
    for hour in range(31):
        now = START + hour * HOUR
        assert whole.row(now) == part.row(now)
        if hour:
            assert whole.at("close", now) == part.at("close", now)


def test_the_unit_of_the_dates_does_not_matter():
    frame = factories.candles(5)
    for unit in ("s", "ms", "us", "ns"):
        dates = pd.DatetimeIndex(frame["date"]).as_unit(unit)
        columns = CandleColumns(frame.assign(date=dates), HOUR, ["close"])
        assert columns.row(START + 3 * HOUR) == 2


def test_what_is_written_to_the_frame_later_changes_nothing():
    """It is read only when a value is asked for, but as it was."""
    frame = factories.candles(10)
    first, newest = frame["close"].iloc[0], frame["close"].iloc[-1]
    columns = CandleColumns(frame, timedelta(hours=1), ["close"])
    frame.loc[9, "close"] = 1.0
    frame["close"] *= 2
    frame["date"] += timedelta(days=1)
    assert columns.value("close", 9) == newest
    frame.loc[0, "close"] = 3.0
    assert columns.value("close", 0) == first
    assert columns.row(factories.START + timedelta(hours=10)) == 9
