"""The side frame: what it holds, from which candles, and that it knows nothing of the future."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import RunMode
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.layer.side_frames import COLUMNS, SideFrames
from perpkit.market.ranges import with_ranges
from tests import factories
from tests.factories import START

PAIR = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)
CANDLES = factories.candles(120)


class Source:
    """Of raw candles, for a backtest (the feed) and for a running bot (the DataProvider)."""

    def __init__(self, frame, runmode=RunMode.BACKTEST):
        self.frame = frame
        strategy = SimpleNamespace(
            config={"runmode": runmode}, timeframe="1h", dp=SimpleNamespace(ohlcv=self.ohlcv)
        )
        self.frames = SideFrames(strategy, lambda: SimpleNamespace(history=self.history))

    def history(self, pair, timeframe, candle_type, warm_up):
        assert self.frames._strategy.config["runmode"] is RunMode.BACKTEST
        return self.frame

    def ohlcv(self, pair, timeframe, copy, candle_type):
        assert (timeframe, copy) == ("1h", False)
        return self.frame

    def columns(self):
        self.frames.renew(PAIR)
        return self.frames.get(PAIR)


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN])
def test_it_holds_the_ranges_of_the_raw_candles(runmode):
    kept = CANDLES.copy()
    columns = Source(CANDLES, runmode).columns()
    expected = with_ranges(CANDLES, HOUR)
    for row in (0, 30, 119):
        now = START + (row + 1) * HOUR
        for name in COLUMNS:
            np.testing.assert_equal(columns.at(name, now), expected[name][row])
    pd.testing.assert_frame_equal(CANDLES, kept)


def test_it_is_none_before_there_are_candles():
    source = Source(CANDLES[:0])
    assert source.columns() is None
    source.frame = CANDLES
    assert source.columns() is not None


def test_it_is_made_once_for_the_same_candles():
    source = Source(CANDLES[:100])
    first = source.columns()
    assert source.columns() is first
    source.frame = CANDLES
    assert source.columns().at("close", START + 500 * HOUR) == CANDLES["close"].iloc[-1]


@given(st.integers(1, 119), st.sampled_from(COLUMNS), st.floats(0.2, 5.0), st.integers(0, 3_599))
def test_future_candles_change_no_value(known, name, factor, seconds):
    changed = CANDLES.copy()
    changed.loc[known:, ["open", "high", "low", "close"]] *= factor
    now = START + known * HOUR + timedelta(seconds=seconds)
    seen = [Source(frame).columns().at(name, now) for frame in (CANDLES[:known], changed)]
    np.testing.assert_equal(seen[0], seen[1])
