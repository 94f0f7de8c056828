"""Positioning of Bybit and OKX, through ccxt, into the same store as Binance's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import time_machine

from perpkit.bot.pairlists.readings import asked_crowd, stored_crowd
from perpkit.bot.positioning.client import PositioningClient
from perpkit.bot.positioning.download import download
from perpkit.bot.positioning.paced import Budget
from perpkit.bot.positioning.ratios import SOURCES, RatioClient
from perpkit.bot.positioning.refresh import PositioningRefresh
from perpkit.bot.positioning.sources import positioning_source
from perpkit.market import store
from perpkit.market.coverage import ReadingSpan
from perpkit.market.positioning import with_positioning
from tests import factories
from tests.bench.other_exchanges.running import app_of, desk_of
from tests.bench.wire import SyncAdapter, Wire

NOW = datetime(2026, 3, 3, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC, DOGE = "BTC/USDT:USDT", "DOGE/USDT:USDT"
OLDER = "an older ccxt"


def older_window(request, period, since=None, limit=None, params=None):
    """What ccxt 4.5.65 asks OKX for: the bounds as they are given, which OKX excludes."""
    asked = {"begin": since, "end": (params or {}).get("until"), "limit": limit}
    return [{**request, **{name: value for name, value in asked.items() if value is not None}}, {}]


@pytest.fixture(params=[("bybit", ""), ("okx", ""), ("okx", OLDER)], ids=" ".join)
def source(request):
    """A client at the exchange's documented answers, with what it has requested as `asked`."""
    name, release = request.param
    desk = desk_of(name)
    wire = Wire(app_of(name, desk))
    with time_machine.travel(NOW, tick=False):
        exchange = {"name": name, "key": "k", "secret": "s", "password": "p"}
        exchange["ccxt_config"] = {"enableRateLimit": False}
        client = positioning_source(exchange, Budget(), sleep=lambda _: None)
        client._ccxt.session.mount("https://", SyncAdapter(wire))
        if release == OLDER:
            client._ccxt.handle_trading_statistics_window = older_window
        client.asked = desk.asked
        client.desk = desk
        yield client
    client.close()
    wire.close()


def ratio_at(stamp: pd.Timestamp) -> float:
    """As the bench's exchanges state it for a reading with that time."""
    long = 0.5 + 0.1 * ((int(stamp.timestamp()) // 3600 % 5) / 5)
    return long / (1 - long)


def interest_at(stamp: pd.Timestamp) -> float:
    """As the bench's Bybit states it for an hour with that time."""
    return 50_000 + int(stamp.timestamp()) // 3600 % 7


def test_readings_are_dated_at_the_end_of_their_period(source, tmp_path):
    done = download(source, tmp_path, [BTC, DOGE], "1h", 10)
    assert (done.refused, done.lacking) == ({}, {})
    frame = store.read(tmp_path, BTC, "1h")
    assert frame["date"].iloc[-1] == pd.Timestamp("2026-03-03 12:00", tz="UTC")
    assert len(frame) == 240
    expected = [ratio_at(date - pd.Timedelta("1h")) for date in frame["date"]]
    np.testing.assert_allclose(frame["long_short_ratio"], expected, rtol=1e-3)
    assert frame.drop(columns=["date", *source.series]).isna().all(axis=None)
    if "open_interest" in source.series:
        expected = [interest_at(date - pd.Timedelta("1h")) for date in frame["date"]]
        assert list(frame["open_interest"]) == expected


def test_bybit_gives_open_interest_and_okx_does_not(source):
    assert ("open_interest" in source.series) is (source._ccxt.id == "bybit")


def test_a_store_of_the_ratio_alone_is_completed(source, tmp_path):
    """As an earlier release has left it."""
    download(source, tmp_path, [BTC], "1h", 2)
    whole = store.read(tmp_path, BTC, "1h")
    store.merge(tmp_path / "old", BTC, "1h", whole[["date", "long_short_ratio"]])
    download(source, tmp_path / "old", [BTC], "1h", 2)
    pd.testing.assert_frame_equal(store.read(tmp_path / "old", BTC, "1h"), whole)


def test_only_what_is_missing_is_asked_for(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 10)
    before = len(source.asked)
    assert download(source, tmp_path, [BTC], "1h", 10).added == 0
    assert len(source.asked) - before == 1  # the time


def test_pages_are_as_long_as_the_exchange_allows(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 10)
    pages = [path for path in source.asked if "ratio" in path]
    assert len(pages) == -(-240 // source.page_size)


def test_a_window_has_its_first_and_its_last_reading_and_no_other(source):
    source.symbols([BTC])
    at = NOW.replace(minute=0)
    for first, last in ((at, at), (at - 5 * HOUR, at - 3 * HOUR), (at - 99 * HOUR, at)):
        frame = source.readings(BTC, "1h", ReadingSpan(first, last))
        assert list(frame.index) == list(pd.date_range(first, last, freq="1h"))
        stated = [ratio_at(date - pd.Timedelta("1h")) for date in frame.index]
        np.testing.assert_allclose(frame["long_short_ratio"], stated, rtol=1e-3)


def test_the_one_reading_of_the_next_period_is_fetched(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 2)
    with time_machine.travel(NOW + HOUR, tick=False):
        assert download(source, tmp_path, [BTC], "1h", 2).added == 1
    newest = store.read(tmp_path, BTC, "1h")["date"].iloc[-1]
    assert newest == pd.Timestamp("2026-03-03 13:00", tz="UTC")


def test_a_refresh_asks_for_no_more_than_is_kept(source, tmp_path):
    config = {"datadir": tmp_path, "exchange": {}}
    refresh = PositioningRefresh(
        config, lambda: [BTC], "5m", clock=NOW.timestamp, client=lambda *_, **__: source
    )
    refresh._round()
    oldest = store.read(tmp_path, BTC, "5m")["date"].iloc[0]
    days = min(source.kept("5m").days, 30)
    assert timedelta(0) <= oldest - (NOW - timedelta(days=days)) <= HOUR


def test_the_pairlist_decides_by_the_readings_that_a_backtest_has(source, tmp_path):
    download(source, tmp_path, [BTC], "1h", 10)
    [stored] = stored_crowd(tmp_path, BTC, "1h")

    async def fetch(*args, **options):
        return source._ccxt.fetch_long_short_ratio_history(*args, **options)

    api = SimpleNamespace(fetch_long_short_ratio_history=fetch)
    exchange = SimpleNamespace(id=source._ccxt.id, _api_async=api)
    asked = asyncio.run(asked_crowd(exchange, BTC, "1h"))
    for hours in range(5):
        ratio, _ = asked.at(NOW - hours * HOUR)
        assert ratio == pytest.approx(stored.at(NOW - hours * HOUR)[0])


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


@pytest.mark.parametrize(
    ("name", "period", "days"),
    [
        ("okx", "5m", 5),
        ("okx", "15m", 15),
        ("okx", "30m", 30),
        ("okx", "4h", 30),
        ("bybit", "5m", 3650),
        ("bybit", "1d", 3650),
    ],
)
def test_how_long_readings_of_a_period_are_kept(tmp_path, name, period, days):
    client = RatioClient(name, {})
    assert client.kept(period) == timedelta(days=days)
    with pytest.raises(ValueError, match=rf"days must be above 0 and at most {days}, got"):
        download(client, tmp_path, [BTC], period, days + 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("OKX", RatioClient), ("Bybit", RatioClient), ("Binance", PositioningClient)],
)
def test_a_name_in_capitals_is_the_same_exchange(name, kind):
    assert type(positioning_source({"name": name})) is kind
