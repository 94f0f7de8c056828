"""Large positions are liquidated from bracket to bracket, and only as far as is needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Depth
from tests.cases import cases
from tests.venue.engine.desk import BRACKETS, Desk, dec


def at(price: object, size: object = 1_000_000) -> Depth:
    level = ((dec(price), dec(size)),)
    return Depth(level, level)


def opened(side: str, quantity: int, *, isolated: bool, wallet: int, leverage: int = 20) -> Desk:
    desk = Desk(wallet, isolated=isolated, leverage=leverage)
    desk.price(100, book=at(100))
    desk.order(side, quantity)
    return desk


def steps(desk: Desk) -> list:
    return [o for o in desk.user.orders.values() if o.client_id.startswith("autoclose-")]


@pytest.mark.parametrize(("side", "sign"), [("BUY", -1), ("SELL", 1)])
def test_an_isolated_position_is_reduced_to_the_bracket_below(side, sign):
    """12,000 BTC of 100 are in bracket 4; below 1,000,000 of value bracket 3 asks for less."""
    desk = opened(side, 12_000, isolated=True, wallet=100_000)
    price = desk.position().liquidation_price
    desk.order(side, 1, 100 + 10 * sign)
    mark = price + sign * dec("0.01")
    desk.price(mark.quantize(dec("0.1")), mark=mark, book=at(mark.quantize(dec("0.1"))))
    (order,) = steps(desk)
    left = abs(desk.amount)
    assert BRACKETS.at(left * mark).number == 3
    assert BRACKETS.at((left + dec("0.001")) * mark).number == 4
    assert (order.type, order.time_in_force, order.status) == ("LIMIT", "IOC", "FILLED")
    assert order.executed == 12_000 - left
    view = desk.position()
    assert view.isolated_margin > view.maintenance
    fee = -desk.incomes("INSURANCE_CLEAR")[0]
    assert 0 < fee <= order.quote * dec("0.0125")
    assert desk.engine.open_orders(desk.user) == []


def test_steps_go_on_until_the_margin_is_enough():
    """A gap to where only the lowest brackets are covered."""
    desk = opened("BUY", 12_000, isolated=True, wallet=100_000)
    desk.price("95.4", book=at("95.4"))
    amounts = [order.quantity for order in steps(desk)]
    assert len(amounts) == 3
    assert desk.amount == 12_000 - sum(amounts)
    assert BRACKETS.at(desk.amount * dec("95.4")).number == 1


def test_a_book_that_does_not_take_a_step_ends_the_whole_position():
    desk = opened("BUY", 12_000, isolated=True, wallet=100_000)
    price = desk.position().liquidation_price - dec("0.01")
    desk.price(price.quantize(dec("0.1")), mark=price, book=at("96.1", size=10))
    first, second = steps(desk)
    assert (first.status, first.executed) == ("EXPIRED", 10)
    assert (second.status, second.quantity) == ("FILLED", 12_000 - 10)
    assert desk.amount == 0


def test_a_cross_account_gives_up_its_largest_bracket_first():
    desk = Desk(200_000, leverage=20)
    for symbol, size in (("BTCUSDT", 20_000), ("ETHUSDT", 6_000)):
        desk.price(100, symbol=symbol, book=at(100))
        desk.engine.set_leverage(desk.user, symbol, 20)
        desk.order("BUY", size, symbol=symbol)
    price = desk.position().liquidation_price - dec("0.01")
    desk.price(price.quantize(dec("0.1")), mark=price, book=at(price.quantize(dec("0.1"))))
    assert BRACKETS.at(desk.amount * price).number == 3
    assert desk.position("ETHUSDT").amount == 6_000
    balance = desk.engine.balance(desk.user)
    assert balance.cross_margin_balance > balance.cross_maintenance


@cases(200)
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    size=st.integers(10, 90_000),
    path=st.lists(
        st.tuples(st.integers(900, 1100), st.sampled_from([0, 1, 500, 20_000, 10**6])),
        min_size=1,
        max_size=10,
    ),
    isolated=st.booleans(),
)
def test_no_more_than_the_margin_is_lost_and_each_step_makes_it_smaller(side, size, path, isolated):
    desk = Desk(600_000, isolated=isolated, leverage=20)
    desk.price(100, book=at(100))
    desk.order(side, size)
    margin = desk.position().isolated_wallet if isolated else desk.user.wallet
    for price, book in path:
        seen, before = len(steps(desk)), abs(desk.amount)
        mark = dec(price) / 10
        desk.price(mark, book=at(mark, book) if book else Depth())
        new = steps(desk)[seen:]
        brackets = []
        for order in new:
            assert order.quantity <= before
            brackets.append(BRACKETS.at(before * mark).number)
            before -= order.executed
        assert abs(desk.amount) == before
        assert brackets == sorted(brackets, reverse=True)
        assert len(new) <= len(BRACKETS.rows) + 1
        view = desk.position()
        balance = desk.engine.balance(desk.user)
        held = view.isolated_margin if isolated else balance.cross_margin_balance
        assert not view.amount or held > view.maintenance
    lost = sum(desk.incomes("REALIZED_PNL")) + sum(desk.incomes("INSURANCE_CLEAR"))
    assert lost >= -margin
    assert desk.user.wallet >= 0
    # Closed at the bankruptcy price or better, nothing is left for the fund to pay.
    assert all(income < dec("0.000001") for income in desk.incomes("INSURANCE_CLEAR"))
