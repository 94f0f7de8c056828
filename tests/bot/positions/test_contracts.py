"""The exchange's limits of a contract, in the form that the risk stack uses."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perpkit.bot.positions.contracts import Contracts
from tests.bot import stack
from tests.bot.stack import BTC
from tests.cases import cases
from tests.risk.markets import BUNDLE, bundled_tiers


def test_the_tiers_are_those_freqtrade_has_loaded(futures_exchange):
    contracts = Contracts(futures_exchange)
    for pair in (BTC, "ADA/USDT:USDT"):
        assert contracts.tiers(pair, 100.0) == bundled_tiers(pair)
    assert contracts.tiers(BTC, 100.0) is contracts.tiers(BTC, 100.0)
    assert contracts.tiers("NEW/USDT:USDT", 100.0) is None


def test_every_contract_freqtrade_ships_tiers_of_can_be_read():
    contracts = stack.contracts(dict.fromkeys(BUNDLE, 1.0))
    for pair, rows in BUNDLE.items():
        assert len(contracts.tiers(pair, 100.0).rows) == len(rows)


def test_tiers_without_amounts_and_without_end():
    row = {
        "minNotional": None,
        "maxNotional": None,
        "maintenanceMarginRate": 0.01,
        "maxLeverage": 20.0,
        "maintAmt": None,
    }
    exchange = stack.exchange({BTC: 0.001})
    exchange._leverage_tiers[BTC] = [row]
    tiers = Contracts(exchange).tiers(BTC, 100.0)
    assert (tiers.rows[0].floor, tiers.rows[0].amount, tiers.cap) == (0, 0, inf)


@pytest.mark.parametrize(
    ("pair", "step"), [(BTC, 0.001), ("XRP/USDT:USDT", 0.1), ("ADA/USDT:USDT", 1.0)]
)
def test_the_step_of_amounts(futures_exchange, pair, step):
    assert Contracts(futures_exchange).amount_step(pair) == step


def test_without_a_step_amounts_are_fine():
    assert stack.contracts({BTC: None}).amount_step(BTC) == 1e-8


@settings(cases(250), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=st.floats(0.05, 100_000),
    leverage=st.floats(1, 125),
    reserve=st.sampled_from([-0.60, -0.1, -0.05, 0.0]),
    pair=st.sampled_from([BTC, "XRP/USDT:USDT", "ADA/USDT:USDT"]),
)
def test_freqtrade_never_asks_for_more(futures_exchange, price, leverage, reserve, pair):
    """In all of its calls: entries and adjustments, live and in backtests."""
    theirs = futures_exchange.get_min_pair_stake_amount(pair, price, reserve, leverage)
    ours = Contracts(futures_exchange).least_notional(pair, price)
    assert ours >= theirs * leverage * (1 - 1e-9)
