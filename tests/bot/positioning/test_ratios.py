"""The long/short ratio of Bybit and OKX, through ccxt, into the same store as Binance's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import time_machine

from perpkit.bot.positioning.download import download
from perpkit.bot.positioning.paced import Budget
from perpkit.bot.positioning.ratios import SOURCES, RatioClient
from perpkit.bot.positioning.sources import positioning_source
from perpkit.market import store
from perpkit.market.positioning import with_positioning
from tests import factories
from tests.bench.other_exchanges.running import app_of, desk_of
from tests.bench.wire import SyncAdapter, Wire

NOW = datetime(2026, 3, 3, 12, 20, tzinfo=UTC)
BTC, DOGE = "BTC/USDT:USDT", "DOGE/USDT:USDT"


@pytest.fixture(params=["bybit", "okx"])
def source(request):
    """A client at the exchange's documented answers, with what it has requested as `asked`."""
    desk = desk_of(request.param)
    wire = Wire(app_of(request.param, desk))
    with time_machine.travel(NOW, tick=False):
        exchange = {"name": request.param, "key": "k", "secret": "s", "password": "p"}
        exchange["ccxt_config"] = {"enableRateLimit": False}
        client = positioning_source(exchange, Budget(), sleep=lambda _: None)
        client._ccxt.session.mount("https://", SyncAdapter(wire))
        client.asked = desk.asked
        client.desk = desk
        yield client
    client.close()
    wire.close()


def ratio_at(stamp: pd.Timestamp) -> float:
    """As the bench's exchanges state it for a reading with that time."""
    long = 0.5 + 0.1 * ((int(stamp.timestamp()) // 3600 % 5) / 5)
    return long / (1 - long)


def test_readings_are_dated_at_the_end_of_their_period(source, tmp_path):
    done = download(source, tmp_path, [BTC, DOGE], "1h", 10)
    assert (done.refused, done.lacking) == ({}, {})
    frame = store.read(tmp_path, BTC, "1h")
    assert frame["date"].iloc[-1] == pd.Timestamp("2026-03-03 12:00", tz="UTC")
    assert len(frame) == 240
    expected = [ratio_at(date - pd.Timedelta("1h")) for date in frame["date"]]
    np.testing.assert_allclose(frame["long_short_ratio"], expected, rtol=1e-3)
    assert frame.drop(columns=["date", "long_short_ratio"]).isna().all(axis=None)


def test_only_what_is_missing_is_asked_for(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 10)
    before = len(source.asked)
    assert download(source, tmp_path, [BTC], "1h", 10).added == 0
    assert len(source.asked) - before == 1  # the time


def test_pages_are_as_long_as_the_exchange_allows(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 10)
    pages = [path for path in source.asked if "ratio" in path]
    assert len(pages) == -(-240 // source.page_size)


def test_later_readings_change_no_column_of_a_closed_candle(source, tmp_path):
    """And no candle has a reading before the period that would begin at its time had ended."""
    download(source, tmp_path, [BTC], "1h", 10)
    frame = store.read(tmp_path, BTC, "1h")
    candles = factories.candles(240).assign(
        date=pd.date_range(end=NOW.replace(minute=0) - timedelta(hours=1), periods=240, freq="1h")
    )
    whole = with_positioning(candles, {"1h": frame}, "1h")
    for rows in (60, 150):
        close = candles["date"].iloc[rows - 1] + pd.Timedelta("1h")
        known = frame[frame["date"] <= close]
        part = with_positioning(candles[:rows], {"1h": known}, "1h")
        pd.testing.assert_frame_equal(part, whole[:rows])
        # The lag of a period comes on top of the date, which is the end of the reading's period.
        stated = ratio_at(close - pd.Timedelta("2h"))
        assert part["long_short_ratio"].iloc[-1] == pytest.approx(stated, rel=1e-3)


@pytest.mark.parametrize(("period", "name"), [("2h", "bybit"), ("1d", "okx"), ("7m", "okx")])
def test_a_period_that_the_exchange_does_not_serve_is_named(tmp_path, period, name):
    client = RatioClient(name, {"name": name})
    with pytest.raises(ValueError, match=f"period must be one of .*, got '{period}'"):
        download(client, tmp_path, [BTC], period, 5)


@pytest.mark.parametrize(("name", "days"), [("okx", 31), ("okx", 0), ("bybit", 3651)])
def test_more_days_than_the_exchange_keeps_are_refused(tmp_path, name, days):
    with pytest.raises(ValueError, match=rf"days must be above 0 and at most \d+, got {days}"):
        download(RatioClient(name, {}), tmp_path, [BTC], "1h", days)


def test_a_pair_that_is_not_listed_is_refused_and_the_others_come(source, tmp_path):
    done = download(source, tmp_path, ["NOPE/USDT:USDT", BTC], "1h", 2)
    assert done.refused == {"NOPE/USDT:USDT": "the exchange lists no perpetual of that name"}
    assert done.added == 48


def test_a_name_that_is_no_pair_is_named(source, tmp_path):
    with pytest.raises(ValueError, match="pairs must be like BTC/USDT:USDT, got 'BTC'"):
        download(source, tmp_path, ["BTC"], "1h", 2)


def test_keys_do_not_reach_the_client(source):
    assert not source._ccxt.apiKey
    assert not source._ccxt.secret
    assert not source._ccxt.password


@pytest.mark.parametrize("name", SOURCES)
def test_periods_are_those_of_the_store(name):
    assert set(SOURCES[name].periods) <= set(store.PERIODS)
