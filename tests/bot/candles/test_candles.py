from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
import time_machine
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import TemporaryError

from perpkit.bot.candles.candles import LiveCandles, StoredCandles, feed_for
from perpkit.market.times import dated
from tests import factories

BTC = "BTC/USDT:USDT"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("runmode", "feed"),
    [
        (RunMode.BACKTEST, StoredCandles),
        (RunMode.HYPEROPT, StoredCandles),
        (RunMode.UTIL_NO_EXCHANGE, StoredCandles),
        (RunMode.DRY_RUN, LiveCandles),
        (RunMode.LIVE, LiveCandles),
    ],
)
def test_the_feed_of_each_run_mode(default_futures_config, runmode, feed):
    config = {**default_futures_config, "runmode": runmode}
    assert type(feed_for(config, None)) is feed


class TestStored:
    @pytest.fixture
    def config(self, default_futures_config):
        factories.write_candles(default_futures_config["datadir"], BTC, factories.candles(240))
        return default_futures_config

    def history(self, config, pair=BTC):
        return StoredCandles(config).history(pair, "1h", CandleType.FUTURES, HOUR)

    def test_all_of_the_file_without_a_time_range(self, config):
        assert len(self.history(config)) == 240

    def test_warm_up_from_before_the_run_and_nothing_from_after_it(self, config):
        history = self.history({**config, "timerange": "20230105-20230107"})
        assert history["date"].iloc[0] == pd.Timestamp(factories.START)
        assert history["date"].iloc[-1] == pd.Timestamp("2023-01-07", tz="UTC")

    def test_read_once(self, config):
        feed = StoredCandles(config)
        first, second = (feed.history(BTC, "1h", CandleType.FUTURES, HOUR) for _ in range(2))
        assert first is second

    @pytest.mark.parametrize(("kind", "rows"), [("mark", 24), ("premiumIndex", 21)])
    def test_hours_that_are_missing_are_not_made_up_of_the_premium(self, config, kind, rows):
        gap = factories.candles(24).drop(index=[7, 8, 9])
        factories.write_candles(config["datadir"], BTC, gap, kind)
        assert len(StoredCandles(config).history(BTC, "1h", CandleType(kind), HOUR)) == rows

    def test_empty_without_a_file(self, config):
        assert self.history(config, "ETH/USDT:USDT").empty


class FakeExchange:
    """Serves what has closed by now, and counts the calls."""

    def __init__(self, candles: pd.DataFrame) -> None:
        self.candles = candles
        self.fetched_since: list[datetime] = []

    def get_historic_ohlcv(self, pair, timeframe, since_ms, candle_type):
        since = datetime.fromtimestamp(since_ms / 1000, UTC)
        self.fetched_since.append(since)
        return self.candles[self.candles["date"] >= since].reset_index(drop=True)


