"""Conditional orders: when each type triggers, what it becomes, and how its status tells so."""

from __future__ import annotations

import pytest

from perpkit.venue.engine import Depth
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import Desk, dec, depth


@pytest.fixture
def desk() -> Desk:
    """Long 5 from 100.1."""
    desk = Desk(1_000_000)
    desk.order("BUY", 5)
    return desk


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "not_yet", "reached"),
    [
        ("STOP_MARKET", "SELL", 97, "97.1", 97),
        ("STOP_MARKET", "BUY", 103, "102.9", 103),
        ("STOP", "SELL", 97, "97.1", "96.9"),
        ("STOP", "BUY", 103, "102.9", "103.1"),
        ("TAKE_PROFIT_MARKET", "SELL", 103, "102.9", 103),
        ("TAKE_PROFIT_MARKET", "BUY", 97, "97.1", 97),
        ("TAKE_PROFIT", "SELL", 103, "102.9", "103.1"),
        ("TAKE_PROFIT", "BUY", 97, "97.1", "96.9"),
    ],
)
@pytest.mark.parametrize("working", ["CONTRACT_PRICE", "MARK_PRICE"])
def test_each_type_triggers_at_its_price_and_not_before(
    desk, kind, side, trigger, not_yet, reached, working
):
    limit = {"price": trigger} if kind in ("STOP", "TAKE_PROFIT") else {}
    algo = desk.algo(side, kind, 1, trigger, working_type=working, **limit)
    other = 100  # the price it does not watch

    def show(price: object) -> None:
        if working == "MARK_PRICE":
            desk.price(other, mark=price, book=depth(dec(price), dec(price) + dec("0.1")))
        else:
            desk.price(price, mark=other)

    show(not_yet)
    assert (algo.status, algo.order) == ("NEW", None)
    show(reached)
    assert algo.order is not None
    assert algo.triggered == desk.now
    assert algo.order.type == ("LIMIT" if limit else "MARKET")
    assert algo.order.quantity == 1
    assert algo not in desk.engine.open_algos(desk.user)


@pytest.mark.parametrize(
    ("kind", "side", "trigger"),
    [
        ("STOP_MARKET", "SELL", 100),
        ("STOP_MARKET", "BUY", 100),
        ("TAKE_PROFIT_MARKET", "SELL", "99.9"),
        ("TAKE_PROFIT_MARKET", "BUY", "100.1"),
    ],
)
def test_one_that_would_trigger_at_once_is_refused(desk, kind, side, trigger):
    with pytest.raises(VenueError) as refused:
        desk.algo(side, kind, 1, trigger)
    assert (refused.value.code, refused.value.msg) == (-2021, "Order would immediately trigger.")


def test_a_stop_at_the_market_closes_the_position_and_finishes(desk):
    stop = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True, client_id="stop")
    desk.price(94, mark=95)
    assert stop.status == "FINISHED"
    assert (stop.order.status, stop.order.average, stop.order.client_id) == ("FILLED", 94, "stop")
    assert stop.order.reduce_only
    assert desk.engine.query_order(desk.user, "BTCUSDT", order_id=stop.order.id) is stop.order
    assert desk.engine.query_algo(desk.user, client_id="stop") is stop
    assert desk.amount == 0
    with pytest.raises(VenueError, match="-2011"):
        desk.engine.cancel_algo(desk.user, desk.now, algo_id=stop.id)


def test_a_stop_with_a_limit_rests_when_the_market_has_gone_past_it(desk):
    stop = desk.algo("SELL", "STOP", 5, 95, price="94.5", reduce_only=True)
    desk.price(94, mark=95)
    assert (stop.status, stop.order.status) == ("TRIGGERED", "NEW")
    assert desk.engine.open_orders(desk.user) == [stop.order]
    desk.price("94.6", mark=95)
    assert (stop.status, stop.order.average) == ("FINISHED", dec("94.5"))


