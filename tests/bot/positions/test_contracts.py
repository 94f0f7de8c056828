"""The exchange's limits of a contract, in the form that the risk stack uses."""

from __future__ import annotations

from math import inf
from typing import Any

import ccxt
import pytest
from freqtrade.resolvers import ExchangeResolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.market_lot import market_lot
from tests.bench.other_exchanges import bybit, okx
from tests.bench.other_exchanges.desk import Desk
from tests.bot import stack
from tests.bot.stack import BTC
from tests.cases import cases
from tests.risk.markets import BUNDLE, bundled_tiers

DOGE = "DOGE/USDT:USDT"
RAW = {"bybit": bybit, "okx": okx}


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


# What ccxt makes of the documented answers, as Freqtrade keeps it.


def other_exchange(name: str) -> Any:
    """Freqtrade's, with markets and tiers parsed from the raw answers of Bybit or OKX."""
    raw, client = RAW[name], getattr(ccxt, name)()
    desk = Desk(dict(raw.CONTRACTS))
    if name == "bybit":
        asked = {"category": "linear"}
        client.publicGetV5MarketInstrumentsInfo = lambda *_: raw.answer(
            desk, "GET", "/v5/market/instruments-info", asked
        )[1]
        markets = client.fetch_future_markets(asked)
        rows = raw.answer(desk, "GET", "/v5/market/risk-limit", asked)[1]["result"]["list"]
    else:
        asked = {"instType": "SWAP"}
        listed = raw.answer(desk, "GET", "/api/v5/public/instruments", asked)[1]["data"]
        markets = [client.parse_market(row) for row in listed]
        asked = {"instFamily": "BTC-USDT"}
        rows = raw.answer(desk, "GET", "/api/v5/public/position-tiers", asked)[1]["data"]
    client.set_markets(markets)
    exchange = ExchangeResolver.load_exchange(
        {
            "exchange": {"name": name},
            "trading_mode": "futures",
            "margin_mode": "isolated",
            "stake_currency": "USDT",
            "dry_run": True,
            "runmode": "other",
            "candle_type_def": "futures",
        },
        validate=False,
    )
    exchange._api, exchange._markets = client, client.markets
    for pair in client.markets:
        own = [r for r in rows if r.get("symbol", pair.split("/")[0] + "USDT")[:3] == pair[:3]]
        tiers = client.parse_market_leverage_tiers(own, client.market(pair))
        exchange._leverage_tiers[pair] = [exchange.parse_leverage_tier(tier) for tier in tiers]
    return exchange


def test_the_tiers_of_bybit_join_as_it_deducts():
    tiers = Contracts(other_exchange("bybit")).tiers(BTC, 60_000.0)
    assert [row.floor for row in tiers.rows] == [0, 2_000_000, 10_000_000]
    # mmDeduction: 2,000,000 x (1% - 0.5%), and 10,000,000 x (2% - 1%) more.
    assert [row.amount for row in tiers.rows] == pytest.approx([0, 10_000, 110_000])
    assert tiers.cap == 20_000_000


@pytest.mark.parametrize(
    ("pair", "price", "unit"), [(BTC, 60_000.0, 600.0), (DOGE, 0.1, 100.0), (DOGE, 0.2, 200.0)]
)
def test_the_tiers_of_okx_are_bounded_by_contracts(pair, price, unit):
    """6501 contracts of 0.01 BTC are 3.9 million USDT, where ccxt and Freqtrade read 6501 USDT."""
    tiers = Contracts(other_exchange("okx")).tiers(pair, price)
    assert tiers.rows[1].floor == pytest.approx(6_501 * unit)
    assert tiers.cap == pytest.approx(2_275_000 * unit)
    # At least the whole value at the rate of its tier.
    for contracts, rate in ((100, 0.0065), (6_600, 0.01), (90_000, 0.03), (200_000, 0.3)):
        assert tiers.maintenance(contracts * unit) >= contracts * unit * rate
    assert tiers.maintenance(100 * unit) <= 100 * unit * 0.01 * 1.001


@pytest.mark.parametrize(
    ("name", "pair", "price", "step", "least"),
    [
        ("bybit", BTC, 60_000.0, 0.001, 60.0),
        ("bybit", DOGE, 0.1, 1.0, 5.0),
        ("okx", BTC, 60_000.0, 0.0001, 6.0),
        ("okx", DOGE, 0.1, 10.0, 1.0),
    ],
)
def test_steps_and_least_orders_are_in_base_currency(name, pair, price, step, least):
    exchange = other_exchange(name)
    contracts = Contracts(exchange)
    assert contracts.amount_step(pair) == pytest.approx(step)
    ours = contracts.least_notional(pair, price)
    assert ours >= least
    theirs = exchange.get_min_pair_stake_amount(pair, price, -0.6, 3.0) or 0.0
    assert ours >= theirs * 3.0 * (1 - 1e-9)
    largest = RAW[name].CONTRACTS[pair.split("/")[0]]
    assert market_lot(exchange, pair) == pytest.approx(largest.largest * largest.size)


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
