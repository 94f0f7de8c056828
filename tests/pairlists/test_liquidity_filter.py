"""LiquidityFilter: the books decide, each is asked for once a refresh period."""

import asyncio
from datetime import UTC, datetime, timedelta

import ccxt
import pytest
import time_machine
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError

from tests.pairlists import running
from tests.pairlists.running import BTC, ETH, PAIRS, XRP, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)


def manager(config, exchange, **parameters):
    return running.manager(config, exchange, {"method": "LiquidityFilter", **parameters})


def book(price=100.0, spread_bps=2.0, value=100_000.0, levels=10, step_bps=5.0):
    """Levels of equal value on both sides."""

    def side(sign):
        prices = [price * (1 + sign * (spread_bps / 2 + step_bps * n) / 1e4) for n in range(levels)]
        return [[p, value / p] for p in prices]

    return {"bids": side(-1), "asks": side(1), "timestamp": None}


class BookEndpoint:
    """Stands in for GET /fapi/v1/depth."""

    def __init__(self):
        self.books = {pair: book() for pair in PAIRS}
        self.asked: list[tuple[str, int]] = []
        self.failing: dict[str, Exception] = {}
        self.silent: set[str] = set()

    async def fetch_order_book(self, pair, limit=None):
        self.asked.append((pair, limit))
        if pair in self.silent:
            await asyncio.get_running_loop().create_future()
        if pair in self.failing:
            raise self.failing[pair]
        return self.books[pair]


@pytest.fixture
def endpoint(futures_exchange, monkeypatch):
    endpoint = BookEndpoint()
    api = futures_exchange._api_async
    monkeypatch.setattr(api, "fetch_order_book", endpoint.fetch_order_book)
    with time_machine.travel(NOW, tick=False) as clock:
        endpoint.clock = clock
        yield endpoint


@pytest.mark.parametrize(
    ("eth", "parameters", "kept", "reason"),
    [
        ({}, {}, True, ""),
        ({"spread_bps": 12}, {}, False, "the spread is 12.0 bps, above 10"),
        ({"spread_bps": 12}, {"max_spread_bps": 15}, True, ""),
        ({"value": 4000}, {}, False, "39,906 are offered within 0.50%, below 50,000"),
        ({"value": 4000}, {"min_depth": 30_000}, True, ""),
        ({"value": 4000}, {"min_depth": 30_000, "depth_within": 0.002}, False, "offered within"),
        ({"value": 6000}, {"notional": 20_000}, True, ""),
        ({"value": 6000}, {"notional": 20_000, "max_slippage_bps": 6}, False, "would cost 7.0 bps"),
        ({"value": 6000}, {"notional": 80_000}, False, "the book holds less than an order of 80,0"),
        # The least quantity is 0.001, worth 100; Freqtrade reserves 5%.
        ({"price": 1e5}, {"stake": 104}, False, "its least order needs a stake of 105.00, above"),
        ({"price": 1e5}, {"stake": 106}, True, ""),
        ({"price": 1e5}, {"stake": 36, "leverage": 3}, True, ""),
        # stake_amount of the config is 100.
        ({"price": 1e5}, {}, False, "above 100"),
    ],
)
def test_the_book_decides(
    config, futures_exchange, endpoint, caplog, eth, parameters, kept, reason
):
    caplog.set_level("INFO")
    endpoint.books[ETH] = book(**eth)
    pairs = whitelist(manager(config, futures_exchange, **parameters))
    assert pairs == (PAIRS if kept else [BTC, XRP])
    removed = f"Removed {ETH} from whitelist, because "
    assert (removed in caplog.text) is not kept
    assert reason in caplog.text


def test_without_a_number_in_the_config_no_stake_is_checked(config, futures_exchange, endpoint):
    endpoint.books[ETH] = book(price=1e5)
    unlimited = config | {"stake_amount": "unlimited"}
    assert whitelist(manager(unlimited, futures_exchange)) == PAIRS


def test_a_stake_amount_out_of_range_is_one_line(config, futures_exchange, endpoint):
    with pytest.raises(ConfigurationError, match=r'^LiquidityFilter: "stake_amount" as stake must'):
        manager(config | {"stake_amount": 0.0001}, futures_exchange)


def test_one_book_a_pair_and_refresh_period(config, futures_exchange, endpoint):
    pairlists = manager(config, futures_exchange, refresh_period=600, levels=50)
    asked = []
    for minutes in (0, 1, 9, 11, 20, 22):
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        endpoint.asked.clear()
        assert whitelist(pairlists) == PAIRS
        asked.append(sorted(endpoint.asked))
    every = [(pair, 50) for pair in PAIRS]
    assert asked == [every, [], [], every, [], every]


@pytest.mark.parametrize(
    "bad",
    [
        {"bids": [], "asks": [], "timestamp": None},
        {"bids": [[101, 1]], "asks": [[100, 1]]},
        ccxt.ExchangeError("no"),
    ],
)
def test_a_book_that_cannot_be_had_leaves_the_pair_out(
    config, futures_exchange, endpoint, caplog, bad
):
    if isinstance(bad, Exception):
        endpoint.failing[ETH] = bad
    else:
        endpoint.books[ETH] = bad
    pairlists = manager(config, futures_exchange)
    assert whitelist(pairlists) == [BTC, XRP]
    assert whitelist(pairlists) == [BTC, XRP]
    assert len(endpoint.asked) == 3
    assert caplog.text.count("the order book of ETH/USDT:USDT is unknown. It is removed") == 1
    endpoint.failing, endpoint.books[ETH] = {}, book()
    endpoint.clock.shift(timedelta(minutes=1))
    assert whitelist(pairlists) == PAIRS


def test_the_last_book_stands_for_two_periods(config, futures_exchange, endpoint):
    pairlists = manager(config, futures_exchange, refresh_period=600)
    assert whitelist(pairlists) == PAIRS
    endpoint.failing = dict.fromkeys(PAIRS, ccxt.NetworkError("cable cut"))
    for minutes, expected in [(11, PAIRS), (20, PAIRS), (21, [])]:
        endpoint.clock.move_to(NOW + timedelta(minutes=minutes))
        assert whitelist(pairlists) == expected


def test_a_silent_exchange_delays_the_loop_no_longer_than_the_patience(
    config, futures_exchange, endpoint
):
    pairlists = manager(config, futures_exchange)
    books = pairlists._pairlist_handlers[1]._books
    assert books._patience == 5  # a running bot's
    books._patience = 0.05
    endpoint.silent = {ETH}
    assert whitelist(pairlists) == [BTC, XRP]


def test_a_backtest_keeps_all_pairs_even_a_dynamic_one(config, futures_exchange, endpoint):
    dynamic = config | {"runmode": RunMode.BACKTEST, "enable_dynamic_pairlist": True}
    assert whitelist(manager(dynamic, futures_exchange, max_spread_bps=0)) == PAIRS
    assert endpoint.asked == []
