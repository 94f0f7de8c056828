"""The readings that candles can use: those of the whole store, made when it changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.bot.candles import known_positioning
from perpkit.bot.candles.known_positioning import KnownPositioning
from perpkit.market import store
from perpkit.market.positioning import join_positioning, with_positioning
from tests import factories

BTC = "BTC/USDT:USDT"
HOURS = 24 * 100


def readings(period: str, rows: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    walks = np.exp(np.cumsum(rng.normal(0, 0.02, (len(store.SERIES), rows)), axis=1).clip(-3, 3))
    dates = factories.START + store.PERIODS[period] * np.arange(rows)
    frame = pd.DataFrame({"date": dates, **dict(zip(store.SERIES, walks, strict=True))})
    return frame.drop(index=rng.choice(rows, rows // 50, replace=False))


@pytest.fixture
def read(monkeypatch):
    """The pairs whose files were read."""
    pairs, genuine = [], store.read_periods

    def reading(datadir, pair):
        pairs.append(pair)
        return genuine(datadir, pair)

    monkeypatch.setattr(known_positioning, "read_periods", reading)
    return pairs


@pytest.mark.parametrize("periods", [("1h",), ("1h", "4h"), ("5m",), ("1d",)])
@pytest.mark.parametrize(("timeframe", "step"), [("1h", 1), ("4h", 4), ("15m", 0.25)])
def test_a_window_of_the_store_gives_what_all_of_it_does(tmp_path, periods, timeframe, step):
    for number, period in enumerate(periods):
        rows = int(pd.Timedelta(hours=HOURS) / store.PERIODS[period])
        store.merge(tmp_path, BTC, period, readings(period, rows, number))
    whole = factories.candles(int(HOURS / step), timeframe)
    known, every = KnownPositioning(tmp_path), pd.Timedelta(timeframe)
    for last in (HOURS, HOURS - 50):  # the earlier candles come second, and need more
        until = int(last / step)
        candles = whole[until - 60 : until]
        joined = join_positioning(candles, known.readings(BTC, candles, every), timeframe)
        expected = with_positioning(candles, store.read_periods(tmp_path, BTC), timeframe)
        pd.testing.assert_frame_equal(joined, expected, rtol=1e-9, atol=1e-9)
        assert joined["long_short_rank"].notna().all()


def test_a_store_that_has_not_changed_is_read_once(tmp_path, read):
    store.merge(tmp_path, BTC, "1h", readings("1h", 1000))
    candles, every = factories.candles(1100), pd.Timedelta("1h")
    known = KnownPositioning(tmp_path)
    for newest in range(900, 950):  # the candles of a running bot, one later each time
        known.readings(BTC, candles[newest - 100 : newest], every)
    assert read == [BTC]
    news = candles[["date"]][1000:1010].assign(long_short_ratio=3.0)
    store.merge(tmp_path, BTC, "1h", news)
    for newest in (1010, 1011):
        found = known.readings(BTC, candles[newest - 100 : newest], every)
    assert read == [BTC, BTC]
    assert found["1h"]["long_short_ratio"].iloc[-1] == 3.0
    assert known.readings(BTC, candles[:100], every)["1h"]["known_at"].iloc[0] < candles["date"][3]
    assert read == [BTC, BTC, BTC]


def test_what_is_held_does_not_grow_with_the_store(tmp_path):
    known, candles, held = KnownPositioning(tmp_path), factories.candles(HOURS), []
    rows = readings("1h", HOURS)
    for day in range(40, 100):
        store.merge(tmp_path, BTC, "1h", rows[rows["date"] <= candles["date"][day * 24 - 1]])
        seen = candles[day * 24 - 100 : day * 24]
        held.append(len(known.readings(BTC, seen, pd.Timedelta("1h"))["1h"]))
    assert max(held) <= 24 * 31 + 110


def test_without_candles_or_files_there_is_nothing(tmp_path):
    known, every = KnownPositioning(tmp_path), pd.Timedelta("1h")
    assert known.readings(BTC, factories.candles(1)[:0], every) == {}
    assert known.readings(BTC, factories.candles(9), every) == {}
