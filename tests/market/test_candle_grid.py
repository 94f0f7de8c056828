"""Candles on their grid, and the timeframes that are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perpkit.market.candle_grid import gapless
from tests import factories

HOUR = timedelta(hours=1)


def candles(*hours: float):
    """That open so many hours after START."""
    frame = factories.candles(len(hours))
    return frame.assign(date=[factories.START + hour * HOUR for hour in hours])


@pytest.mark.parametrize("hours", [(0,), (0, 4), (0, 1, 3), (0, 2, 3), (0, 1, 4, 5, 8), range(9)])
def test_missing_candles_are_rows_without_figures(hours):
    grid, frame = gapless(candles(*hours), 60)
    assert len(frame) == max(hours) + 1
    assert [row for row, close in enumerate(frame["close"]) if close > 0] == list(hours)
    for row in range(len(frame)):
        assert grid.row_at(grid.closed_at(row)) == row
        assert grid.closed_at(row) == factories.START + (row + 1) * HOUR


@pytest.mark.parametrize("hours", [(0, 4, 8), (0, 0.5, 1), (0, 1.5), (0, 2, 4, 8), (0, 2, 4, 5)])
def test_candles_of_another_timeframe_are_refused(hours):
    with pytest.raises(ValueError, match="candles must be of 60 minutes"):
        gapless(candles(*hours), 60)


def test_what_contradicts_itself_is_missing():
    broken = candles(0, 1, 2, 3)
    broken.loc[1, "low"] = broken.loc[1, "high"] * 2
    broken.loc[2, "volume"] = -1.0
    _, frame = gapless(broken, 60)
    assert frame["close"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 2, 0, 3, 1), (1, 0, 1, 2, 3, 3)])
def test_candles_in_any_order_and_the_last_of_those_given_twice(order):
    given = candles(0, 1, 2, 3).iloc[list(order)].assign(volume=range(1, len(order) + 1))
    _, frame = gapless(given, 60)
    assert frame["volume"].tolist() == [
        float(max(place for place, hour in enumerate(order, 1) if hour == wanted))
        for wanted in range(4)
    ]


def test_no_candles():
    grid, frame = gapless(candles(0).iloc[:0], 60)
    assert frame.empty
    assert grid.seconds == 3600