def test_a_triggered_order_that_is_cancelled_finishes_too(desk):
    stop = desk.algo("SELL", "STOP", 5, 95, price="94.5")
    desk.price(94, mark=95)
    desk.engine.cancel_order(desk.user, "BTCUSDT", desk.now, order_id=stop.order.id)
    assert (stop.status, stop.order.status) == ("FINISHED", "CANCELED")


def test_a_stop_fills_while_a_resting_exit_covers_the_position(desk):
    """Freqtrade leaves its stop in place while the exit order rests."""
    leave = desk.order("SELL", 5, 105, reduce_only=True)
    stop = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True)
    desk.price(95)
    assert (stop.order.executed, leave.status, desk.amount) == (5, "EXPIRED", 0)


def test_a_reduce_only_stop_cannot_open_a_position(desk):
    stop = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True)
    desk.order("SELL", 3)
    desk.price(95)
    assert (stop.order.quantity, desk.amount) == (2, 0)
    late = desk.algo("SELL", "STOP_MARKET", 5, 90, reduce_only=True)
    desk.price(90)
    assert (late.status, late.refusal.code, desk.amount) == ("REJECTED", -2022, 0)


@pytest.mark.parametrize(
    ("book", "code"), [(Depth(bids=((dec(80), dec(99)),)), -4131), (None, None)]
)
def test_a_stop_into_a_book_far_from_mark_is_rejected(desk, book, code):
    stop = desk.algo("SELL", "STOP_MARKET", 5, 95)
    desk.price(95, book=book)
    assert (stop.refusal and stop.refusal.code) == code
    assert stop.status == ("FINISHED" if code is None else "REJECTED")


def test_a_stop_into_an_empty_book_ends_with_nothing_sold(desk):
    stop = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True)
    desk.price(95, book=Depth())
    assert (stop.status, stop.order.status, desk.amount) == ("FINISHED", "EXPIRED", 5)


def test_margin_is_checked_only_when_it_triggers(desk):
    buy = desk.algo("BUY", "STOP_MARKET", 100_000, 105)
    assert desk.engine.balance(desk.user).open_order_initial_margin == 0
    desk.price(105)
    assert (buy.status, buy.refusal.code) == ("REJECTED", -2019)


@pytest.mark.parametrize(
    ("side", "activate", "path", "filled_at"),
    [
        ("SELL", None, [100, 110, "108.1", "107.8"], "107.8"),  # 2% under 110
        ("SELL", None, ["98.1", 98], 98),
        ("SELL", 105, [90, 104, 105, "103.1", "102.9"], "102.9"),  # follows from 105 on
        ("SELL", 105, [90, 104, 90], None),
        ("BUY", None, [100, 90, "91.7", "91.8"], "91.9"),  # 2% over 90; buys at the ask
        ("BUY", 95, [110, 96, 95, "96.8", 97], "97.1"),
        ("BUY", 95, [110, 96, 110], None),
    ],
)
def test_a_trailing_stop_follows_the_best_price(side, activate, path, filled_at):
    desk = Desk(1_000_000)
    more = {} if activate is None else {"activate_price": activate}
    algo = desk.algo(side, "TRAILING_STOP_MARKET", 1, None, callback_rate=2, **more)
    for price in path:
        assert algo.order is None
        desk.price(price)
    assert (algo.order and algo.order.average) == (filled_at and dec(filled_at))


