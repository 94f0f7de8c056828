"""A changed order is a new one in the queue, with its old id; what is refused changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Order, OrderChange
from perpkit.venue.engine.amending import MOST_AMENDMENTS
from perpkit.venue.engine.state import SymbolStatus
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import BTC, Desk, dec, depth

BOOK = depth(100, "100.1")


def amend(desk: Desk, order: Order, quantity, price, *, user=None, **more) -> Order:
    change = OrderChange(
        more.pop("side", order.side),
        None if quantity is None else dec(quantity),
        None if price is None else dec(price),
        **more,
    )
    user = user or desk.user
    return desk.engine.amend_order(user, "BTCUSDT", change, desk.now, order_id=order.id)


def code(call, *args, **more) -> int:
    with pytest.raises(VenueError) as caught:
        call(*args, **more)
    return caught.value.code


def shown(order: Order) -> tuple:
    return (order.status, order.price, order.quantity, order.executed, order.place, order.ahead)


def test_price_and_quantity_are_changed_and_written_down():
    desk = Desk()
    order = desk.order("BUY", 1, 90)
    amend(desk, order, 2, 91, number=7)
    amend(desk, order, 2, "91.5")
    assert (order.price, order.quantity, order.status) == (dec("91.5"), 2, "NEW")
    first, second = order.amendments
    assert (first.price, first.quantity, first.count, first.number) == ((90, 91), (1, 2), 1, 7)
    assert (second.price, second.quantity, second.count) == ((91, dec("91.5")), (2, 2), 2)
    assert second.id > first.id
    assert desk.engine.open_orders(desk.user) == [order]


@pytest.mark.parametrize(
    ("quantity", "price", "more", "expected"),
    [
        (1, 90, {}, -5027),
        (None, 91, {}, -1102),
        (1, None, {}, -1102),
        (1, 91, {"side": "SELL"}, -1117),
        (1, 91, {"side": "UP"}, -1117),
        (1, 91, {"price_match": "QUEUE"}, -1106),
        (1, None, {"price_match": "BEST"}, -5037),
        (1, None, {"price_match": "OPPONENT_20"}, -5041),
        (0, 91, {}, -4003),
        ("0.0001", 91, {}, -1111),
        (10**7, 91, {}, -4005),
        (1, 0, {}, -4001),
        (1, "91.05", {}, -1111),
        (1, 500, {}, -4016),
        ("0.001", 91, {}, -5029),
        (1, 91, {"reduce_only": True}, -5047),
        (5_000, 91, {}, -2019),
        (300_000, 91, {}, -2027),
    ],
)
def test_refused(quantity, price, more, expected):
    desk = Desk()
    order = desk.order("BUY", 1, 90)
    before = shown(order)
    assert code(amend, desk, order, quantity, price, **more) == expected
    assert (shown(order), order.amendments) == (before, [])


def test_only_open_limit_orders_of_a_traded_contract_and_not_forever():
    desk = Desk()
    done = desk.order("BUY", 1)
    assert code(amend, desk, done, 2, 90) == -2013
    order = desk.order("BUY", 1, 90)
    desk.engine.set_status("BTCUSDT", SymbolStatus.SETTLING)
    assert code(amend, desk, order, 1, 91) == -5024
    desk.engine.set_status("BTCUSDT", SymbolStatus.TRADING)
    amend(desk, order, 1, 91)
    order.amendments *= MOST_AMENDMENTS
    assert code(amend, desk, order, 1, 92) == -5026


def test_its_own_margin_is_free_for_it():
    desk = Desk(1_000, leverage=10)
    order = desk.order("BUY", 90, 100)
    amend(desk, order, 91, 99)
    assert code(desk.order, "BUY", 91, 99) == -2019


@pytest.mark.parametrize("quantity", ["0.4", "0.3"])
def test_no_more_than_what_is_filled_ends_it(quantity):
    desk = Desk()
    order = desk.order("BUY", 1, 90)
    desk.engine.fill_order(desk.user, order.id, dec("0.4"), desk.now)
    amend(desk, order, quantity, 90)
    assert (order.status, order.executed) == ("CANCELED", dec("0.4"))


def test_a_post_only_order_that_would_trade_ends():
    desk = Desk()
    order = desk.order("BUY", 1, 90, "GTX")
    amend(desk, order, 1, 101)
    assert (order.status, order.executed, desk.amount) == ("CANCELED", 0, 0)


def test_a_price_that_is_met_trades_at_once():
    desk = Desk()
    order = desk.order("BUY", 1, 90)
    amend(desk, order, 1, 101)
    assert (order.status, order.average) == ("FILLED", dec("100.1"))
    assert not desk.user.fills[-1].maker


@pytest.mark.parametrize("price", [90, 91])
def test_it_goes_to_the_end_of_the_queue(price):
    desk = Desk()
    other = desk.another("other")
    mine = desk.order("BUY", 1, 90)
    theirs = desk.order("BUY", 1, price, user=other)
    amend(desk, mine, 2, price)
    # One is traded at that price, and nothing of the book is before them.
    desk.price(price, book=depth(price - 1, price + 1), traded=dec(1))
    assert (theirs.executed, mine.executed) == (1, 0)
    desk.price(price, book=depth(price - 1, price + 1), traded=dec(2))
    assert mine.executed == 2


def test_and_behind_what_the_book_has_there():
    desk = Desk()
    desk.price(100, book=depth(99, 101, size=5))
    order = desk.order("BUY", 1, "98.5")
    assert order.ahead == 5
    order.ahead = dec(0)
    amend(desk, order, 1, "98.6")
    assert order.ahead == 5


def test_a_reduce_only_order_stays_within_the_position():
    desk = Desk()
    desk.order("BUY", 1)
    order = desk.order("SELL", 1, 110, reduce_only=True)
    amend(desk, order, 3, 111, reduce_only=True)
    assert (order.quantity, order.reduce_only) == (1, True)
    amend(desk, order, "0.01", 111, reduce_only=True)  # below the minimum of others
    assert order.quantity == dec("0.01")
    assert code(amend, desk, order, "0.01", 112) == -5029


def test_what_closes_in_hedge_mode_may_be_small():
    desk = Desk()
    desk.engine.set_position_mode(desk.user, hedge=True)
    desk.order("BUY", 1, position_side="LONG")
    closing = desk.order("SELL", 1, 110, position_side="LONG")
    amend(desk, closing, "0.01", 111)
    assert closing.quantity == dec("0.01")
    opening = desk.order("BUY", 1, 90, position_side="LONG")
    assert code(amend, desk, opening, "0.01", 91) == -5029


prices = st.integers(950, 1050).map(lambda n: Decimal(n) / 10)
quantities = st.integers(1, 3_000).map(lambda n: Decimal(n) / 1000)


@cases(150)
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    held=st.sampled_from([-1, 0, 1]),
    price=prices,
    quantity=quantities,
    to_price=prices,
    to_quantity=quantities,
)
def test_it_is_as_cancelling_and_placing_again(side, held, price, quantity, to_price, to_quantity):
    desks = Desk(500), Desk(500)
    orders = []
    for desk in desks:
        if held:
            desk.order("BUY" if held > 0 else "SELL", 1)
        try:
            orders.append(desk.order(side, quantity, price))
        except VenueError:
            return
    if not orders[0].is_open or (to_price, to_quantity) == (orders[0].price, orders[0].quantity):
        return
    changed, again = desks
    rest = to_quantity - orders[1].executed
    if rest <= 0 or rest * to_price < BTC.min_notional:
        return
    outcomes = []
    try:
        outcomes.append(amend(changed, orders[0], to_quantity, to_price).remaining)
    except VenueError as refusal:
        outcomes.append(refusal.code)
    again.engine.cancel_order(again.user, "BTCUSDT", again.now, order_id=orders[1].id)
    try:
        outcomes.append(again.order(side, rest, to_price).remaining)
    except VenueError as refusal:
        outcomes.append(refusal.code)
    assert outcomes[0] == outcomes[1]
    if isinstance(outcomes[0], int):
        return
    assert changed.user.wallet == again.user.wallet
    assert changed.amount == again.amount
    assert changed.engine.balance(changed.user) == again.engine.balance(again.user)
