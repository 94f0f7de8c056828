"""Accounts in credits mode: everything is settled in credits, and coins count as collateral."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.engine import CREDITS, Depth
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import Desk, dec

USDC = "BTCUSDC"


def at(price: object, size: object = 100_000) -> Depth:
    level = ((dec(price), dec(size)),)
    return Depth(level, level)


def desk_of(wallets: dict[str, object]) -> Desk:
    desk = Desk(wallets, leverage=10)
    for symbol in ("BTCUSDT", USDC):
        desk.price(100, symbol=symbol, book=at(100))
        desk.engine.set_leverage(desk.user, symbol, 10)
    return desk


def code_of(call, *args, **kwargs) -> int:
    with pytest.raises(VenueError) as refused:
        call(*args, **kwargs)
    return refused.value.code


@pytest.mark.parametrize("symbol", ["BTCUSDT", USDC])
def test_all_that_a_contract_pays_is_in_credits(symbol):
    desk = desk_of({CREDITS: 1000, "USDT": 50, "USDC": 70})
    desk.order("BUY", 10, symbol=symbol)
    desk.engine.on_funding(symbol, dec("0.001"), dec(100), desk.now)
    desk.price(110, symbol=symbol, book=at(110))
    desk.order("SELL", 10, symbol=symbol, reduce_only=True)
    assert desk.user.wallets == {
        CREDITS: 1000 - dec("0.5") - 1 + 100 - dec("0.55"),
        "USDT": 50,
        "USDC": 70,
    }
    assert {income.asset for income in desk.user.incomes} == {CREDITS}
    assert {fill.asset for fill in desk.user.fills} == {CREDITS}
    assert desk.position(symbol).asset == CREDITS


def test_it_cannot_leave_multi_assets_mode_nor_have_isolated_margin():
    desk = desk_of({CREDITS: 0, "USDC": 1000})
    assert desk.user.multi_assets
    assert code_of(desk.engine.set_multi_assets, desk.user, multi_assets=False) == -4402
    assert code_of(desk.engine.set_multi_assets, desk.user, multi_assets=True) == -4171
    assert code_of(desk.engine.set_margin_type, desk.user, "BTCUSDT", isolated=True) == -4168
    assert desk.user.multi_assets


def test_coins_back_positions_at_their_worth():
    desk = desk_of({CREDITS: 0, "BTC": 2})
    desk.engine.on_collateral("BTC", dec(95))
    credits = desk.engine.balance(desk.user, CREDITS)
    assert (credits.wallet, credits.available, credits.shared.wallet) == (0, 190, 190)
    coins = desk.engine.balance(desk.user, "BTC")
    assert (coins.wallet, coins.available, coins.max_withdraw) == (2, 2, 2)
    assert code_of(desk.order, "BUY", 20) == -2019  # 200 of margin
    desk.order("BUY", 10)
    desk.engine.on_collateral("BTC", dec(50))  # 100 of collateral, less the commission of 0.50
    assert desk.engine.balance(desk.user, CREDITS).available == 0
    assert desk.engine.balance(desk.user, CREDITS).shared.shortfall == dec("0.5")


def test_a_debt_in_credits_is_paid_with_coins_at_their_worth():
    desk = desk_of({CREDITS: 0, "BTC": 2})
    desk.engine.on_collateral("BTC", dec(80))
    desk.order("BUY", 10)
    desk.price(90, book=at(90))
    desk.engine.on_collateral("BTC", dec("50.6"))
    desk.order("SELL", 10, reduce_only=True)
    owed = 100 + dec("0.5") + dec("0.45")
    paid = (owed / dec("50.6")).quantize(Decimal("1E-8"))
    assert desk.user.wallets == {CREDITS: 0, "BTC": 2 - paid}
    assert [i.asset for i in desk.user.incomes if i.kind == "AUTO_EXCHANGE"] == ["BTC", CREDITS]


def test_collateral_without_a_price_counts_nothing():
    desk = desk_of({CREDITS: 0, "BTC": 2})
    desk.engine.on_collateral("BTC", dec(0))
    assert desk.engine.balance(desk.user, CREDITS).available == 0
    assert desk.engine.balance(desk.user, "BTC").available == 0
    assert code_of(desk.order, "BUY", 1) == -2018
