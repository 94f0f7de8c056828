"""PositioningFilter: live from the store and the exchange, and in dynamic-pairlist backtests."""

from datetime import UTC, datetime, timedelta

import ccxt
import numpy as np
import pandas as pd
import pytest
import time_machine
from freqtrade.persistence import Trade

from perpkit.market import store
from perpkit.market.positioning import with_positioning
from tests import factories
from tests.pairlists import running
from tests.pairlists.running import BTC, DAYS, ETH, PAIRS, XRP, decisions, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)
HOUR = pd.Timedelta("1h")


def manager(config, exchange, **parameters):
    return running.manager(config, exchange, {"method": "PositioningFilter", **parameters})


class RatioEndpoint:
    """Stands in for GET /futures/data/globalLongShortAccountRatio, hourly until now."""

    def __init__(self, last: dict[str, float]):
        self.last = last
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.hours = 500
        self.newest = 99.0  # of the running hour: not used yet

    async def fetch_long_short_ratio_history(self, pair, timeframe, since=None, limit=None):
        self.asked.append(pair)
        if pair in self.failing:
            raise self.failing[pair]
        now = pd.Timestamp(datetime.now(UTC)).floor("1h")
        dates = pd.date_range(end=now, periods=min(limit, self.hours), freq=timeframe)
        ratios = [1.5, 2.5] * len(dates)
        ratios = [*ratios[: len(dates) - 2], self.last[pair], self.newest]
        return [
            {"timestamp": int(date.timestamp() * 1000), "longShortRatio": ratio}
            for date, ratio in zip(dates, ratios, strict=True)
        ]


@pytest.fixture
def endpoint(futures_exchange, monkeypatch):
    endpoint = RatioEndpoint({BTC: 3.2, ETH: 2.0, XRP: 0.4})
    monkeypatch.setattr(
        futures_exchange._api_async,
        "fetch_long_short_ratio_history",
        endpoint.fetch_long_short_ratio_history,
    )
    with time_machine.travel(NOW, tick=False) as clock:
        endpoint.clock = clock
        yield endpoint


def put(config, pair, ratios, end, period="1h"):
    """Readings of a pair into the store, the last of them at `end`."""
    dates = pd.date_range(end=end, periods=len(ratios), freq=period).as_unit("ms")
    frame = pd.DataFrame({"date": dates, "long_short_ratio": np.asarray(ratios, dtype=float)})
    store.merge(config["datadir"], pair, period, frame)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, PAIRS),
        ({"max_long_short_ratio": 3}, [ETH, XRP]),
        ({"min_long_short_ratio": 0.5}, [BTC, ETH]),
        ({"min_percentile": 90}, [BTC]),
        ({"max_percentile": 10}, [XRP]),
        ({"min_percentile": 10, "max_percentile": 90}, [ETH]),
        ({"sort": "asc"}, [XRP, ETH, BTC]),
        ({"sort": "desc", "number_assets": 2}, [BTC, ETH]),
    ],
)
def test_live_without_a_store_the_exchange_is_asked(
    config, futures_exchange, endpoint, parameters, expected
):
    assert whitelist(manager(config, futures_exchange, **parameters)) == expected
    assert sorted(endpoint.asked) == PAIRS


def test_live_the_store_decides_and_nobody_is_asked(config, futures_exchange, endpoint):
    for pair, ratio in {BTC: 1.0, ETH: 4.0, XRP: 1.1}.items():
        put(config, pair, [1.0] * 199 + [ratio], "2023-03-01 08:00+00:00")
    assert whitelist(manager(config, futures_exchange, max_percentile=95)) == [BTC]
    assert endpoint.asked == []


def test_live_the_exchange_is_asked_only_for_what_the_store_lacks(
    config, futures_exchange, endpoint
):
    put(config, BTC, [1.0] * 200, "2023-03-01 08:00+00:00")  # current
    put(config, ETH, [9.0] * 200, "2023-02-28 20:00+00:00")  # stale
    put(config, XRP, [9.0] * 20, "2023-03-01 08:00+00:00")  # too short for a percentile
    parameters = {"max_long_short_ratio": 3, "min_percentile": 1}
    assert whitelist(manager(config, futures_exchange, **parameters)) == [BTC, ETH]
    assert sorted(endpoint.asked) == [ETH, XRP]


def test_a_short_history_has_a_ratio_but_no_percentile(config, futures_exchange, endpoint):
    endpoint.hours = 100
    assert whitelist(manager(config, futures_exchange, max_long_short_ratio=3)) == [ETH, XRP]
    assert whitelist(manager(config, futures_exchange, min_percentile=0)) == []


def test_a_reading_counts_one_period_after_its_time(config, futures_exchange, endpoint):
    """The 8:00 reading at 9:00, as a backtest sees it; the 9:00 reading, 99, not yet."""
    endpoint.clock.move_to(datetime(2023, 3, 1, 9, 0, 5, tzinfo=UTC))
    assert whitelist(manager(config, futures_exchange, max_long_short_ratio=3)) == [ETH, XRP]


def test_requests_are_a_refresh_period_apart(config, futures_exchange, endpoint):
    pairlists = manager(config, futures_exchange)
    asked = []
    for minutes in (0, 1, 29, 31, 60):
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        endpoint.asked.clear()
        assert whitelist(pairlists) == PAIRS
        asked.append(len(endpoint.asked))
    assert asked == [3, 0, 0, 3, 0]


