"""Reduce-only orders that the exchange may refuse: cut by default, refused of a strict account."""

from __future__ import annotations

import pytest

from perpkit.venue.engine import Order, OrderChange
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import Desk, Number, dec


def held(amount: Number, *targets: Number, sign: int = 1, strict: bool = True) -> Desk:
    """A position of the user, and reduce-only orders of these sizes at 110, 111, ..."""
    desk = Desk()
    desk.order("BUY" if sign > 0 else "SELL", amount)
    for number, size in enumerate(targets):
        close(desk, size, 110 + number, sign)
    desk.user.strict_reduce_only = strict
    return desk


def close(desk: Desk, quantity: Number, price: int | None, sign: int = 1) -> Order:
    """:param price: of the close of a long; that of a short is on the other side of 100"""
    limit = None if price is None else 100 + sign * (price - 100)
    return desk.order("SELL" if sign > 0 else "BUY", quantity, limit, reduce_only=True)


# position, targets, quantity and price of the close, its code if it is refused
CLOSES = [
    ("1", ["1"], ("1", 105), -4118),
    ("1", ["1"], ("0.4", None), -4118),
    ("1", ["0.5"], ("0.6", 115), -4118),
    ("0.7", [], ("1", 105), -2022),
    ("1", ["1"], ("1", None), None),
    ("1", ["1"], ("1.5", None), None),
    ("1", ["0.5"], ("0.5", 115), None),
    ("1", [], ("0.4", None), None),
]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("amount", "targets", "sent", "code"), CLOSES)
def test_strictly_it_is_refused_instead_of_cut(amount, targets, sent, code, sign):
    lenient = close(held(amount, *targets, sign=sign, strict=False), *sent, sign)
    assert lenient.quantity == min(dec(amount), dec(sent[0])) or code == -4118
    desk = held(amount, *targets, sign=sign)
    before = len(desk.user.orders)
    if code is None:
        assert close(desk, *sent, sign).quantity == lenient.quantity
        return
    with pytest.raises(VenueError) as refusal:
        close(desk, *sent, sign)
    assert refusal.value.code == code
    assert len(desk.user.orders) == before


def test_strictly_a_resting_order_grows_no_larger_than_the_position():
    desk = held(1, "0.5", "0.5")
    first = next(order for order in desk.user.orders.values() if order.is_open)
    larger = OrderChange("SELL", dec("0.6"), dec(110))
    which = {"order_id": first.id}
    with pytest.raises(VenueError) as refusal:
        desk.engine.amend_order(desk.user, "BTCUSDT", larger, desk.now, **which)
    assert (refusal.value.code, first.quantity) == (-4118, dec("0.5"))
    desk.user.strict_reduce_only = False
    desk.engine.amend_order(desk.user, "BTCUSDT", larger, desk.now, **which)
    assert first.quantity == dec("0.6")


def test_a_stop_that_triggers_is_never_refused_for_it():
    desk = held(1, "1")
    stop = desk.algo("SELL", "STOP_MARKET", "0.4", 95, reduce_only=True)
    desk.price(94)
    assert (stop.status, desk.amount) == ("FINISHED", dec("0.6"))
