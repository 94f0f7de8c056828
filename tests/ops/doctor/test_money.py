"""Incomes in other coins than the stake currency, where they have a price in it and where not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ccxt
import pytest

from perpkit.ops.doctor.incomes import Income
from perpkit.ops.doctor.money import check


class Client:
    """An exchange with one contract, and one commission in the coin of the test."""

    def __init__(self, symbol: str, asset: str) -> None:
        self.symbol, self.asset = symbol, asset

    def fapiPublicGetPremiumIndex(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        if sent["symbol"] != self.symbol:
            raise ccxt.BadSymbol('binance {"code":-1121,"msg":"Invalid symbol."}')
        return {"markPrice": "0.5"}

    def milliseconds(self) -> int:
        return 10**12


@pytest.mark.parametrize(
    ("symbol", "asset", "commission"),
    [
        ("BNBUSDC", "BNB", "-5.00"),
        ("USDCUSDT", "USDT", "-20.00"),  # a price of the stake currency in the coin
        ("BTCUSDC", "USDT", None),
        ("BTCUSDC", "USDC", "-10.00"),
    ],
)
def test_what_is_paid_in_another_coin(monkeypatch, symbol, asset, commission):
    client = Client(symbol, asset)
    paid = Income("BTCUSDC", "COMMISSION", -10.0, asset, 10**12 - 1000)
    monkeypatch.setattr("perpkit.ops.doctor.money.incomes", lambda *_: [paid])
    monkeypatch.setattr("perpkit.record.trade_books.trade_books", lambda *_: [])
    monkeypatch.setattr("perpkit.ops.doctor.money._last_look", lambda _: None)
    context = SimpleNamespace(
        bot=SimpleNamespace(dry_run=False), clock=0, client=client, public_client=client,
        database=None, config={"stake_currency": "USDC"},
    )  # fmt: skip
    found = [finding.words for finding in check(context)]
    if commission is None:
        assert found[0].startswith("Incomes in USDT are left out")
        assert len(found) == 2
    else:
        assert f"commission {commission}" in found[0]
