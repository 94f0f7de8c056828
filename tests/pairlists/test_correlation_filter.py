"""CorrelationFilter: live by mark prices, beside what is held, and in dynamic backtests."""

from datetime import UTC, datetime, timedelta

import ccxt
import numpy as np
import pandas as pd
import pytest
import time_machine
from freqtrade.persistence import Trade

from perpkit.market.correlation import pooled_correlation
from perpkit.market.least_correlated import LeastCorrelated
from tests import factories
from tests.pairlists import running
from tests.pairlists.running import BTC, DAYS, ETH, PAIRS, XRP, decisions, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)
HOUR = pd.Timedelta("1h")


def manager(config, exchange, **parameters):
    return running.manager(config, exchange, {"method": "CorrelationFilter", **parameters})


def closes(rows, mixed, seed=6):
    """Closes of BTC, ETH that follows it, and XRP, which goes its own way where not `mixed`."""
    rng = np.random.default_rng(seed)
    common, *own = rng.normal(0, 0.005, (4, rows))
    alike = {BTC: common + 0.2 * own[0], ETH: common + 0.3 * own[1], XRP: own[2]}
    alike[XRP] = np.where(mixed, common + 0.25 * own[2], own[2])
    return {pair: 100 * np.exp(np.cumsum(returns)) for pair, returns in alike.items()}


class MarkEndpoint:
    """Stands in for GET /fapi/v1/markPriceKlines."""

    def __init__(self, rows=24 * 40):
        self.since = NOW - timedelta(days=30)
        self.closes = closes(rows, np.zeros(rows, dtype=bool))
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def fetch_ohlcv(self, pair, timeframe="1h", since=None, limit=None, params=None):
        assert params == {"price": "mark"}
        self.asked.append(pair)
        if self.error:
            raise self.error
        first = pd.Timestamp(self.since).floor("1h")
        dates = pd.date_range(first, pd.Timestamp(datetime.now(UTC)), freq=timeframe)
        rows = [
            [int(date.timestamp() * 1000), close, close, close, close, 0]
            for date, close in zip(dates, self.closes[pair], strict=False)
        ]
        return [row for row in rows if row[0] >= since][:limit]


@pytest.fixture
def endpoint(futures_exchange, monkeypatch):
    endpoint = MarkEndpoint()
    monkeypatch.setattr(futures_exchange._api_async, "fetch_ohlcv", endpoint.fetch_ohlcv)
    with time_machine.travel(NOW, tick=False) as clock:
        endpoint.clock = clock
        yield endpoint


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [BTC, XRP]),
        ({"max_correlation": 0.99}, PAIRS),
        ({"max_correlation": 0.99, "number_assets": 2}, [BTC, XRP]),
        ({"number_assets": 1}, [BTC]),
        ({"max_correlation": 0}, [BTC]),
    ],
)
def test_live_the_pair_that_moves_like_the_first_goes(
    config, futures_exchange, endpoint, trade_database, caplog, parameters, expected
):
    caplog.set_level("INFO")
    assert whitelist(manager(config, futures_exchange, **parameters)) == expected
    assert sorted(endpoint.asked) == PAIRS
    if expected == [BTC, XRP] and not parameters:
        assert "because its correlation to BTC/USDT:USDT is 0.9" in caplog.text


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        # ETH is held: BTC, which moves like it, goes.
        ([ETH], [ETH, XRP]),
        ([ETH, BTC], PAIRS),
        ([XRP], [BTC, XRP]),
        # A pair that an earlier pairlist dropped counts all the same, and is not brought back.
        (["LTC/USDT:USDT"], [XRP]),
    ],
)
def test_held_pairs_stay_and_count(
    config, futures_exchange, endpoint, trade_database, held, expected
):
    endpoint.closes["LTC/USDT:USDT"] = endpoint.closes[BTC]
    for pair in held:
        factories.trade(pair)
    assert whitelist(manager(config, futures_exchange)) == expected


def test_held_pairs_stay_when_nothing_is_known(config, futures_exchange, endpoint, trade_database):
    endpoint.error = ccxt.NetworkError("cable cut")
    factories.trade(ETH)
    assert whitelist(manager(config, futures_exchange)) == [ETH]


def test_candles_are_fetched_once_a_refresh_period(
    config, futures_exchange, endpoint, trade_database
):
    pairlists = manager(config, futures_exchange)
    asked = []
    for minutes in (0, 1, 59, 60, 61):
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        endpoint.asked.clear()
        assert whitelist(pairlists) == [BTC, XRP]
        asked.append(len(endpoint.asked))
    assert asked == [3, 0, 0, 3, 0]


def test_without_an_exchange_the_last_list_counts_until_hours_are_missing(
    config, futures_exchange, endpoint, trade_database, caplog
):
    pairlists = manager(config, futures_exchange)
    assert whitelist(pairlists) == [BTC, XRP]
    endpoint.error = ccxt.NetworkError("cable cut")
    # A quarter of the 100 hours may be missing; the newest candle closed at 9:00.
    for hours, expected in [(1, [BTC, XRP]), (25, [BTC, XRP]), (26, [])]:
        endpoint.clock.move_to(NOW + timedelta(hours=hours))
        assert whitelist(pairlists) == expected
    assert caplog.text.count("the correlation of XRP/USDT:USDT is unknown. It is removed") == 1
    endpoint.error = None
    endpoint.clock.shift(timedelta(minutes=1))
    assert whitelist(pairlists) == [BTC, XRP]


