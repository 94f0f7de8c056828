"""Which configurations and accounts fit together in credits mode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.credits import (
    contradiction,
    declares_multi_assets,
    ignored,
    proxy_coin,
    wallet_coin,
)

ISOLATED, CROSS = {"margin_mode": "isolated"}, {"margin_mode": "cross"}
BNFCR, BFUSD, USDT = ({"proxy_coin": coin} for coin in ("BNFCR", "BFUSD", "USDT"))
EUROPEAN, ORDINARY = {"BNFCR": 0.0, "USDC": 5.0}, {"USDT": 5.0, "BNFCR": 0.0}


def of(*parts: dict) -> dict:
    config = {"stake_currency": "USDT"}
    for part in parts:
        config |= part
    return config


@pytest.mark.parametrize(
    ("config", "multi_assets", "held", "words"),
    [
        (of(ISOLATED), False, None, None),
        (of(CROSS), False, None, None),
        (of(CROSS, BNFCR), True, None, None),
        (of(CROSS, BNFCR), True, EUROPEAN, None),
        (of(CROSS, BFUSD), True, {"BFUSD": 5.0}, None),
        (of(CROSS, BFUSD), True, ORDINARY, None),  # none of them is not credits mode
        (of(CROSS, USDT), True, ORDINARY, None),
        (of(CROSS, USDT), False, ORDINARY, None),
        (of(ISOLATED, USDT), False, ORDINARY, None),
        (of(ISOLATED), True, None, "Freqtrade does not start with isolated margin"),
        (of(ISOLATED, BNFCR), True, None, "Freqtrade does not start with isolated margin"),
        (of(ISOLATED, BNFCR), False, None, 'ignores with "margin_mode": "isolated"'),
        (of(BNFCR), False, None, 'ignores with "margin_mode": ""'),
        (of(CROSS), True, None, "in multi-assets mode"),
        (of(CROSS), True, None, '"proxy_coin": "BNFCR" in credits mode, "USDT" otherwise'),
        (of(CROSS, BNFCR), False, None, "in single-asset mode, while"),
        (of(CROSS, BFUSD), False, None, "in single-asset mode, while"),
        (of(CROSS, BNFCR), True, {"USDT": 5.0}, "shows no BNFCR"),
        (of(CROSS, USDT), True, {"BNFCR": -3.0}, "counts USDT as the wallet"),
        (of(CROSS, BFUSD), True, {"BNFCR": 3.0}, "counts BFUSD as the wallet"),
    ],
)
def test_what_contradicts_what(config, multi_assets, held, words):
    found = contradiction(config, multi_assets, held)
    if words is None:
        assert found is None
    else:
        assert words in str(found)
        assert found.fix
        assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("config", "proxy", "wallet", "multi_assets"),
    [
        (of(CROSS, BNFCR), "BNFCR", "BNFCR", True),
        (of(ISOLATED, BNFCR), None, "USDT", False),
        (of(CROSS, USDT), None, "USDT", True),
        (of(CROSS), None, "USDT", False),
        (of({"stake_currency": "USDC"}, CROSS, BFUSD), "BFUSD", "BFUSD", True),
    ],
)
def test_the_coin_that_is_the_wallet(config, proxy, wallet, multi_assets):
    assert (proxy_coin(config), wallet_coin(config)) == (proxy, wallet)
    assert declares_multi_assets(config) is multi_assets


@given(
    margin=st.sampled_from(["isolated", "cross", ""]),
    coin=st.sampled_from([None, "BNFCR", "BFUSD", "USDT", "USDC"]),
    multi_assets=st.booleans(),
    held=st.none() | st.dictionaries(st.sampled_from(["BNFCR", "USDT"]), st.floats(-9, 9)),
)
def test_a_coin_that_counts_has_multi_assets_behind_it(margin, coin, multi_assets, held):
    config = of({"margin_mode": margin}, {} if coin is None else {"proxy_coin": coin})
    if contradiction(config, multi_assets, held) is None:
        assert ignored(config) is None
        assert multi_assets or proxy_coin(config) is None
        assert not multi_assets or (margin == "cross" and coin is not None)
