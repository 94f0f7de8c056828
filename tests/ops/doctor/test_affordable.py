"""What money trades: orders as the strategy would size them, cut to what the exchange takes."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.ops.doctor.affordable import ContractTerms, FixedStake, Sizing, needed, order, together
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.sizing import FREQTRADE_RESERVE, Basis, SizingRule
from perpkit.risk.stops import EntryStop, StopMethod

TIERS = MaintenanceTiers((MaintenanceTier(0.0, 0.01, 0.0, 50.0),), 1e7)
BITCOIN = ContractTerms(
    "BTC/USDT:USDT", 50_000.0, 0.001, 0.001, 50.0, 100.0, TIERS, 0.01, 500.0, 0.5
)
ETHER = ContractTerms("ETH/USDT:USDT", 2_000.0, 0.001, 0.001, 5.0, 1e4, TIERS, 0.01, 20.0, 0.5)
COIN = ContractTerms("ADA/USDT:USDT", 0.5, 1.0, 1.0, 5.0, 1e6, TIERS, 0.01, 0.005, 0.5)
SIZING = Sizing(
    LeverageLimit(), EntryStop(distance=0.05), SizingRule(), ExposureLimits(), 1.5, True, 3
)
UNLIMITED = FixedStake(None, 1.0, 3, 1.5)


def alike(first: str, second: str) -> float:
    return 1.0


def apart(first: str, second: str) -> float:
    return 1.0 if first == second else 0.0


@pytest.mark.parametrize(
    ("contract", "equity", "sizing", "notional", "words"),
    [
        # 1% of equity lost at a stop 5% away is a fifth of it.
        (COIN, 200.0, SIZING, 40.0, ""),
        (COIN, 200.0, replace(SIZING, rule=SizingRule(risk_per_trade=0.02)), 80.0, ""),
        (ETHER, 205.0, SIZING, 40.0, ""),  # 41, in steps of 2
        (BITCOIN, 200.0, SIZING, 0.0, r"wants 40\.00 in steps of 50\.00, least 75\.00"),
        (BITCOIN, 374.0, SIZING, 0.0, "wants 74.80 in steps"),
        (BITCOIN, 500.0, SIZING, 100.0, ""),
        (BITCOIN, 0.0, SIZING, 0.0, "no money"),
        (replace(BITCOIN, atr=nan), 5_000.0,
         replace(SIZING, stop=EntryStop(method=StopMethod.ATR)), 0.0, "true range"),
        (ETHER, 5_000.0, replace(SIZING, stop=EntryStop(method=StopMethod.ATR)), 2_000.0, ""),
        (ETHER, 1_000.0, replace(SIZING, rule=SizingRule(basis=Basis.VOLATILITY)), 240.0, ""),
        (replace(ETHER, vol_annual=nan), 1_000.0,
         replace(SIZING, rule=SizingRule(basis=Basis.VOLATILITY)), 0.0, "volatility"),
        # A fixed stake is margin, and the most.
        (ETHER, 1_000.0, replace(SIZING, fixed_stake=30.0), 90.0, "stake_amount allows 30.00"),
        (ETHER, 1_000.0, replace(SIZING, fixed_stake=300.0), 200.0, ""),
        (ETHER, 1_000.0, replace(SIZING, fixed_stake=2.0), 0.0, r"wants 6\.00 in steps"),
        # Freqtrade's own sizes: a third of the wallet each.
        (ETHER, 300.0, UNLIMITED, 100.0, ""),
        (BITCOIN, 300.0, UNLIMITED, 100.0, ""),
        (BITCOIN, 200.0, UNLIMITED, 50.0, "raised from 66.67 to"),
        (BITCOIN, 150.0, UNLIMITED, 0.0, "below the smallest of 75.00"),
        (COIN, 100.0, replace(UNLIMITED, stake=30.0), 30.0, ""),
        (COIN, 20.0, replace(UNLIMITED, stake=30.0), 0.0, "more than the 20.00 left"),
    ],
)  # fmt: skip
def test_the_order_that_a_pair_gets(contract, equity, sizing, notional, words):
    found = order(contract, equity, sizing, alike)
    assert found.notional == pytest.approx(notional)
    assert re.search(words, found.reason)
    assert bool(found.reason) == bool(words)


@given(
    contract=st.sampled_from((BITCOIN, ETHER, COIN)),
    equity=st.floats(1, 100_000),
    distance=st.floats(0.005, 0.3),
    risk=st.floats(0.001, 0.05),
)
def test_an_order_is_one_that_the_exchange_takes(contract, equity, distance, risk):
    sizing = replace(
        SIZING, stop=EntryStop(distance=distance), rule=SizingRule(risk_per_trade=risk)
    )
    found = order(contract, equity, sizing, alike)
    if not found.notional:
        assert found.reason
        return
    steps = found.notional / contract.price / contract.step
    assert steps == pytest.approx(round(steps))
    assert found.notional >= contract.least_cost * FREQTRADE_RESERVE * (1 - 1e-9)
    assert found.notional <= equity * risk / distance * (1 + 1e-9)
    assert -1e-9 <= found.cut < 1
    assert found.notional / found.leverage <= equity


@given(equity=st.floats(1, 374), contract=st.sampled_from((BITCOIN, ETHER, COIN)))
def test_with_what_is_needed_it_trades_and_with_less_it_does_not(equity, contract):
    if order(contract, equity, SIZING, alike).notional:
        return
    least = needed(contract, equity, SIZING, alike)
    assert order(contract, least, SIZING, alike).notional
    assert not order(contract, 0.97 * least, SIZING, alike).notional


def test_what_no_money_trades():
    assert needed(replace(BITCOIN, atr=nan), 100.0, _atr(), alike) is None


def _atr() -> Sizing:
    return replace(SIZING, stop=EntryStop(method=StopMethod.ATR))


@pytest.mark.parametrize(
    ("between", "slots", "sizes"),
    [
        # Two that move as one use up the risk of a cluster, 2%.
        (alike, 3, [1_000.0, 1_000.0, 0.0]),
        (apart, 3, [1_000.0, 1_000.0, 1_000.0]),
        (apart, 1, [1_000.0, 0.0, 0.0]),
        (apart, inf, [1_000.0, 1_000.0, 1_000.0]),
    ],
)
def test_beside_what_is_open(between, slots, sizes):
    sizing = replace(SIZING, slots=slots)
    found = together([COIN, ETHER, BITCOIN], 5_000.0, sizing, between)
    assert [made.notional for made in found] == pytest.approx(sizes)
    assert all(made.reason for made in found if not made.notional)


@pytest.mark.parametrize(
    ("contract", "least"),
    [(BITCOIN, 50.0), (replace(BITCOIN, price=53_000.0), 53.0), (ETHER, 6.0), (COIN, 5.0)],
)
def test_the_smallest_order_of_the_exchange(contract, least):
    assert contract.least == pytest.approx(least)
