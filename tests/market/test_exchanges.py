"""What is known of each exchange, and what of one that is not listed."""

from __future__ import annotations

from datetime import timedelta

import ccxt
import pytest
from freqtrade.exchange.common import SUPPORTED_EXCHANGES

from perpkit.market.exchanges import (
    BINANCE_ONLY,
    EXCHANGES,
    TierMargin,
    facts_at,
    facts_of,
    known_as,
    named,
)


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_is_an_exchange_of_ccxt_that_freqtrade_supports(name):
    assert hasattr(ccxt, name)
    assert name in SUPPORTED_EXCHANGES


@pytest.mark.parametrize(
    ("name", "keeps"),
    [
        *((name, True) for name in ("binance", "Binance", "binanceusdm", "binanceus")),
        *((name, False) for name in ("bybit", "okx", "okx_demo", "kraken", "", None)),
    ],
)
def test_only_binance_has_what_guard_and_journal_need(name, keeps):
    assert facts_of(name).keeps_orders is keeps


def test_the_strictest_margin_is_assumed_of_unlisted_exchanges():
    assert facts_of("gate").tier_margin is TierMargin.OF_WHOLE
    assert facts_of("gate").end_ms({"info": {"deliveryDate": "1"}}) is None


@pytest.mark.parametrize(
    ("name", "info", "end"),
    [
        ("binance", {"deliveryDate": 4133404800000}, 4133404800000),
        ("binance", {}, None),
        ("bybit", {"deliveryTime": "0"}, None),
        ("bybit", {"deliveryTime": "1793000000000"}, 1793000000000),
        ("bybit_demo", {"deliveryTime": "1793000000000"}, 1793000000000),
        ("okx", {"expTime": ""}, None),
        ("okx", {"expTime": "1793000000000"}, 1793000000000),
        ("okx", {"expTime": "soon"}, None),
        ("okx", {"expTime": None}, None),
        ("okx", {"expTime": "nan"}, None),
    ],
)
def test_the_end_of_a_contract(name, info, end):
    assert facts_of(name).end_ms({"info": info}) == end


def test_the_parts_for_binance_only_are_named():
    assert named(BINANCE_ONLY).startswith("stop guard, journal of orders")
    assert " and count of requests" in named(BINANCE_ONLY)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("bybit", "bybit"),
        ("Bybit", "bybit"),
        ("bybit_demo", "bybit"),
        ("OKX", None),
        ("", None),
        (None, None),
    ],
)
def test_a_name_is_looked_for_as_it_is_meant(name, known):
    assert known_as(name, ("binance", "bybit")) == known


@pytest.mark.parametrize(
    ("name", "delay"),
    [("binance", 0), ("binanceusdm", 0), ("bybit", 1), ("okx", 1), ("okx_demo", 1), ("gate", 1)],
)
def test_ratios_are_dated_at_the_end_of_their_period(name, delay):
    """Where it is not known what their time means, too: a reading is never dated too early."""
    assert facts_of(name).ratio_date_delay(timedelta(hours=1)) == timedelta(hours=delay)


def test_an_exchange_without_its_client_still_has_its_facts():
    """So it is in the processes of hyperopt."""

    class Exchange:
        _api, _config = None, {"exchange": {"name": "binance"}}

        @property
        def id(self) -> str:
            return self._api.id

    assert facts_at(Exchange()) == facts_of("binance")
