"""Ranges of prices: what each column is, its unit, what is unknown, and no look-ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.market.ranges import with_ranges
from tests import factories

HOUR = pd.Timedelta("1h")
COLUMNS = ["range_24h", "atr", "vol_1h", "sar"]


def wilder(frame: pd.DataFrame, period: int = 14) -> list[float]:
    """Wilder (1978): the mean of the first true ranges, then 1/period of each new one."""
    before = frame["close"].shift()
    true = pd.concat(
        [
            frame["high"] - frame["low"],
            (frame["high"] - before).abs(),
            (frame["low"] - before).abs(),
        ],
        axis=1,
    ).max(axis=1)[1:]
    value, values = true[:period].mean(), [np.nan] * period
    values.append(value)
    for new in true[period:]:
        value = value + (new - value) / period
        values.append(value)
    return values


@pytest.mark.parametrize("timeframe", ["5m", "15m", "1h", "4h", "1D"])
def test_the_range_of_the_day_and_the_average_true_range(timeframe):
    frame = factories.candles(700, timeframe)
    got = with_ranges(frame, pd.Timedelta(timeframe))
    day = pd.Timedelta("1D") // pd.Timedelta(timeframe)
    for row in (day - 1, day, 350, 699):
        seen = frame[row - day + 1 : row + 1]
        expected = (seen["high"].max() - seen["low"].min()) / frame["close"][row]
        assert got["range_24h"][row] == pytest.approx(expected)
    assert got["range_24h"][: day - 1].isna().all()
    np.testing.assert_allclose(got["atr"], wilder(frame))
    assert "sar" not in got


@pytest.mark.parametrize("timeframe", ["5m", "1h", "4h"])
@pytest.mark.parametrize("annual", [0.3, 0.8])
def test_the_volatility_is_that_of_an_hour_whatever_the_timeframe(timeframe, annual):
    """Of candles made of a fine random walk, whose range is that of the walk."""
    step = pd.Timedelta(timeframe)
    hourly = annual / np.sqrt(365 * 24)
    rng = np.random.default_rng(3)
    fine, rows = 400, 60 * (pd.Timedelta("1D") // step)
    moves = rng.normal(0, hourly * np.sqrt(step / HOUR / fine), (rows, fine))
    walk = np.exp(np.cumsum(moves.ravel())).reshape(rows, fine)
    frame = pd.DataFrame({"high": walk.max(axis=1), "low": walk.min(axis=1), "close": walk[:, -1]})
    got = with_ranges(frame, step)["vol_1h"].dropna()
    assert np.sqrt((got**2).mean()) == pytest.approx(hourly, rel=0.08)


def test_future_candles_change_no_past_value():
    frame = factories.candles(300)
    changed = frame.copy()
    changed.loc[200:, ["open", "high", "low", "close"]] *= 3.0
    before = with_ranges(frame[:200], HOUR, sar=True)[COLUMNS]
    pd.testing.assert_frame_equal(with_ranges(changed, HOUR, sar=True)[COLUMNS][:200], before)
    assert before.iloc[-1].notna().all()


def test_it_adds_columns_to_a_copy():
    frame = factories.candles(60)
    kept = frame.copy()
    got = with_ranges(frame, HOUR, sar=True)
    pd.testing.assert_frame_equal(frame, kept)
    pd.testing.assert_frame_equal(got[frame.columns], kept)
    assert list(got.columns) == [*frame.columns, *COLUMNS]


@pytest.mark.parametrize("rows", [1, 5])
def test_few_candles_tell_nothing(rows):
    got = with_ranges(factories.candles(rows), HOUR)
    assert got[["range_24h", "atr", "vol_1h"]].isna().all(axis=None)


def test_a_market_that_stands_still_has_no_range():
    frame = factories.candles(60).assign(high=100.0, low=100.0, close=100.0)
    got = with_ranges(frame, HOUR)[["range_24h", "atr", "vol_1h"]].dropna()
    assert (got == 0).all(axis=None)
    assert len(got) == 37
