"""What is known of each exchange, and what of one that is not listed."""

from __future__ import annotations

import ccxt
import pytest
from freqtrade.exchange.common import SUPPORTED_EXCHANGES

from perpkit.market.exchanges import BINANCE_ONLY, EXCHANGES, TierMargin, facts_of, named


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