class TestLive:
    """The bot keeps the newest 50 candles; the breaker asks for more."""

    @pytest.fixture
    def market(self):
        return dated(factories.candles(400))

    def feed(self, market, bot_has: slice):
        dp = SimpleNamespace(_exchange=FakeExchange(market))
        # Freqtrade's candles have dates in microseconds.
        has = market[bot_has].reset_index(drop=True)
        dp.ohlcv = lambda *_, **__: has.assign(date=has["date"].dt.as_unit("us"))
        return LiveCandles(dp), dp

    def history(self, feed, at: int) -> pd.DataFrame:
        with time_machine.travel(factories.START + at * HOUR, tick=False):
            return feed.history(BTC, "1h", CandleType.FUTURES, 200 * HOUR)

    def test_the_warm_up_is_fetched_once_and_continued(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        first = self.history(feed, at=300)
        pd.testing.assert_frame_equal(first, market[100:300].reset_index(drop=True))

        assert self.history(feed, at=300) is first
        dp.ohlcv = lambda *_, **__: market[251:301].reset_index(drop=True)
        second = self.history(feed, at=301)
        # Hour 100 is older than the 200 hours that are needed.
        pd.testing.assert_frame_equal(second, market[101:301].reset_index(drop=True))
        assert len(dp._exchange.fetched_since) == 1

    def test_the_bots_own_candles_are_read_when_they_are_others(self, market):
        """Freqtrade replaces them: the same object has no news, another one may have."""
        feed, dp = self.feed(market[:300], slice(250, 300))
        own = market[250:300].reset_index(drop=True)
        dp.ohlcv = lambda *_, **__: own
        first = self.history(feed, at=300)
        assert self.history(feed, at=300) is first
        own = own.copy()  # fetched again, and no candle is new
        assert self.history(feed, at=300) is first
        assert self.history(feed, at=300) is first
        # With a new candle, one that the exchange has corrected counts as it is now.
        own = market[251:301].reset_index(drop=True)
        own.loc[10, "close"] = 1.0
        second = self.history(feed, at=301)
        expected = market[101:301].reset_index(drop=True)
        expected.loc[160, "close"] = 1.0
        pd.testing.assert_frame_equal(second, expected)

    def test_a_gap_after_an_outage_is_fetched_again(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        self.history(feed, at=300)
        dp._exchange.candles = market
        dp.ohlcv = lambda *_, **__: market[350:400].reset_index(drop=True)
        history = self.history(feed, at=400)
        pd.testing.assert_frame_equal(history, market[200:400].reset_index(drop=True))

    def test_what_the_bot_has_is_enough(self, market, monkeypatch):
        """And nothing is joined to it, which would cost more, for every pair, than to read it."""
        feed, dp = self.feed(market, slice(50, 300))
        monkeypatch.delattr(pd, "concat")
        for now in (300, 301):
            own = market[50:now]
            dp.ohlcv = lambda *_, own=own, **__: own
            history = self.history(feed, at=now)
            pd.testing.assert_frame_equal(history, own.reset_index(drop=True))
        assert dp._exchange.fetched_since == []

    def test_without_news_the_last_known_candles(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        known = self.history(feed, at=300)
        dp.ohlcv = lambda *_, **__: market[:0]
        assert self.history(feed, at=305) is known

    @pytest.mark.parametrize("begin", [250, 50])
    def test_the_bots_own_candles_are_left_as_they_are(self, market, begin):
        """They are not copied for the feed, which has a frame of its own."""
        feed, dp = self.feed(market[:300], slice(begin, 300))
        own = market[begin:300].reset_index(drop=True)
        dp.ohlcv = lambda *_, copy, **__: own.copy() if copy else own
        history = self.history(feed, at=300)
        history.loc[:, "close"] = 0.0
        pd.testing.assert_frame_equal(own, market[begin:300].reset_index(drop=True))

    def test_nothing_known_is_empty(self, market):
        feed, _ = self.feed(market, slice(0, 0))
        assert self.history(feed, at=300).empty

    @pytest.mark.parametrize("asked", [(200, 60), (60, 200), (0, 200, 10)])
    def test_memory_is_flat_and_the_longest_warm_up_is_kept(self, asked):
        """Over 60 virtual days of a bot that has 50 candles; several ask for the same pair."""
        market = dated(factories.candles(60 * 24 + 300))
        feed, dp = self.feed(market, slice(250, 300))
        for now in range(300, len(market), 7):
            dp.ohlcv = lambda *_, now=now, **__: market[now - 50 : now].reset_index(drop=True)
            with time_machine.travel(factories.START + now * HOUR, tick=False):
                for hours in asked:
                    history = feed.history(BTC, "1h", CandleType.FUTURES, hours * HOUR)
            pd.testing.assert_frame_equal(history, market[now - 200 : now].reset_index(drop=True))
        assert len(dp._exchange.fetched_since) <= len(set(asked))

    def test_the_clock_of_a_running_bot_has_microseconds(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        at = factories.START + 300 * HOUR - timedelta(microseconds=1)
        for now in (at, at + HOUR):
            with time_machine.travel(now, tick=False):
                history = feed.history(BTC, "1h", CandleType.FUTURES, 100 * HOUR)
            assert history["date"].iloc[0] == market["date"].iloc[(now - at) // HOUR + 200]
            dp.ohlcv = lambda *_, **__: market[251:301].reset_index(drop=True)

    def test_a_longer_warm_up_is_fetched_when_it_is_asked_for(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        with time_machine.travel(factories.START + 300 * HOUR, tick=False):
            own = dp.ohlcv()
            dp.ohlcv = lambda *_, **__: own
            for hours, first in ((10, 250), (100, 200), (50, 200), (200, 100)):
                history = feed.history(BTC, "1h", CandleType.FUTURES, hours * HOUR)
                assert history["date"].iloc[0] == market["date"].iloc[first]
                again = feed.history(BTC, "1h", CandleType.FUTURES, hours * HOUR)
                assert again is history

    def test_after_a_failure_it_is_fetched_a_minute_later(self, market):
        feed, dp = self.feed(market[:300], slice(250, 300))
        tried = []

        def fail(*_):
            tried.append(datetime.now(UTC))
            raise TemporaryError("timed out")

        works, dp._exchange.get_historic_ohlcv = dp._exchange.get_historic_ohlcv, fail
        start = factories.START + 300 * HOUR
        for second in range(0, 61, 5):
            with (
                time_machine.travel(start + timedelta(seconds=second), tick=False),
                pytest.raises(TemporaryError, match="timed out"),
            ):
                feed.history(BTC, "1h", CandleType.FUTURES, 200 * HOUR)
        assert tried == [start, start + timedelta(minutes=1)]
        dp._exchange.get_historic_ohlcv = works
        with time_machine.travel(start + timedelta(minutes=2), tick=False):
            assert not feed.history(BTC, "1h", CandleType.FUTURES, 200 * HOUR).empty
