"""MARKET and LIMIT orders: what trades at once, what rests, what expires, and how it is booked."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from perpkit.venue.engine import Depth
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import Desk, dec, depth

THIN = depth(100, "100.1", size=1, levels=3)  # asks 100.1, 100.2, 100.3, one BTC each


@pytest.fixture
def desk() -> Desk:
    desk = Desk(1_000_000)
    desk.price(100, book=THIN)
    return desk


class Met(NamedTuple):
    """An order, and what has become of it at once."""

    side: str
    quantity: int
    status: str
    price: str | None = None
    tif: str | None = None
    executed: int = 0
    average: str = "0"


@pytest.mark.parametrize(
    "case",
    [
        Met("BUY", 1, "FILLED", executed=1, average="100.1"),
        Met("BUY", 2, "FILLED", executed=2, average="100.15"),
        # the book is empty after three
        Met("BUY", 5, "EXPIRED", executed=3, average="100.2"),
        Met("SELL", 2, "FILLED", executed=2, average="99.95"),
        Met("BUY", 1, "NEW", price="99.5", tif="GTC"),
        Met("BUY", 1, "FILLED", price="100.1", tif="GTC", executed=1, average="100.1"),
        Met("BUY", 2, "PARTIALLY_FILLED", price="100.1", tif="GTC", executed=1, average="100.1"),
        # better than its limit
        Met("BUY", 2, "FILLED", price="101", tif="GTC", executed=2, average="100.15"),
        Met("SELL", 2, "FILLED", price="99.9", tif="GTC", executed=2, average="99.95"),
        Met("SELL", 2, "PARTIALLY_FILLED", price="100", tif="GTC", executed=1, average="100"),
        Met("BUY", 2, "EXPIRED", price="100.1", tif="IOC", executed=1, average="100.1"),
        Met("BUY", 2, "FILLED", price="100.2", tif="IOC", executed=2, average="100.15"),
        Met("BUY", 1, "EXPIRED", price="99", tif="IOC"),
        Met("BUY", 2, "FILLED", price="100.2", tif="FOK", executed=2, average="100.15"),
        Met("BUY", 1, "NEW", price="100", tif="GTX"),
        Met("SELL", 1, "NEW", price="100.1", tif="GTX"),
    ],
)
def test_an_order_meets_the_book(desk, case):
    order = desk.order(case.side, case.quantity, case.price, case.tif)
    assert (order.status, order.executed, order.average) == (
        case.status,
        dec(case.executed),
        dec(case.average),
    )
    assert order.quote == order.average * order.executed
    assert (order in desk.engine.open_orders(desk.user)) is order.is_open
    assert abs(desk.amount) == order.executed


@pytest.mark.parametrize(
    ("price", "tif", "code"), [("100.1", "FOK", -5021), ("100.1", "GTX", -5022)]
)
def test_all_or_nothing_and_post_only_leave_no_trace_when_refused(desk, price, tif, code):
    with pytest.raises(VenueError) as refused:
        desk.order("BUY", 2, price, tif)
    assert refused.value.code == code
    assert not desk.user.orders
    assert desk.amount == 0


def test_a_taker_leaves_less_for_the_next_order_until_the_book_changes(desk):
    assert [desk.order("BUY", 1).average for _ in range(3)] == [
        dec("100.1"),
        dec("100.2"),
        dec("100.3"),
    ]
    assert desk.order("BUY", 1).status == "EXPIRED"
    desk.price(100, book=THIN)  # the same snapshot once more
    assert desk.order("BUY", 1).executed == 0
    desk.price(100, book=depth(100, "100.1", size=2, levels=3))
    assert desk.order("BUY", 1).average == dec("100.1")


def test_a_market_order_stops_at_the_bound_around_mark(desk):
    desk.price(100, book=Depth(asks=((dec(104), dec(1)), (dec(106), dec(9)))))
    order = desk.order("BUY", 3)
    assert (order.status, order.executed, order.average) == ("EXPIRED", 1, 104)


@pytest.mark.parametrize("price", [None, "100.1"])
def test_without_a_book_an_order_that_takes_expires_untraded(desk, price):
    desk.price(100, book=Depth())
    order = desk.order("BUY", 1, price, "IOC")
    assert (order.status, order.executed) == ("EXPIRED", 0)


def test_trades_carry_commission_and_realised_profit(desk):
    bought = desk.order("BUY", 2)
    rested = desk.order("SELL", 2, "110", reduce_only=True)
    desk.price(111, book=depth(111, "111.1"))
    entry, other, out = desk.user.fills
    assert (entry.order_id, entry.maker, entry.realized_pnl) == (bought.id, False, 0)
    assert entry.commission == dec("100.1") * dec("0.0005")
    assert other.commission == dec("100.2") * dec("0.0005")
    assert (out.order_id, out.maker, out.price, out.quote) == (rested.id, True, 110, 220)
    assert out.commission == dec(220) * dec("0.0002")
    assert out.realized_pnl == dec("2") * (110 - dec("100.15"))
    assert desk.incomes("REALIZED_PNL") == [out.realized_pnl]


@pytest.mark.parametrize(
    ("trades", "amount", "entry", "realized"),
    [
        ([("BUY", 2), ("BUY", 2)], 4, 110, []),
        ([("BUY", 2), ("SELL", 1)], 1, 100, [20]),
        ([("BUY", 2), ("SELL", 2)], 0, 0, [40]),
        ([("BUY", 2), ("SELL", 3)], -1, 120, [40]),  # flips: the rest opens a short
        ([("SELL", 2), ("BUY", 3)], 1, 120, [-40]),
    ],
)
def test_positions_average_shrink_close_and_flip(trades, amount, entry, realized):
    desk = Desk(1_000_000)
    for (side, quantity), price in zip(trades, (100, 120), strict=True):
        level = ((dec(price), dec(100)),)
        desk.price(price, book=Depth(level, level))
        desk.order(side, quantity)
    assert (desk.amount, desk.position().entry_price) == (amount, entry)
    assert desk.incomes("REALIZED_PNL") == realized


def test_orders_are_found_by_either_id(desk):
    order = desk.order("BUY", 1, "99", client_id="mine")
    found = desk.engine.query_order
    assert found(desk.user, "BTCUSDT", order_id=order.id) is order
    assert found(desk.user, "BTCUSDT", client_id="mine") is order
    assert desk.engine.orders(desk.user, "BTCUSDT") == [order]
    assert desk.engine.cancel_order(desk.user, "BTCUSDT", 2, client_id="mine") is order
    assert (order.status, order.updated) == ("CANCELED", 2)
    assert not desk.engine.open_orders(desk.user, "BTCUSDT")


def test_a_client_id_is_free_again_when_its_order_has_ended(desk):
    first = desk.order("BUY", 1, client_id="mine")
    second = desk.order("BUY", 1, client_id="mine")
    assert first is not second
    assert desk.engine.query_order(desk.user, "BTCUSDT", client_id="mine") is second


def test_accounts_do_not_see_each_other(desk):
    other = desk.another("second")
    order = desk.order("BUY", 1, "99")
    with pytest.raises(VenueError, match="-2013"):
        desk.engine.query_order(other, "BTCUSDT", order_id=order.id)
    assert not desk.engine.open_orders(other)
    assert desk.engine.account("second") is other
    assert desk.engine.accounts == [desk.user, other]
    with pytest.raises(ValueError, match="api_key"):
        desk.another("second")


def test_cancel_all_is_for_one_symbol(desk):
    desk.price(100, symbol="ETHUSDT", book=THIN)
    kept = desk.order("BUY", 1, "99", symbol="ETHUSDT")
    desk.order("BUY", 1, "99")
    desk.order("BUY", 1, "98")
    desk.engine.cancel_all(desk.user, "BTCUSDT", desk.now)
    assert desk.engine.open_orders(desk.user) == [kept]


def test_the_exchange_may_end_or_fill_an_order_by_itself(desk):
    order = desk.order("BUY", 2, "99")
    desk.engine.fill_order(desk.user, order.id, dec("0.5"), desk.now)
    assert (order.status, order.executed, order.average) == ("PARTIALLY_FILLED", dec("0.5"), 99)
    with pytest.raises(VenueError, match="-1130"):
        desk.engine.fill_order(desk.user, order.id, dec(2), desk.now)
    desk.engine.expire_order(desk.user, order.id, desk.now)
    assert order.status == "EXPIRED"
    for again in (
        lambda: desk.engine.expire_order(desk.user, order.id, desk.now),
        lambda: desk.engine.fill_order(desk.user, order.id, dec(1), desk.now),
    ):
        with pytest.raises(VenueError, match="-2011"):
            again()


def test_hedge_mode_holds_both_sides_apart():
    desk = Desk()
    desk.engine.set_position_mode(desk.user, hedge=True)
    desk.order("BUY", 2, position_side="LONG")
    desk.order("SELL", 3, position_side="SHORT")
    long, short = desk.engine.positions(desk.user, "BTCUSDT")
    assert (long.position_side, long.amount) == ("LONG", 2)
    assert (short.position_side, short.amount) == ("SHORT", -3)
    desk.order("SELL", 5, position_side="LONG")  # closes what there is, no more
    desk.order("BUY", 1, position_side="SHORT")
    assert [p.amount for p in desk.engine.positions(desk.user, "BTCUSDT")] == [0, -2]
    with pytest.raises(VenueError, match="-2022"):
        desk.order("SELL", 1, position_side="LONG")
