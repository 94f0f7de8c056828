"""Margin of an isolated position: what may be added and taken, and that taking never liquidates."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Lookup
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import BRACKETS, Desk, dec

DAY = 86_400_000


def change(desk: Desk, amount, side: str = "BOTH", symbol: str = "BTCUSDT"):
    return desk.engine.change_margin(desk.user, symbol, side, dec(amount), desk.now)


def code(desk: Desk, amount, **more) -> int:
    with pytest.raises(VenueError) as caught:
        change(desk, amount, **more)
    return caught.value.code


def test_it_moves_between_wallet_and_position():
    desk = Desk(1_000, isolated=True)
    desk.order("BUY", 10, 101)
    before, free = desk.position(), desk.engine.balance(desk.user).available
    wallet = desk.user.wallet
    change(desk, 50)
    after = desk.position()
    assert after.isolated_wallet == before.isolated_wallet + 50
    assert desk.engine.balance(desk.user).available == free - 50
    assert after.liquidation_price < before.liquidation_price
    change(desk, -49)
    assert desk.position().isolated_wallet == before.isolated_wallet + 1
    assert (desk.user.wallet, desk.user.incomes[-1].kind) == (wallet, "COMMISSION")


@pytest.mark.parametrize(
    ("amount", "more", "expected"),
    [
        (0, {}, -4055),
        ("0.000000001", {}, -1111),
        (1, {"side": "LONG"}, -4061),
        (1, {"side": "UP"}, -4060),
        (1, {"symbol": "NOPE"}, -1121),
        (1, {"symbol": "ETHUSDT"}, -4049),
        (5_000, {}, -4050),
        (-60, {}, -4051),
        (-1_000, {}, -4051),
    ],
)
def test_refused(amount, more, expected):
    desk = Desk(1_000, isolated=True)
    desk.order("BUY", 10, 101)
    change(desk, 50)
    before = desk.position()
    assert code(desk, amount, **more) == expected
    assert desk.position() == before


def test_without_a_position():
    desk = Desk(isolated=True)
    assert code(desk, 1) == -4054


def test_what_was_moved_is_kept_for_thirty_days():
    desk = Desk(isolated=True)
    desk.order("BUY", 10, 101)
    change(desk, 5)
    desk.now += 5
    change(desk, -2)

    def rows(now, **more):
        adding = more.pop("adding", None)
        found = desk.engine.margin_history(
            desk.user, "BTCUSDT", Lookup(500, **more), now, adding=adding
        )
        return [row.amount for row in found]

    assert rows(desk.now) == [5, -2]
    assert rows(desk.now, adding=True) == [5]
    assert rows(desk.now, adding=False) == [-2]
    assert rows(desk.now, start=desk.now) == [-2]
    assert rows(desk.now + 30 * DAY) == [-2]
    assert rows(desk.now + 31 * DAY) == []
    with pytest.raises(VenueError, match="-4165"):
        rows(desk.now, start=0, end=31 * DAY)


@cases(200)
@given(
    quantity=st.integers(-2_000, 2_000).filter(bool),
    leverage=st.sampled_from([1, 3, 10, 20]),
    move=st.integers(-300, 300),
    asked=st.lists(st.decimals(-3_000, 3_000, places=2), max_size=6),
)
def test_never_below_maintenance(quantity, leverage, move, asked):
    desk = Desk(300_000, isolated=True, leverage=leverage)
    desk.order("BUY" if quantity > 0 else "SELL", abs(quantity))
    desk.price(dec(100) + dec(move) / 10)
    if desk.amount != quantity:
        return  # it was liquidated, or a part of it, before anything could be asked
    wallet, total = desk.user.wallet, desk.engine.balance(desk.user).margin_balance
    for amount in asked:
        held = desk.position().isolated_wallet
        try:
            change(desk, amount)
        except VenueError:
            assert desk.position().isolated_wallet == held
            continue
        position = desk.position()
        assert position.isolated_wallet == held + amount
        assert position.isolated_margin > BRACKETS.maintenance(abs(position.notional)) or amount > 0
        assert desk.engine.balance(desk.user).available >= 0
        # The same price again liquidates nothing that was not to be liquidated anyway.
        desk.price(desk.engine.quote("BTCUSDT").last)
        assert desk.amount == Decimal(quantity)
    assert desk.user.wallet == wallet
    assert desk.engine.balance(desk.user).margin_balance == total
