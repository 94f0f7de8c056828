"""OpenInterestPairList: live from the exchange, and generating the pairs of dynamic backtests."""

from datetime import UTC, datetime, timedelta

import ccxt
import numpy as np
import pandas as pd
import pytest
import time_machine
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError, OperationalException
from freqtrade.plugins.pairlistmanager import PairListManager

from perpkit.market import store
from tests import factories
from tests.pairlists import running
from tests.pairlists.running import BTC, DAYS, ETH, PAIRS, XRP, decisions, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)
HOUR = pd.Timedelta("1h")
GENERATOR = {"method": "OpenInterestPairList"}


def generator(config, exchange, **parameters):
    config = config | {"pairlists": [GENERATOR | parameters]}
    return PairListManager(exchange, config, DataProvider(config, exchange))


class InterestEndpoint:
    """Stands in for GET /futures/data/openInterestHist and the tickers; price 10 everywhere."""

    def __init__(self):
        # Amount a day ago and now, by rank of their value.
        self.amounts = {pair: (100.0 - n, 100.0 - n) for n, pair in enumerate(factories.PAIRS)}
        self.volumes = {pair: 1000.0 - n for n, pair in enumerate(factories.PAIRS)}
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}

    async def fetch_open_interest_history(self, pair, timeframe, since=None, limit=None):
        self.asked.append(pair)
        if pair in self.failing:
            raise self.failing[pair]
        now = pd.Timestamp(datetime.now(UTC)).floor("1h")
        dates = pd.date_range(end=now, periods=limit, freq=timeframe)
        before, after = self.amounts[pair]
        change = now - pd.Timedelta("1h 12h")
        return [
            {
                "timestamp": int(date.timestamp() * 1000),
                "openInterestAmount": before if date < change else after,
                "openInterestValue": 10 * (before if date < change else after),
            }
            for date in dates
        ]

    def get_tickers(self, *args, **kwargs):
        return {
            pair: {"symbol": pair, "quoteVolume": volume} for pair, volume in self.volumes.items()
        }


@pytest.fixture
def endpoint(futures_exchange, monkeypatch):
    endpoint = InterestEndpoint()
    api = futures_exchange._api_async
    monkeypatch.setattr(api, "fetch_open_interest_history", endpoint.fetch_open_interest_history)
    monkeypatch.setattr(futures_exchange, "get_tickers", endpoint.get_tickers)
    with time_machine.travel(NOW, tick=False) as clock:
        endpoint.clock = clock
        yield endpoint


@pytest.mark.parametrize(
    ("amounts", "parameters", "expected"),
    [
        ({}, {}, factories.PAIRS),
        ({}, {"number_assets": 2}, factories.PAIRS[:2]),
        # Equal values go by name.
        ({BTC: (50, 50), XRP: (50, 50)}, {"number_assets": 9, "max_value": 500}, [BTC, XRP]),
        ({XRP: (500, 500)}, {"number_assets": 1}, [XRP]),
        ({XRP: (500, 500)}, {"number_assets": 1, "max_value": 4000}, [BTC]),
        ({}, {"min_value": 990}, [BTC, ETH]),
        ({XRP: (100, 120), ETH: (100, 105)}, {"min_change": 0.1}, [XRP]),
        ({XRP: (100, 120), ETH: (100, 105)}, {"min_change": 0.04, "max_change": 0.1}, [ETH]),
        ({XRP: (100, 120)}, {"min_change": 0.1, "change_hours": 6}, []),
    ],
)
def test_live_the_greatest_come_first(
    config, futures_exchange, endpoint, amounts, parameters, expected
):
    endpoint.amounts |= amounts
    assert whitelist(generator(config, futures_exchange, **parameters)) == expected


def test_only_the_pairs_with_most_volume_are_asked_for(config, futures_exchange, endpoint):
    endpoint.volumes |= {BTC: 1.0, ETH: None}
    del endpoint.volumes[XRP]
    pairs = whitelist(generator(config, futures_exchange, max_candidates=4))
    assert set(pairs) == set(endpoint.asked) == set(factories.PAIRS[3:])


@pytest.mark.parametrize(("max_candidates", "expected"), [(7, factories.PAIRS), (6, [])])
def test_without_tickers_all_pairs_are_asked_for_or_none(
    config, futures_exchange, endpoint, max_candidates, expected
):
    endpoint.volumes = {}
    pairs = whitelist(generator(config, futures_exchange, max_candidates=max_candidates))
    assert pairs == expected


def test_blacklisted_pairs_are_not_asked_for(config, futures_exchange, endpoint):
    config["exchange"]["pair_blacklist"] = [ETH]
    assert ETH not in whitelist(generator(config, futures_exchange))
    assert ETH not in endpoint.asked


def test_requests_are_a_refresh_period_apart_and_failures_a_minute(
    config, futures_exchange, endpoint, caplog
):
    endpoint.failing = {ETH: ccxt.NetworkError("cable cut")}
    pairlists = generator(config, futures_exchange)
    for minutes in (0, 0.5, 1, 29):
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        assert ETH not in whitelist(pairlists)
    assert endpoint.asked.count(ETH) == 3
    assert endpoint.asked.count(BTC) == 1
    assert caplog.text.count("the open interest of ETH/USDT:USDT is unknown. It is removed") == 1


