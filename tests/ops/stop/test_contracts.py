"""Contracts as exchangeInfo has them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.ops.stop.contracts import floor_to, read_contracts
from tests.factories import symbol_info

BTC = symbol_info("BTC")


def test_grids_lots_and_names():
    dated = {**BTC, "symbol": "BTCUSDT_240628"}
    usdc = {**BTC, "symbol": "BTCUSDC", "quoteAsset": "USDC", "marginAsset": "USDC"}
    without = {"symbol": "NEWUSDT", "status": "PENDING_TRADING"}
    found = read_contracts({"symbols": [BTC, dated, usdc, without]})
    assert {symbol: each.pair for symbol, each in found.items()} == {
        "BTCUSDT": "BTC/USDT:USDT",
        "BTCUSDT_240628": "BTC/USDT:USDT-240628",
        "BTCUSDC": "BTC/USDC:USDC",
    }
    contract = found["BTCUSDT"]
    assert (contract.step, contract.tick) == (Decimal("0.001"), Decimal("0.10"))
    assert (contract.most, contract.most_at_market) == (Decimal("1e6"), Decimal("1e5"))
    assert contract.size == 1


def test_a_contract_of_ten_coins():
    contract = read_contracts({"symbols": [{**BTC, "contractSize": 10}]})["BTCUSDT"]
    assert contract.contracts(Decimal("0.5")) == Decimal("0.050")
    assert contract.base(Decimal("0.050")) == Decimal("0.5")


def test_prices_are_rounded_away_from_the_bound():
    contract = read_contracts({"symbols": [BTC]})["BTCUSDT"]
    assert contract.on_tick(59_999.93, "SELL") == Decimal("60000.0")
    assert contract.on_tick(60_000.07, "BUY") == Decimal("60000.0")


@pytest.mark.parametrize(
    ("amount", "step", "floored"),
    [("0.0109", "0.001", "0.010"), ("0.0099999999999", "0.001", "0.010"), ("0.0004", "0.001", "0")],
)
def test_amounts_are_cut_to_the_step_without_the_dust_of_floats(amount, step, floored):
    assert floor_to(Decimal(amount), Decimal(step)) == Decimal(floored)