def test_a_new_pair_is_unknown(config, futures_exchange, endpoint, trade_database):
    """Less than 75 hours of it: it is left out, and judges nobody."""
    endpoint.closes[XRP][:-300] = np.nan
    rows = len(pd.date_range(endpoint.since, NOW, freq="1h"))
    endpoint.closes[XRP][: rows - 60] = np.nan
    assert whitelist(manager(config, futures_exchange, max_correlation=1)) == [BTC, ETH]


@pytest.mark.parametrize(
    ("young", "late", "expected"),
    [
        (10, 10, PAIRS),
        (10, 20, [BTC, XRP]),  # ETH costs more of the hours that all have
        (20, 10, [BTC, ETH]),
    ],
)
def test_a_young_pair_and_a_late_one_cost_the_worse_of_them(
    config, futures_exchange, endpoint, trade_database, caplog, young, late, expected
):
    """XRP lacks the first hours of the hundred, ETH the last."""
    caplog.set_level("INFO")
    rows = len(pd.date_range(endpoint.since, NOW, freq="1h"))
    endpoint.closes[XRP][: rows - 100 + young] = np.nan
    endpoint.closes[ETH] = endpoint.closes[ETH][: rows - late]
    assert whitelist(manager(config, futures_exchange, max_correlation=1)) == expected
    for pair in {*PAIRS} - {*expected}:
        assert f"the correlation of {pair} is unknown. It is removed" in caplog.text


# --- backtests

TURN = 24 * 45


def write(config, prices):
    rows = len(prices[BTC])
    for pair, close in prices.items():
        frame = factories.candles(rows).assign(**dict.fromkeys(("open", "high", "low"), close))
        frame["close"] = close
        factories.write_candles(config["datadir"], pair, frame)
        factories.write_candles(config["datadir"], pair, frame, "mark")
        rates = factories.funding([0.0001] * (rows // 8))
        factories.write_candles(config["datadir"], pair, rates, "funding_rate")


def whitelists(config, **parameters):
    handler = {"method": "CorrelationFilter", **parameters}
    return running.whitelists(config, {"method": "StaticPairList"}, handler)


def test_a_backtest_decides_by_the_hours_that_had_closed(backtest_config):
    prices = closes(24 * DAYS, np.arange(24 * DAYS) >= TURN)
    write(backtest_config, prices)
    seen = whitelists(backtest_config)
    returns = np.log(pd.DataFrame(prices)).diff()
    returns.index = pd.date_range(factories.START, periods=len(returns), freq="1h") + HOUR
    rule = LeastCorrelated()
    for time, pairs in seen.items():
        known = pooled_correlation(returns[:time], rule.window_hours)
        assert pairs == rule.choose(PAIRS, [], known)
    assert {tuple(pairs) for pairs in seen.values()} == {(BTC,), (BTC, XRP)}


def test_prices_of_the_future_change_no_past_whitelist(backtest_config):
    late = np.arange(24 * DAYS) >= TURN
    write(backtest_config, closes(24 * DAYS, np.zeros_like(late)))
    before = whitelists(backtest_config, window_hours=24)
    write(backtest_config, closes(24 * DAYS, late))
    after = whitelists(backtest_config, window_hours=24)
    # The first candle that is different closes an hour after it opened.
    known = pd.Timestamp(factories.START) + (TURN + 1) * HOUR
    assert decisions(before, known) == decisions(after, known)
    assert decisions(before, known + 30 * HOUR) != decisions(after, known + 30 * HOUR)


def test_a_longer_refresh_period_keeps_the_correlation_for_as_long(backtest_config):
    write(backtest_config, closes(24 * DAYS, np.arange(24 * DAYS) // 72 % 2 == 0))
    seen = whitelists(backtest_config, refresh_period=86400, window_hours=24)
    by_day: dict = {}
    for time, pairs in seen.items():
        by_day.setdefault(time.date(), set()).add(tuple(pairs))
    assert {len(lists) for lists in by_day.values()} == {1}
    assert len({pairs for lists in by_day.values() for pairs in lists}) > 1


def test_a_backtest_keeps_the_pairs_it_holds(backtest_config):
    """Holder buys BTC and keeps it. ETH, which moves like it, is never bought beside it."""
    write(backtest_config, closes(24 * DAYS, np.zeros(24 * DAYS, dtype=bool)))
    config = backtest_config | {"strategy": "Holder", "max_open_trades": 3}
    seen = running.whitelists(config, {"method": "StaticPairList"}, {"method": "CorrelationFilter"})
    assert {tuple(pairs) for pairs in seen.values()} == {(BTC, XRP)}
    assert {trade.pair for trade in Trade.bt_trades_open} == {BTC, XRP}