def test_further_down_it_ranks_the_pairs_it_is_given(config, futures_exchange, endpoint):
    endpoint.amounts |= {XRP: (500, 500)}
    pairs = whitelist(running.manager(config, futures_exchange, GENERATOR | {"number_assets": 2}))
    assert pairs == [XRP, BTC]
    assert sorted(endpoint.asked) == PAIRS


def test_between_candles_the_last_close_decides_as_in_a_backtest(
    config, futures_exchange, endpoint
):
    """By 11:30 what 4h candles saw at 8:00 would be stale, and the next they see is at 12:00."""
    endpoint.clock.move_to(datetime(2023, 3, 1, 11, 30, tzinfo=UTC))
    assert whitelist(generator(config | {"timeframe": "4h"}, futures_exchange)) == factories.PAIRS


# --- backtests


def write(config, values, **other):
    """Candles of every pair, and open interest of those with values, hourly."""
    funding = {pair: factories.funding([0.0001] * 3 * DAYS) for pair in PAIRS}
    factories.write_market(config["datadir"], funding, rows=24 * DAYS)
    for path in (config["datadir"] / "positioning").glob("*.feather"):
        path.unlink()
    for pair, value in values.items():
        dates = pd.date_range(factories.START, periods=len(value), freq="1h").as_unit("ms")
        frame = pd.DataFrame(
            {"date": dates, "open_interest": value / 2, "open_interest_value": value}
        )
        store.merge(config["datadir"], pair, "1h", frame)


def random_values():
    rng = np.random.default_rng(9)
    return {pair: np.exp(rng.normal(15, 0.5, 24 * DAYS)) for pair in PAIRS}


def whitelists(config, **parameters):
    return running.whitelists(config, GENERATOR | parameters)


def test_a_backtest_ranks_by_the_readings_known_at_each_candle(backtest_config):
    values = random_values()
    values[XRP] = values[XRP][: 24 * 45]
    write(backtest_config, values)
    seen = whitelists(backtest_config, number_assets=2, min_change=-0.5)
    for time, pairs in seen.items():
        newest = int((pd.Timestamp(time) - factories.START) / HOUR) - 1
        known = {pair: v for pair, v in values.items() if newest < len(v) + 2}
        at = {pair: v[min(newest, len(v) - 1)] for pair, v in known.items()}
        day = {pair: v[min(newest, len(v) - 1) - 24] for pair, v in known.items()}
        inside = [pair for pair in at if at[pair] / day[pair] - 1 >= -0.5]
        assert pairs == sorted(inside, key=at.__getitem__, reverse=True)[:2]
    assert len(seen) == (DAYS - 35) * 24 - 1
    assert len({tuple(pairs) for pairs in seen.values()}) > 6


def test_readings_of_the_future_change_no_past_whitelist(backtest_config):
    values = random_values()
    write(backtest_config, values)
    before = whitelists(backtest_config, number_assets=2, min_change=-0.5)
    turn = 24 * 45
    for value in values.values():
        value[turn:] = 1e12 / value[turn:]
    write(backtest_config, values)
    after = whitelists(backtest_config, number_assets=2, min_change=-0.5)
    known = pd.Timestamp(factories.START) + (turn + 1) * HOUR
    assert decisions(before, known) == decisions(after, known)
    assert decisions(before, known + HOUR) != decisions(after, known + HOUR)


def test_a_filter_after_it_narrows_its_choice(backtest_config):
    write(backtest_config, random_values())
    seen = running.whitelists(
        backtest_config, GENERATOR, {"method": "NewListingFilter", "min_days_listed": 3000}
    )
    assert {tuple(pairs) for pairs in seen.values()} == {()}


def test_a_static_backtest_has_every_pair_with_readings_and_says_so(backtest_config, caplog):
    values = random_values()
    del values[ETH]
    write(backtest_config, values)
    seen = whitelists(backtest_config | {"enable_dynamic_pairlist": False}, number_assets=1)
    assert {tuple(pairs) for pairs in seen.values()} == {(BTC, XRP)}
    assert "OpenInterestPairList lets all pairs through" in caplog.text


def test_without_readings_a_backtest_ends_with_one_line(backtest_config):
    write(backtest_config, {})
    with pytest.raises(OperationalException, match=r"no pair in .* has open interest beside"):
        whitelists(backtest_config)


@pytest.mark.contract
def test_freqtrade_s_own_open_interest_candles_will_do(backtest_config):
    if "open_interest" not in list(CandleType):
        pytest.skip("Freqtrade before 2026.9 has no such candles")
    write(backtest_config, {})
    values = random_values()
    for pair, value in values.items():
        frame = pd.DataFrame(
            {
                "date": pd.date_range(factories.START, periods=len(value), freq="1h"),
                "open_interest_amount": value / 2,
                "open_interest_value": value,
            }
        )
        factories.write_candles(backtest_config["datadir"], pair, frame, "open_interest")
    native = whitelists(backtest_config, number_assets=2)
    write(backtest_config, values)
    assert native == whitelists(backtest_config, number_assets=2)


def test_an_exchange_without_the_value_is_refused(config, futures_exchange):
    elsewhere = config | {"exchange": config["exchange"] | {"name": "bybit"}}
    with pytest.raises(ConfigurationError, match=r"must be binance.*got 'bybit'"):
        generator(elsewhere, futures_exchange)
