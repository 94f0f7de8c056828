"""Liquidation: when, at what price, what it costs, and that no more than the margin is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Depth
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec, depth


def at(price: object, size: object = 1000) -> Depth:
    level = ((dec(price), dec(size)),)
    return Depth(level, level)


def opened(side: str, *, isolated: bool, wallet: int = 1000, leverage: int = 10) -> Desk:
    """10 BTC from exactly 100, worth 1000."""
    desk = Desk(wallet, isolated=isolated, leverage=leverage)
    desk.price(100, book=at(100))
    desk.order(side, 10)
    return desk


@pytest.mark.parametrize(
    ("side", "mark", "gone"),
    [
        ("BUY", "90.37", False),
        ("BUY", "90.36", True),
        ("SELL", "109.56", False),
        ("SELL", "109.57", True),
    ],
)
def test_an_isolated_position_is_liquidated_at_its_liquidation_price(side, mark, gone):
    desk = opened(side, isolated=True)
    price = desk.position().liquidation_price
    # (100 -+ 10) / (1 -+ 0.4%)
    assert float(price) == pytest.approx(90 / 0.996 if side == "BUY" else 110 / 1.004)
    desk.price(100, mark=mark)
    assert (desk.amount == 0) is gone


def test_what_the_book_takes_and_the_fee():
    """Closed in the book above bankruptcy: what is left of the margin pays the fee."""
    desk = opened("BUY", isolated=True)
    resting = desk.order("BUY", 1, 90)
    stop = desk.algo("SELL", "STOP_MARKET", 10, 80, reduce_only=True)
    desk.price(95, mark="90.3", book=Depth(bids=((dec("91.5"), dec(10)),)))
    order = desk.engine.orders(desk.user, "BTCUSDT")[-1]
    assert order.client_id.startswith("autoclose-")
    assert (order.type, order.time_in_force, order.status) == ("LIMIT", "IOC", "FILLED")
    assert (order.price, order.average, order.executed) == (90, dec("91.5"), 10)
    assert desk.incomes("REALIZED_PNL") == [-85]
    assert desk.incomes("INSURANCE_CLEAR") == [-dec(915) * dec("0.0125")]
    assert desk.incomes("COMMISSION") == [dec("-0.5")]  # of the entry; liquidation charges none
    assert (resting.status, stop.status) == ("EXPIRED", "EXPIRED")


@pytest.mark.parametrize("book", [Depth(), at(80), at("90.5", size=4)])
def test_the_insurance_fund_takes_over_at_the_bankruptcy_price(book):
    desk = opened("BUY", isolated=True)
    desk.price(80, mark=80, book=book)
    assert desk.amount == 0
    sold = desk.user.fills[-1]
    assert sold.price == 90
    lost = sum(desk.incomes("REALIZED_PNL")) + sum(desk.incomes("INSURANCE_CLEAR"))
    assert lost == -100  # the margin, fee included, and not a cent more
    assert desk.user.wallet == 1000 - dec("0.5") - 100


def test_an_isolated_stop_far_below_bankruptcy_loses_the_margin_only():
    """A gap: the stop sells at 80, the loss is twice the margin, the fund bears the rest."""
    desk = opened("BUY", isolated=True)
    desk.algo("SELL", "STOP_MARKET", 10, 95, reduce_only=True)
    desk.price(80, mark=80, book=at(80))
    assert desk.incomes("REALIZED_PNL") == [-200]
    assert desk.incomes("INSURANCE_CLEAR") == [100]
    assert desk.position().isolated_wallet == 0


def test_funding_comes_from_the_wallet_first_and_then_from_the_margin():
    desk = opened("BUY", isolated=True, wallet=102)
    free = desk.engine.balance(desk.user).cross_wallet
    assert free == dec("1.5")
    desk.engine.on_funding("BTCUSDT", dec("0.001"), dec(100), desk.now)
    assert desk.incomes("FUNDING_FEE") == [-1]
    assert desk.position().isolated_wallet == 100
    price = desk.position().liquidation_price
    desk.engine.on_funding("BTCUSDT", dec("0.001"), dec(100), desk.now)
    assert desk.position().isolated_wallet == dec("99.5")
    assert desk.position().liquidation_price > price
    assert desk.engine.balance(desk.user).cross_wallet == 0


def test_funding_can_liquidate():
    desk = opened("BUY", isolated=True, wallet=101)
    desk.price("90.4", book=at("90.4"))
    assert desk.amount == 10
    desk.engine.on_funding("BTCUSDT", dec("0.01"), dec("90.4"), desk.now)
    assert desk.amount == 0


def test_a_cross_account_is_liquidated_when_all_of_it_is_lost():
    desk = opened("BUY", isolated=False, wallet=200)
    desk.order("BUY", "0.5", 90)
    price = desk.position().liquidation_price
    assert float(price) == pytest.approx((1000 - 199.5) / 9.96)
    desk.price(91, mark=price + dec("0.01"), book=at(91))
    assert desk.amount == 10
    desk.price(91, mark=price - dec("0.01"), book=Depth())
    assert (desk.amount, desk.user.wallet) == (0, 0)
    assert not desk.engine.open_orders(desk.user)
    # 199.5 - 10 x (100 - 80.1): sold at the tick above 80.05, the rest is fee
    assert desk.user.fills[-1].price == dec("80.1")


def test_the_largest_cross_position_goes_first_and_the_rest_may_stay():
    desk = Desk(300, leverage=10)
    for symbol, size in (("BTCUSDT", 10), ("ETHUSDT", 5)):
        desk.price(100, symbol=symbol, book=at(100))
        desk.engine.set_leverage(desk.user, symbol, 10)
        desk.order("BUY", size, symbol=symbol)
    desk.price(75, mark="70.35", book=at(75))  # the book is better than mark: margin is left
    assert desk.amount == 0
    assert desk.position("ETHUSDT").amount == 5
    desk.price(20, symbol="ETHUSDT", book=at(20))
    assert desk.position("ETHUSDT").amount == 0
    assert desk.user.wallet == 0


@pytest.mark.parametrize("kind", ["stop", "order"])
def test_the_insurance_fund_pays_the_debt_of_a_cross_account(kind):
    """A gap: the position is closed in the book, for more than there was."""
    desk = opened("BUY", isolated=False, wallet=200)
    if kind == "stop":
        desk.algo("SELL", "STOP_MARKET", 10, 90, reduce_only=True)
        desk.price(50, book=at(50))
    else:
        desk.price("80.4", book=at("80.4"))
        desk.price("80.4", book=at(79))
        desk.order("SELL", 10)
    assert (desk.amount, desk.user.wallet) == (0, 0)
    assert desk.incomes("INSURANCE_CLEAR")[-1] > 0
    assert not any(o.client_id.startswith("autoclose-") for o in desk.user.orders.values())


def test_a_gap_takes_a_cross_account_and_no_more():
    desk = Desk(300, leverage=10)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        desk.price(100, symbol=symbol, book=at(100))
        desk.order("BUY", 10, symbol=symbol)
    desk.price(95, mark=95, symbol="ETHUSDT", book=at(95))
    desk.price(40, mark=40, book=Depth())
    assert desk.user.wallet == 0
    assert not desk.engine.positions(desk.user)


def test_isolated_positions_do_not_pull_each_other_down():
    desk = Desk(1000, isolated=True)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        desk.price(100, symbol=symbol, book=at(100))
        if symbol == "ETHUSDT":
            desk.engine.set_margin_type(desk.user, symbol, isolated=True)
        desk.order("BUY", 10, symbol=symbol)
    desk.price(50, book=Depth())
    assert desk.amount == 0
    assert desk.position("ETHUSDT").amount == 10


def test_hedge_legs_with_isolated_margin_are_liquidated_apart():
    desk = Desk(10_000, isolated=True)
    desk.engine.set_position_mode(desk.user, hedge=True)
    desk.price(100, book=at(100))
    desk.order("BUY", 10, position_side="LONG")
    desk.order("SELL", 10, position_side="SHORT")
    long, short = desk.engine.positions(desk.user, "BTCUSDT")
    assert long.liquidation_price < 100 < short.liquidation_price
    desk.price(89, book=at(89))
    assert [p.amount for p in desk.engine.positions(desk.user, "BTCUSDT")] == [0, -10]


@cases(200)
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    leverage=st.integers(2, 125),
    size=st.integers(100, 400_000),
    path=st.lists(st.tuples(st.integers(300, 3000), st.integers(1, 500)), min_size=1, max_size=8),
    isolated=st.booleans(),
)
def test_no_path_of_prices_costs_more_than_the_margin(side, leverage, size, path, isolated):
    desk = Desk(10_000, isolated=isolated, leverage=leverage)
    quantity = min(dec(size) / 1000, dec(9000) * leverage / 101).quantize(dec("0.001"))
    desk.price(100, book=at(100, 10_000))
    desk.order(side, quantity)
    margin = desk.position().isolated_wallet if isolated else desk.user.wallet
    free = desk.engine.balance(desk.user).cross_wallet
    for price, depth_size in path:
        desk.price(dec(price) / 10, book=at(dec(price) / 10, depth_size))
    lost = sum(desk.incomes("REALIZED_PNL")) + sum(desk.incomes("INSURANCE_CLEAR"))
    assert lost >= -margin
    assert desk.user.wallet >= 0
    if isolated:
        assert desk.engine.balance(desk.user).cross_wallet >= free


@cases(200)
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    leverage=st.integers(2, 125),
    size=st.integers(100, 400_000),
    isolated=st.booleans(),
    beyond=st.sampled_from([-1, 1]),
)
def test_liquidation_happens_beyond_the_reported_price_only(side, leverage, size, isolated, beyond):
    desk = Desk(10_000, isolated=isolated, leverage=leverage)
    quantity = min(dec(size) / 1000, dec(9000) * leverage / 101).quantize(dec("0.001"))
    desk.price(100, book=at(100, 10_000))
    desk.order(side, quantity)
    price = desk.position().liquidation_price
    if not price:
        return
    direction = -1 if side == "BUY" else 1
    desk.price(100, mark=price * (1 + direction * beyond * dec("1E-9")), book=depth(99, 101))
    assert (desk.amount == 0) is (beyond > 0)
