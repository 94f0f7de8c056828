"""Sizes stay within the largest market order, in every mode."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace

import pytest
from freqtrade.persistence import LocalTrade

from perpkit.bot.loading import attaching
from perpkit.bot.positions.market_lot import keep_stakes_within_lot, market_lot, whole_steps
from tests.bot import stack

pytestmark = pytest.mark.usefixtures("trades_in_memory")

BTC = "BTC/USDT:USDT"


def exchange_with(limits, most: float = 1e6, contract_size: float = 1.0, name="binance", **info):
    return SimpleNamespace(
        id=name,
        markets={BTC: {"limits": limits, "info": info}},
        get_max_pair_stake_amount=lambda _, __, leverage: most / leverage,
        _contracts_to_amount=lambda _, contracts: contracts * contract_size,
    )


@pytest.mark.parametrize(
    ("limits", "contract_size", "lot"),
    [
        ({"market": {"min": 0.001, "max": 120.0}}, 1.0, 120.0),
        ({"market": {"max": 120.0}}, 0.01, 1.2),
        ({"market": {"max": None}}, 1.0, inf),
        ({"market": {"max": 0}}, 1.0, inf),
        ({"market": None}, 1.0, inf),
        ({}, 1.0, inf),
    ],
)
def test_the_lot_is_the_markets(limits, contract_size, lot):
    assert market_lot(exchange_with(limits, contract_size=contract_size), BTC) == lot


# As ccxt keeps the exchange's own fields: it has no market lots of these.
@pytest.mark.parametrize(
    ("name", "info", "contract_size", "lot"),
    [
        ("bybit", {"lotSizeFilter": {"maxMktOrderQty": "119.0", "maxOrderQty": "1190"}}, 1.0, 119),
        ("bybit_demo", {"lotSizeFilter": {"maxMktOrderQty": "119.000"}}, 1.0, 119),
        ("bybit", {"lotSizeFilter": {"maxMktOrderQty": ""}}, 1.0, inf),
        ("bybit", {}, 1.0, inf),
        ("okx", {"maxMktSz": "12000", "maxStopSz": "10000"}, 0.01, 100),
        ("okx", {"maxMktSz": "3000", "maxStopSz": "10000"}, 0.01, 30),
        ("okx", {"maxMktSz": "3000", "maxStopSz": ""}, 10.0, 30_000),
        ("kraken", {"maxMktSz": "3000"}, 1.0, inf),
    ],
)
def test_the_lot_of_other_exchanges_is_their_own_field(name, info, contract_size, lot):
    exchange = exchange_with({"market": {}}, contract_size=contract_size, name=name, **info)
    assert market_lot(exchange, BTC) == pytest.approx(lot)


@pytest.mark.parametrize(
    ("most", "leverage", "stake"), [(1e6, 1.0, 6000.0), (1e6, 3.0, 2000.0), (3000.0, 3.0, 1000.0)]
)
def test_the_largest_stake_is_within_the_lot(most, leverage, stake):
    exchange = exchange_with({"market": {"max": 120.0}}, most)
    for _ in range(2):  # a second strategy of the same run
        keep_stakes_within_lot(exchange)
    assert exchange.get_max_pair_stake_amount(BTC, 50.0, leverage) == pytest.approx(stake)
    assert exchange.get_max_pair_stake_amount._max_stake(BTC, 50.0, leverage) == most / leverage


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("held", "waiting", "price", "added"),
    [
        (60.0, 0.0, 50.0, 60.0),
        # What is held was bought at 50, and is as much of the lot at any price.
        (120.0, 0.0, 100.0, 0.0),
        (60.0, 0.0, 100.0, 60.0),
        (100.0, 0.0, 20.0, 20.0),
        (100.0, 15.0, 20.0, 5.0),
        (150.0, 0.0, 50.0, 0.0),  # the lot has become smaller
    ],
)
def test_an_addition_keeps_the_position_within_the_lot(held, waiting, price, added, is_short):
    exchange = exchange_with({"market": {"max": 120.0}})
    keep_stakes_within_lot(exchange)
    trade = stack.simulated(amount=held, rate=50.0, leverage=3.0, is_short=is_short)
    if waiting:
        order = stack.order(trade, trade.entry_side, waiting, price, stack.NOW, filled=False)
        trade.orders.append(order)
    other = stack.simulated(stack.ETH, amount=30.0, rate=50.0, number=2)
    for each in (trade, other):
        LocalTrade.add_bt_trade(each)
    # As Wallets.validate_stake_amount.
    allowed = exchange.get_max_pair_stake_amount(BTC, price, 3.0) - trade.stake_amount
    assert allowed * 3.0 / price == pytest.approx(added)


@pytest.mark.parametrize(
    ("amount", "whole"),
    [(0.017 - 0.005 - 0.005 - 0.005, 0.002), (0.0005, 0.0), (0.0175, 0.017), (0.0, 0.0)],
)
def test_only_whole_steps_can_be_ordered(amount, whole):
    assert whole_steps(amount, SimpleNamespace(amount_precision=0.001, contract_size=1.0)) == whole


@pytest.mark.parametrize(
    ("amount", "precision", "size", "whole"),
    [
        (0.03297, 0.01, 0.01, 0.0329),
        (19_765.0, 0.01, 1000.0, 19_760.0),
        (0.03297, None, 0.01, 0.03297),
    ],
)
def test_a_step_of_contracts_is_one_of_base_currency(amount, precision, size, whole):
    trade = SimpleNamespace(amount_precision=precision, contract_size=size)
    assert whole_steps(amount, trade) == pytest.approx(whole, abs=1e-9)


def test_the_limit_ends_with_the_strategy_that_needs_it():
    exchange = exchange_with({"market": {"max": 120.0}}, 1e6)
    keep_stakes_within_lot(exchange)
    attaching._end_what_was_of_another(SimpleNamespace(dp=SimpleNamespace(_exchange=exchange)))
    assert exchange.get_max_pair_stake_amount(BTC, 50.0, 1.0) == 1e6
