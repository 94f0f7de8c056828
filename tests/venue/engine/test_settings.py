"""Leverage, margin type, position mode, asset mode; and funding by worked example."""

from __future__ import annotations

import pytest

from perpkit.venue.engine import Depth
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import Desk, dec


def code_of(act) -> int:
    with pytest.raises(VenueError) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize(("leverage", "cap"), [(1, 100_000_000), (20, 10_000_000), (125, 50_000)])
def test_leverage_tells_the_largest_position(leverage, cap):
    desk = Desk()
    assert desk.engine.set_leverage(desk.user, "BTCUSDT", leverage) == cap
    assert desk.position().leverage == leverage


@pytest.mark.parametrize("leverage", [0, -1, 126])
def test_leverage_has_bounds(leverage):
    desk = Desk()
    assert code_of(lambda: desk.engine.set_leverage(desk.user, "BTCUSDT", leverage)) == -4028
    assert desk.position().leverage == 10


def test_leverage_stays_where_a_position_or_an_order_needs_it():
    desk = Desk(100_000)
    desk.order("BUY", 1000)
    desk.engine.set_leverage(desk.user, "BTCUSDT", 50)
    assert code_of(lambda: desk.engine.set_leverage(desk.user, "BTCUSDT", 125)) == -2027
    assert code_of(lambda: desk.engine.set_leverage(desk.user, "BTCUSDT", 1)) == -2028
    assert desk.position().leverage == 50
    desk.order("BUY", 9000, 99)
    assert code_of(lambda: desk.engine.set_leverage(desk.user, "BTCUSDT", 100)) == -2027


def test_leverage_of_an_isolated_position_goes_up_only_and_frees_margin():
    desk = Desk(1000, isolated=True)
    desk.order("BUY", 10)
    assert desk.position().isolated_wallet == dec("100.1")
    assert code_of(lambda: desk.engine.set_leverage(desk.user, "BTCUSDT", 5)) == -4161
    desk.price("100.1")
    before = desk.position().liquidation_price
    desk.engine.set_leverage(desk.user, "BTCUSDT", 20)
    assert desk.position().isolated_wallet == dec("50.05")
    assert desk.position().liquidation_price > before


@pytest.mark.parametrize(
    ("mark", "kept"),
    [(101, "50.05"), (100, "51"), (95, "98.5"), ("94.5", "100.1"), (93, "100.1")],
)
def test_a_higher_leverage_leaves_what_a_loss_needs(mark, kept):
    """The initial margin of the new leverage, at mark price: it never liquidates."""
    desk = Desk(1000, isolated=True)
    desk.order("BUY", 10)
    desk.price(mark)
    desk.engine.set_leverage(desk.user, "BTCUSDT", 20)
    desk.price(mark)
    assert desk.position().isolated_wallet == dec(kept)
    assert desk.amount == 10


def test_a_position_cannot_outgrow_its_bracket():
    desk = Desk(1_000_000, leverage=125)
    desk.order("BUY", 400)
    assert code_of(lambda: desk.order("BUY", 100)) == -2027
    desk.order("BUY", 50, 90)
    assert code_of(lambda: desk.order("BUY", 60)) == -2027
    desk.order("SELL", 800)  # the other way is judged by what it leaves


def test_margin_type_changes_only_when_nothing_is_open():
    desk = Desk()

    def isolate() -> None:
        desk.engine.set_margin_type(desk.user, "BTCUSDT", isolated=True)

    assert code_of(lambda: desk.engine.set_margin_type(desk.user, "BTCUSDT", isolated=False)) == (
        -4046
    )
    order = desk.order("BUY", 1, 99)
    assert code_of(isolate) == -4047
    desk.engine.cancel_order(desk.user, "BTCUSDT", desk.now, order_id=order.id)
    desk.order("BUY", 1)
    assert code_of(isolate) == -4048
    desk.order("SELL", 1)
    isolate()
    assert desk.position().isolated
    assert code_of(isolate) == -4046


def test_position_mode_changes_only_when_nothing_is_open():
    desk = Desk()

    def hedge() -> None:
        desk.engine.set_position_mode(desk.user, hedge=True)

    assert code_of(lambda: desk.engine.set_position_mode(desk.user, hedge=False)) == -4059
    stop = desk.algo("SELL", "STOP_MARKET", 1, 90)
    assert code_of(hedge) == -4067
    desk.engine.cancel_algo(desk.user, desk.now, algo_id=stop.id)
    desk.order("BUY", 1)
    assert code_of(hedge) == -4068
    desk.order("SELL", 1)
    hedge()
    assert desk.user.hedge


def test_multi_assets_go_neither_with_isolated_margin_nor_with_orders():
    desk = Desk(isolated=True)

    def multi(on: bool) -> None:
        desk.engine.set_multi_assets(desk.user, multi_assets=on)

    assert code_of(lambda: multi(False)) == -4171
    assert code_of(lambda: multi(True)) == -4167
    desk.engine.set_margin_type(desk.user, "BTCUSDT", isolated=False)
    order, stop = desk.order("BUY", 1, 90), desk.algo("SELL", "STOP_MARKET", 1, 90)
    assert code_of(lambda: multi(True)) == -4170
    desk.engine.cancel_order(desk.user, "BTCUSDT", desk.now, order_id=order.id)
    assert code_of(lambda: multi(True)) == -4170
    desk.engine.cancel_algo(desk.user, desk.now, algo_id=stop.id)
    multi(True)
    assert code_of(lambda: desk.engine.set_margin_type(desk.user, "BTCUSDT", isolated=True)) == (
        -4168
    )


@pytest.mark.parametrize(
    ("side", "rate", "mark", "fee"),
    [
        ("BUY", "0.0001", 100, "-0.02"),  # 2 x 100 x 0.01%
        ("SELL", "0.0001", 100, "0.02"),
        ("BUY", "-0.0003", 101, "0.0606"),
        ("SELL", "-0.0003", 101, "-0.0606"),
        ("BUY", "0", 100, None),
    ],
)
def test_funding_is_notional_at_mark_times_rate(side, rate, mark, fee):
    desk = Desk()
    desk.order(side, 2)
    desk.engine.on_funding("BTCUSDT", dec(rate), dec(mark), 77)
    fees = [income for income in desk.user.incomes if income.kind == "FUNDING_FEE"]
    assert [income.amount for income in fees] == ([] if fee is None else [dec(fee)])
    assert {(income.symbol, income.time) for income in fees} <= {("BTCUSDT", 77)}


def test_funding_meets_only_what_is_open_at_that_moment():
    desk = Desk()
    level = ((dec(100), dec(9)),)
    desk.price(100, book=Depth(level, level))
    desk.engine.on_funding("BTCUSDT", dec("0.0001"), dec(100), desk.now)
    desk.order("BUY", 2)
    desk.order("SELL", 2)
    desk.engine.on_funding("BTCUSDT", dec("0.0001"), dec(100), desk.now)
    assert desk.incomes("FUNDING_FEE") == []
    with pytest.raises(VenueError, match="-1121"):
        desk.engine.on_funding("DOGEUSDT", dec(0), dec(1), desk.now)
