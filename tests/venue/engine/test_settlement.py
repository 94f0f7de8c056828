"""A contract is delisted or delivered: nothing of it is left, and its money is paid out."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import SymbolStatus
from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.invariants import Checker
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec

BTC = "BTCUSDT"


def settle(desk: Desk, price: object) -> None:
    desk.now += 1
    desk.engine.settle(BTC, dec(price), desk.now)


@pytest.mark.parametrize(("side", "profit"), [("BUY", 50), ("SELL", -50)])
@pytest.mark.parametrize("isolated", [False, True])
def test_a_position_is_closed_at_the_settlement_price(side, profit, isolated):
    desk = Desk(isolated=isolated)
    desk.order(side, 10)
    entry = desk.position().entry_price
    fees = sum(desk.incomes("COMMISSION"))
    settle(desk, entry + 5)
    order = desk.engine.orders(desk.user, BTC)[-1]
    assert order.client_id == f"settlement_autoclose-{order.id}"
    assert (order.type, order.status, order.average) == ("MARKET", "FILLED", entry + 5)
    assert desk.amount == 0
    assert desk.incomes("DELIVERED_SETTELMENT") == [profit]
    assert desk.incomes("REALIZED_PNL") == []
    assert desk.incomes("COMMISSION")[-1] == -(entry + 5) * 10 * dec("0.0005")
    assert desk.user.wallet == 10_000 + profit + fees + desk.incomes("COMMISSION")[-1]
    assert desk.position().isolated_wallet == 0


def test_its_orders_and_stops_are_gone_and_others_stay():
    desk = Desk()
    desk.price(100, symbol="ETHUSDT")
    desk.order("BUY", 10)
    gone = [
        desk.order("BUY", 1, 99),
        desk.order("SELL", 10, 103, reduce_only=True),
        desk.algo("SELL", "STOP_MARKET", 10, 95, reduce_only=True),
        desk.algo("SELL", "STOP_MARKET", None, 94, close_position=True),
        desk.algo("SELL", "TRAILING_STOP_MARKET", 10, None, callback_rate=1, reduce_only=True),
    ]
    stays = desk.order("BUY", 1, 99, symbol="ETHUSDT")
    settle(desk, 101)
    assert {entry.status for entry in gone} == {"EXPIRED"}
    assert stays.status == "NEW"
    assert desk.engine.open_algos(desk.user) == []


def test_a_closed_symbol_refuses_orders_and_settles_once():
    desk = Desk()
    desk.order("BUY", 10)
    settle(desk, 100)
    incomes = len(desk.user.incomes)
    settle(desk, 200)
    assert len(desk.user.incomes) == incomes
    for new in ({"reduce_only": True}, {}):
        with pytest.raises(VenueError) as refused:
            desk.order("SELL", 1, **new)
        assert refused.value.code == -4141


def test_a_settled_position_needs_no_stop():
    desk, checker = Desk(), Checker()
    desk.order("BUY", 10)
    desk.algo("SELL", "STOP_MARKET", 10, 95, reduce_only=True)
    checker.observe(desk.engine, desk.now)
    settle(desk, 100)
    for _ in range(100):
        desk.now += 1000
        checker.observe(desk.engine, desk.now)
    assert checker.breaches == []


def test_a_symbol_that_nobody_holds_and_one_that_is_unknown():
    desk = Desk()
    settle(desk, 100)
    with pytest.raises(VenueError) as refused:
        desk.order("BUY", 1)
    assert refused.value.code == -4141
    with pytest.raises(VenueError) as refused:
        desk.engine.settle("NOTUSDT", dec(1), desk.now)
    assert refused.value.code == -1121


@cases(200)
@given(
    legs=st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 900)), min_size=1, max_size=5
    ),
    price=st.integers(1, 3000),
    isolated=st.booleans(),
    hedge=st.booleans(),
)
def test_nothing_is_left_and_no_more_than_the_margin_is_lost(legs, price, isolated, hedge):
    desk = Desk(isolated=isolated)
    desk.engine.set_position_mode(desk.user, hedge=True) if hedge else None
    for side, quantity in legs:
        where = {"position_side": "LONG" if side == "BUY" else "SHORT"} if hedge else {}
        with suppress(VenueError):
            desk.order(side, dec(quantity) / 10, **where)
    fund = desk.engine.insurance_balance()
    free = desk.engine.balance(desk.user).cross_wallet
    settle(desk, dec(price) / 10)
    assert desk.engine.positions(desk.user) == []
    assert desk.user.wallet >= 0
    if isolated:
        fees = sum(fill.commission for fill in desk.user.fills if fill.time == desk.now)
        assert desk.user.wallet >= free - fees
    assert desk.user.wallet == 10_000 + sum(desk.incomes())
    assert desk.engine.insurance_balance() == fund - sum(desk.incomes("INSURANCE_CLEAR"))
    assert desk.engine._state.status[BTC] is SymbolStatus.CLOSE