def test_a_pair_that_fails_is_left_out_once_said_and_the_others_stay(
    config, futures_exchange, endpoint, caplog
):
    endpoint.failing = {ETH: ccxt.BadSymbol("no such symbol")}
    pairlists = manager(config, futures_exchange)
    for minutes in (0, 0.5, 1, 2):
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        assert whitelist(pairlists) == [BTC, XRP]
    assert endpoint.asked.count(ETH) == 3  # a minute apart
    assert endpoint.asked.count(BTC) == 1
    assert caplog.text.count("the long/short ratio of ETH/USDT:USDT is unknown. It is rem") == 1
    assert caplog.text.count("could not fetch the long/short ratio of ETH") == 1
    endpoint.failing = {}
    endpoint.clock.shift(timedelta(minutes=1))
    assert whitelist(pairlists) == PAIRS


def test_without_an_answer_the_last_readings_count_until_they_are_stale(
    config, futures_exchange, endpoint
):
    endpoint.newest = 2.0
    pairlists = manager(config, futures_exchange, max_long_short_ratio=3)
    assert whitelist(pairlists) == [ETH, XRP]
    endpoint.failing = dict.fromkeys(PAIRS, ccxt.NetworkError("cable cut"))
    # An answer stands for two refresh periods.
    for clock, expected in [("09:59", [ETH, XRP]), ("10:30", PAIRS), ("10:31", [])]:
        endpoint.clock.move_to(pd.Timestamp(f"2023-03-01 {clock}Z").to_pydatetime())
        assert whitelist(pairlists) == expected


def test_a_damaged_store_is_said_and_the_exchange_is_asked(
    config, futures_exchange, endpoint, caplog
):
    path = store.path_of(config["datadir"], ETH, "1h")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not feather")
    assert whitelist(manager(config, futures_exchange)) == PAIRS
    assert caplog.text.count("ETH_USDT_USDT-1h.feather: cannot be read") == 1


def test_between_candles_the_last_close_decides_as_in_a_backtest(
    config, futures_exchange, endpoint
):
    """By 11:30 what 4h candles saw at 8:00 would be stale, and the next they see is at 12:00."""
    endpoint.clock.move_to(datetime(2023, 3, 1, 11, 30, tzinfo=UTC))
    assert whitelist(manager(config | {"timeframe": "4h"}, futures_exchange)) == PAIRS


# --- backtests


def write(config, ratios):
    funding = {pair: factories.funding([0.0001] * 3 * DAYS) for pair in PAIRS}
    factories.write_market(config["datadir"], funding, rows=24 * DAYS)
    for path in (config["datadir"] / "positioning").glob("*.feather"):
        path.unlink()
    for pair, values in ratios.items():
        put(config, pair, values, factories.START + timedelta(hours=len(values) - 1))


def whitelists(config, **parameters):
    handler = {"method": "PositioningFilter", **parameters}
    return running.whitelists(config, {"method": "StaticPairList"}, handler)


def random_ratios():
    rng = np.random.default_rng(4)
    return {pair: np.exp(rng.normal(0.5, 0.4, 24 * DAYS)) for pair in PAIRS}


def test_a_backtest_decides_by_the_readings_known_at_each_candle(backtest_config):
    ratios = random_ratios()
    ratios[XRP] = ratios[XRP][: 24 * 45]  # it stops
    write(backtest_config, ratios)
    seen = whitelists(backtest_config, min_long_short_ratio=1.2, max_percentile=80)
    times = pd.DatetimeIndex(list(seen))
    for pair in PAIRS:
        candles = pd.DataFrame({"date": times - HOUR, "close": 1.0})
        known = with_positioning(
            candles, store.read_periods(backtest_config["datadir"], pair), "1h"
        )
        ratio, rank = known["long_short_ratio"], known["long_short_rank"]
        inside = (ratio >= 1.2) & (rank <= 0.8)
        assert [pair in pairs for pairs in seen.values()] == inside.tolist()
        assert 0.1 < inside.mean() < 0.6
    assert len(times) == (DAYS - 35) * 24 - 1


def test_readings_of_the_future_change_no_past_whitelist(backtest_config):
    ratios = random_ratios()
    write(backtest_config, ratios)
    parameters = {"min_long_short_ratio": 1.2, "min_percentile": 20, "sort": "desc"}
    before = whitelists(backtest_config, **parameters)
    turn = 24 * 45
    for values in ratios.values():
        values[turn:] = 1 / values[turn:]
    write(backtest_config, ratios)
    after = whitelists(backtest_config, **parameters)
    # The reading of the turn is known an hour later.
    known = pd.Timestamp(factories.START) + (turn + 1) * HOUR
    assert decisions(before, known) == decisions(after, known)
    assert decisions(before, known + HOUR) != decisions(after, known + HOUR)


def test_a_backtest_without_readings_has_no_pairs_and_says_so_once_a_pair(backtest_config, caplog):
    write(backtest_config, {BTC: np.ones(24 * DAYS)})
    seen = whitelists(backtest_config)
    assert {tuple(pairs) for pairs in seen.values()} == {(BTC,)}
    assert caplog.text.count("the long/short ratio of ETH/USDT:USDT is unknown. It is removed") == 1


@pytest.mark.contract
def test_a_trade_is_managed_after_its_pair_has_left_the_list(backtest_config):
    """That is Freqtrade's doing: an empty whitelist takes no exit from a pair that is held."""
    write(backtest_config, {BTC: np.ones(24 * 40 + 2)})
    config = backtest_config | {"strategy": "Leaver"}
    seen = whitelists(config)
    left = min(time for time, pairs in seen.items() if not pairs)
    last = Trade.bt_trades[-1]
    assert last.open_date_utc < left < last.close_date_utc
    assert last.close_date_utc - last.open_date_utc == timedelta(hours=12)
    assert last.exit_reason == "roi"