@pytest.mark.parametrize(
    ("code", "side", "more"),
    [
        (-1102, "SELL", {}),
        (-1130, "SELL", {"callback_rate": "0.09"}),
        (-1130, "SELL", {"callback_rate": "10.1"}),
        (-2021, "SELL", {"callback_rate": 1, "activate_price": 100}),
        (-2021, "BUY", {"callback_rate": 1, "activate_price": 100}),
        (-1111, "BUY", {"callback_rate": 1, "activate_price": "99.01"}),
    ],
)
def test_a_bad_trailing_stop_is_refused(desk, code, side, more):
    with pytest.raises(VenueError) as refused:
        desk.algo(side, "TRAILING_STOP_MARKET", 1, None, **more)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("code", "kind", "quantity", "trigger", "more"),
    [
        (-1116, "LIMIT", 1, 95, {}),
        (-1116, "OCO", 1, 95, {}),
        (-1102, "STOP_MARKET", None, 95, {}),
        (-1102, "STOP_MARKET", 1, None, {}),
        (-1102, "STOP", 1, 95, {}),
        (-1111, "STOP_MARKET", 1, "95.01", {}),
        (-1115, "STOP", 1, 95, {"time_in_force": "XXX", "price": 95}),
        (-4031, "STOP_MARKET", 1, 95, {"working_type": "INDEX_PRICE"}),
        (-4015, "STOP_MARKET", 1, 95, {"client_id": ""}),
        (-4061, "STOP_MARKET", 1, 95, {"position_side": "LONG"}),
        (-1121, "STOP_MARKET", 1, 95, {"symbol": "DOGEUSDT"}),
        (-4137, "STOP_MARKET", 1, 95, {"close_position": True}),
        (-1106, "STOP_MARKET", None, 95, {"close_position": True, "reduce_only": True}),
        (-1130, "STOP", None, 95, {"close_position": True, "price": 95}),
    ],
)
def test_a_bad_conditional_order_is_refused(desk, code, kind, quantity, trigger, more):
    with pytest.raises(VenueError) as refused:
        desk.algo("SELL", kind, quantity, trigger, **more)
    assert refused.value.code == code
    assert not desk.user.algos


def test_close_position_closes_whatever_there_is(desk):
    stop = desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True)
    with pytest.raises(VenueError, match="-4130"):
        desk.algo("SELL", "STOP_MARKET", None, 94, close_position=True)
    desk.algo("SELL", "TAKE_PROFIT_MARKET", None, 110, close_position=True)
    desk.order("BUY", 3)
    desk.price(95)
    assert (stop.order.executed, desk.amount) == (8, 0)
    assert not desk.engine.open_algos(desk.user)  # the take-profit has gone with the position


def test_close_position_ends_with_the_position_and_reduce_only_waits(desk):
    whole = desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True)
    part = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True)
    desk.order("SELL", 5)
    assert (whole.status, part.status) == ("EXPIRED", "NEW")
    empty = desk.algo("SELL", "STOP_MARKET", None, 90, close_position=True)
    desk.price(90)
    assert (empty.status, empty.order) == ("EXPIRED", None)


def test_one_stop_may_close_what_another_was_to_close(desk):
    first = desk.algo("SELL", "STOP_MARKET", 5, 95, reduce_only=True)
    second = desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True)
    desk.price(94)
    assert (first.status, second.status, second.triggered) == ("FINISHED", "EXPIRED", 0)


def test_close_position_in_hedge_mode_is_for_its_side():
    desk = Desk()
    desk.engine.set_position_mode(desk.user, hedge=True)
    desk.order("BUY", 2, position_side="LONG")
    desk.order("SELL", 3, position_side="SHORT")
    with pytest.raises(VenueError, match="-2022"):
        desk.algo("BUY", "STOP_MARKET", None, 105, close_position=True, position_side="LONG")
    stop = desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True, position_side="LONG")
    desk.price(95)
    assert stop.order.executed == 2
    assert [p.amount for p in desk.engine.positions(desk.user, "BTCUSDT")] == [0, -3]


def test_conditional_orders_can_be_cancelled_and_expired(desk):
    first, second, third = (desk.algo("SELL", "STOP_MARKET", 1, 95) for _ in range(3))
    desk.engine.cancel_algo(desk.user, desk.now, algo_id=first.id)
    desk.engine.expire_algo(desk.user, second.id, desk.now)
    desk.engine.cancel_all_algos(desk.user, "BTCUSDT", desk.now)
    assert [a.status for a in (first, second, third)] == ["CANCELED", "EXPIRED", "CANCELED"]
    desk.price(94)
    assert desk.amount == 5
