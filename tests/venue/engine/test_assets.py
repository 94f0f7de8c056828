"""Wallets of several assets: each contract trades in its own, and multi-assets mode shares them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import CREDITS, Depth
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec

USDC = "BTCUSDC"
BOTH = {"USDT": 1000, "USDC": 500}


def at(price: object, size: object = 100_000) -> Depth:
    level = ((dec(price), dec(size)),)
    return Depth(level, level)


def desk_of(wallets: dict[str, int], *, multi: bool = False) -> Desk:
    desk = Desk(wallets, leverage=10)
    if multi:
        desk.engine.set_multi_assets(desk.user, multi_assets=True)
    for symbol in ("BTCUSDT", USDC):
        desk.price(100, symbol=symbol, book=at(100))
        desk.engine.set_leverage(desk.user, symbol, 10)
    return desk


def moved(desk: Desk) -> dict[str, Decimal]:
    return {asset: desk.user.wallet_of(asset) - dec(BOTH[asset]) for asset in BOTH}


def test_everything_of_a_contract_is_paid_in_its_asset():
    desk = desk_of(BOTH)
    desk.order("BUY", 10, symbol=USDC)
    assert moved(desk) == {"USDT": 0, "USDC": dec("-0.5")}
    desk.engine.on_funding(USDC, dec("0.001"), dec(100), desk.now)
    desk.price(110, symbol=USDC, book=at(110))
    desk.order("SELL", 10, symbol=USDC, reduce_only=True)
    assert moved(desk) == {"USDT": 0, "USDC": dec("-0.5") - 1 + 100 - dec("0.55")}
    assert {income.asset for income in desk.user.incomes} == {"USDC"}
    assert {fill.asset for fill in desk.user.fills} == {"USDC"}
    assert desk.position(USDC).asset == "USDC"


def test_one_asset_does_not_back_the_other():
    desk = desk_of(BOTH)
    with pytest.raises(VenueError) as refused:
        desk.order("BUY", 60, symbol=USDC)  # 600 of margin, 500 there
    assert refused.value.code == -2019
    desk.order("BUY", 40, symbol=USDC)
    usdc = desk.engine.balance(desk.user, "USDC")
    assert (usdc.wallet, usdc.position_initial_margin) == (498, 400)
    assert usdc.available == 98
    assert desk.engine.balance(desk.user).available == 1000


def test_without_a_wallet_of_the_asset_nothing_is_bought():
    desk = desk_of({"USDT": 1000})
    with pytest.raises(VenueError) as refused:
        desk.order("BUY", 1, symbol=USDC)
    assert refused.value.code == -2018


def test_the_assets_of_an_account():
    desk = Desk({"USDC": 500})
    assert desk.engine.assets(desk.user) == ["USDT", "USDC"]
    other = desk.another("other", {"USDT": 1})
    assert desk.engine.assets(other) == ["USDT"]
    desk.engine.set_leverage(other, USDC, 5)
    assert desk.engine.assets(other) == ["USDT", "USDC"]


def test_a_liquidation_in_one_asset_leaves_the_other():
    desk = desk_of(BOTH)
    desk.order("BUY", 10)
    desk.order("BUY", 40, symbol=USDC)
    desk.price(60, symbol=USDC, book=at(60))
    assert desk.position(USDC).amount == 0
    assert desk.user.wallets == {"USDT": dec("999.5"), "USDC": 0}
    assert desk.amount == 10


class TestMultiAssets:
    def test_all_wallets_back_all_positions(self):
        desk = desk_of(BOTH, multi=True)
        desk.order("BUY", 100, symbol=USDC)
        usdc, usdt = (desk.engine.balance(desk.user, asset) for asset in ("USDC", "USDT"))
        assert (usdc.wallet, usdt.wallet) == (495, 1000)
        assert usdc.available == usdt.available == 1495 - 1000
        assert usdc.max_withdraw == 495
        assert (usdc.max_withdraw, usdt.max_withdraw) == (495, 495)
        # 100 x (100 - p) + 0.4% of value eat 1495
        price = desk.position(USDC).liquidation_price
        assert float(price) == pytest.approx((10_000 - 1495) / 99.6)
        desk.price(100, mark=price + dec("0.01"), symbol=USDC, book=at(100))
        assert desk.position(USDC).amount == 100
        desk.price(100, mark=price - dec("0.01"), symbol=USDC, book=at(86))
        assert desk.position(USDC).amount == 0

    @pytest.mark.parametrize(
        ("usdt", "paid", "by_the_fund"),
        [
            ("1000", "0", []),
            ("210.71", "0", []),  # 99.497% of it is owed
            ("210.70", "209.65", []),  # 99.502%
            ("209", "209", [dec("0.65")]),
        ],
    )
    def test_a_flat_account_pays_a_debt_of_about_all_that_it_has(self, usdt, paid, by_the_fund):
        desk = desk_of(BOTH, multi=True)
        desk.order("BUY", 100, symbol=USDC)
        desk.price(93, symbol=USDC, book=at(93))
        desk.user.wallets["USDT"] = dec(usdt)
        desk.order("SELL", 100, symbol=USDC, reduce_only=True)
        usdt, paid = dec(usdt), dec(paid)
        # 500 - 5 - 700 - 4.65 = -209.65
        owed = dec("209.65") - paid - sum(by_the_fund)
        assert desk.user.wallets == {"USDT": usdt - paid, "USDC": -owed}
        exchanged = [(i.asset, i.amount) for i in desk.user.incomes if i.kind == "AUTO_EXCHANGE"]
        assert exchanged == ([("USDT", -paid), ("USDC", paid)] if paid else [])
        assert desk.incomes("INSURANCE_CLEAR") == by_the_fund

    @pytest.mark.parametrize(
        ("wallets", "asset", "sold", "owed"),
        [
            ({"USDT": 30_000, "USDC": 500}, "USDC", 201, "9971.824"),
            ({"USDT": 30_000, "USDC": 500}, "USDC", 202, 0),  # 10,023.848
            ({CREDITS: 0, "USDC": 30_500}, CREDITS, 95, "4957.28"),
            ({CREDITS: 0, "USDC": 30_500}, CREDITS, 96, 0),  # 5,009.304
        ],
    )
    def test_beyond_its_limit_a_debt_is_paid_while_a_position_is_open(
        self, wallets, asset, sold, owed
    ):
        desk = desk_of(wallets, multi=CREDITS not in wallets)
        desk.order("BUY", 300, symbol=USDC)
        desk.price(48, symbol=USDC, book=at(48))
        desk.order("SELL", sold, symbol=USDC, reduce_only=True)
        assert desk.position(USDC).amount == 300 - sold
        assert desk.user.wallets[asset] == -dec(owed)
        assert bool(desk.incomes("AUTO_EXCHANGE")) is not bool(owed)

    def test_a_liquidation_pays_a_debt_while_another_position_is_open(self):
        desk = desk_of(BOTH, multi=True)
        desk.order("BUY", 10)
        desk.order("BUY", 100, symbol=USDC)
        desk.price(93, symbol=USDC, book=at(93))
        desk.engine.force_liquidation(desk.user, USDC, desk.now)
        assert (desk.amount, desk.position(USDC).amount) == (10, 0)
        assert desk.user.wallets["USDC"] == 0
        assert desk.incomes("AUTO_EXCHANGE")

    def test_the_fund_pays_what_no_asset_can(self):
        desk = desk_of(BOTH, multi=True)
        fund = desk.engine.insurance_balance("USDC")
        desk.order("BUY", 100, symbol=USDC)
        desk.algo("SELL", "STOP_MARKET", 100, 95, symbol=USDC, reduce_only=True)
        desk.price(80, symbol=USDC, book=at(80))  # a gap: 2000 are lost
        assert desk.user.wallets == {"USDT": 0, "USDC": 0}
        assert desk.engine.insurance_balance("USDC") - fund == -(2000 + 5 + 4 - 1500)

    def test_it_cannot_be_left_while_one_asset_needs_the_other(self):
        desk = desk_of(BOTH, multi=True)
        desk.order("BUY", 100, symbol=USDC)
        with pytest.raises(VenueError) as refused:
            desk.engine.set_multi_assets(desk.user, multi_assets=False)
        assert refused.value.code == -4169
        desk.price(93, symbol=USDC, book=at(93))
        for quantity in (90, 10):
            desk.order("SELL", quantity, symbol=USDC, reduce_only=True)
            with pytest.raises(VenueError) as refused:
                desk.engine.set_multi_assets(desk.user, multi_assets=False)
            assert refused.value.code == -4172
        desk.user.wallets["USDC"] = dec(0)
        desk.engine.set_multi_assets(desk.user, multi_assets=False)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["BTCUSDT", USDC]),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 150),
        st.integers(700, 1300).map(lambda n: dec(n) / 10),
        st.sampled_from([0, 10, 100_000]),
    ),
    min_size=1,
    max_size=20,
)


@cases(150)
@given(steps=STEPS, multi=st.booleans())
def test_every_wallet_is_its_start_and_its_incomes(steps, multi):
    desk = desk_of(BOTH, multi=multi)
    for symbol, side, quantity, price, size in steps:
        with suppress(VenueError):
            desk.order(side, quantity, symbol=symbol)
        desk.engine.on_funding(symbol, dec("0.0005"), price, desk.now)
        desk.price(price, symbol=symbol, book=at(price, size) if size else Depth())
        for asset, start in BOTH.items():
            incomes = (i.amount for i in desk.user.incomes if i.asset == asset)
            assert desk.user.wallet_of(asset) == start + sum(incomes)
        assert multi or all(wallet >= 0 for wallet in desk.user.wallets.values())
        assert sum(desk.user.wallets.values()) >= 0
        if not multi:
            assert not any(i.kind == "AUTO_EXCHANGE" for i in desk.user.incomes)
        elif not desk.engine.positions(desk.user):
            wallets = desk.user.wallets.values()
            owed = -sum(wallet for wallet in wallets if wallet < 0)
            assert not owed or owed < dec("0.995") * (sum(wallets) + owed)
