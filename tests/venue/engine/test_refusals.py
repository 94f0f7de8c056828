"""Every refusal, in the exchange's code and words, and that a refused request changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from perpkit.venue.engine import Depth, Engine, NewOrder, Refusal, Restrictions, SymbolStatus
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import BTC, Desk, dec, depth


def refused(act: Callable[[], object]) -> VenueError:
    with pytest.raises(VenueError) as error:
        act()
    return error.value


PLACEMENTS = [
    # quantity and price
    (-1013, "BUY", "NaN", "100", {}),
    (-1013, "BUY", "1", "Infinity", {}),
    (-1102, "BUY", None, "100", {}),
    (-1102, "BUY", "1", None, {"type": "LIMIT"}),
    (-1102, "BUY", "1", "100", {"tif": None}),
    (-1111, "BUY", "1.0001", "100", {}),
    (-1111, "BUY", "1", "100.01", {}),
    (-4001, "BUY", "1", "0", {}),
    (-4001, "BUY", "1", "-1", {}),
    (-4002, "SELL", "1", "10000000.1", {}),
    (-4003, "BUY", "0", "100", {}),
    (-4003, "BUY", "-1", None, {}),
    (-4005, "BUY", "1000000.001", "100", {}),
    (-4005, "BUY", "100000.001", None, {}),
    (-4014, "BUY", "1", "100.02", {"symbol": "ETHUSDT"}),  # the tick is 0.05
    (-1111, "BUY", "1.005", "100", {"symbol": "ETHUSDT"}),
    (-4164, "BUY", "0.049", "100", {}),
    (-4164, "BUY", "0.049", None, {}),
    (-4016, "BUY", "1", "105.1", {}),
    (-4024, "SELL", "1", "94.9", {}),
    # words
    (-1106, "BUY", "1", "100", {"type": "MARKET"}),
    (-1115, "BUY", "1", "100", {"tif": "DAY"}),
    (-1116, "BUY", "1", "100", {"type": "ICEBERG"}),
    (-4120, "BUY", "1", "100", {"type": "STOP_MARKET"}),
    (-1117, "LONG", "1", "100", {}),
    (-1121, "BUY", "1", "100", {"symbol": "DOGEUSDT"}),
    (-4015, "BUY", "1", "100", {"client_id": "no spaces"}),
    (-4015, "BUY", "1", "100", {"client_id": "x" * 37}),
    (-4060, "BUY", "1", "100", {"position_side": "UP"}),
    (-4061, "BUY", "1", "100", {"position_side": "LONG"}),
    # position and margin
    (-2022, "BUY", "1", "100", {"reduce_only": True}),
    (-2019, "BUY", "1100", "100", {}),
    (-2019, "SELL", "1100", None, {}),
    (-2027, "BUY", "200001", "100", {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "side", "quantity", "price", "more"), PLACEMENTS)
def test_a_bad_order_is_refused_and_leaves_nothing(code, side, quantity, price, more):
    desk = Desk(10_000)
    desk.price(100, symbol="ETHUSDT")
    error = refused(lambda: desk.order(side, quantity, price, **more))
    assert error.code == code
    assert error.msg
    assert error.status == 400
    assert not desk.user.orders
    assert desk.engine.balance(desk.user).available == 10_000


def test_a_quantity_of_the_right_digits_but_off_a_coarse_step_is_named_so():
    engine = Engine([replace(BTC, step=Decimal("0.005"))])
    user = engine.add_account("k", "s", Decimal(1000), 0)
    error = refused(
        lambda: engine.place_order(user, NewOrder("BTCUSDT", "BUY", "MARKET", dec("0.007")), 0)
    )
    assert (error.code, error.msg) == (-4023, "Qty not increased by step size.")


# BTC as on record: tick 0.1 with a precision of 2, prices 556.80 to 4529764, lots 1000 and 120.
RECORDED = replace(
    BTC,
    precision=2,
    min_price=dec("556.8"),
    max_price=dec(4_529_764),
    max_quantity=dec(1_000),
    max_market_quantity=dec(120),
)


@pytest.mark.parametrize(
    ("code", "quantity", "price"),
    [
        (-1111, "1", "50000.001"),
        (-1111, "1.0001", "50000"),
        (-4014, "1", "50000.01"),  # fine enough, off the tick
        (-4013, "1", "556.7"),
        (-4013, "1", "0.01"),
        (-4002, "1", "4529764.1"),
        (-4005, "1000.001", "50000"),
        (-4005, "120.001", None),
        (-4005, "1000", None),
    ],
)
def test_the_limits_on_record_are_refused_in_the_exchanges_codes(code, quantity, price):
    desk = Desk(10_000_000, contracts=[RECORDED])
    desk.price(50_000, book=depth(50_000, "50000.1", 10_000))
    assert refused(lambda: desk.order("BUY", quantity, price)).code == code
    assert not desk.user.orders


def test_a_limit_order_may_be_larger_than_one_at_market():
    desk = Desk(100_000_000, contracts=[RECORDED])
    desk.price(50_000, book=depth(50_000, "50000.1", 10_000))
    assert refused(lambda: desk.order("BUY", "120.001")).code == -4005
    desk.order("BUY", "120.001", "49999")
    assert refused(lambda: desk.order("BUY", 1_000)).code == -4005
    desk.order("BUY", 120)
    assert desk.amount == 120


@pytest.mark.parametrize(
    ("kind", "more", "lot"),
    [
        ("STOP_MARKET", {}, 120),
        ("TAKE_PROFIT_MARKET", {}, 120),
        ("TRAILING_STOP_MARKET", {"callback_rate": dec(1)}, 120),
        ("STOP", {"price": dec(49_000)}, 1_000),
    ],
)
def test_a_conditional_order_has_the_lot_of_what_it_becomes(kind, more, lot):
    desk = Desk(100_000_000, contracts=[RECORDED])
    desk.price(50_000)
    trigger = None if kind == "TRAILING_STOP_MARKET" else 51_000 if "PROFIT" in kind else 49_000
    desk.algo("SELL", kind, lot, trigger, **more)
    error = refused(lambda: desk.algo("SELL", kind, lot + dec("0.001"), trigger, **more))
    assert error.code == -4005


def test_a_stop_that_closes_all_closes_more_than_a_market_order_may_be():
    desk = Desk(100_000_000, contracts=[RECORDED])
    desk.price(50_000, book=depth(50_000, "50000.1", 10_000))
    for _ in range(3):
        desk.order("BUY", 100)
    desk.algo("SELL", "STOP_MARKET", None, 49_000, close_position=True)
    desk.price(48_990, book=depth(48_990, "48990.1", 10_000))
    assert desk.amount == 0


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda d: d.order("BUY", 1, "105.1"), "Limit price can't be higher than 105.0."),
        (lambda d: d.order("SELL", 1, "94.9"), "Limit price can't be lower than 95.0."),
        (
            lambda d: d.order("BUY", "0.01", "100"),
            "Order's notional must be no smaller than 5 (unless you choose reduce only).",
        ),
        (
            lambda d: d.order("BUY", None),
            "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
        ),
        (lambda d: d.engine.set_leverage(d.user, "BTCUSDT", 126), "Leverage 126 is not valid"),
        (lambda d: d.order("BUY", 1100, 100), "Margin is insufficient."),
    ],
)
def test_messages_carry_the_figures(act, message):
    desk = Desk(10_000)
    assert refused(lambda: act(desk)).msg == message


@pytest.mark.parametrize(
    ("side", "book"),
    [
        ("BUY", Depth(asks=((dec("105.1"), dec(9)),))),
        ("SELL", Depth(bids=((dec("94.9"), dec(9)),))),
    ],
)
def test_a_market_order_is_refused_when_the_book_is_far_from_mark(side, book):
    desk = Desk()
    desk.price(100, book=book)
    assert refused(lambda: desk.order(side, 1)).code == -4131


def test_reduce_only_is_exempt_from_the_minimum_notional():
    desk = Desk()
    desk.order("BUY", "0.06")
    desk.order("SELL", "0.02", reduce_only=True)
    assert desk.amount == dec("0.04")


def test_open_orders_are_limited_by_number():
    desk = Desk(1_000_000)
    for _ in range(200):
        desk.order("BUY", "0.1", 99)
    assert refused(lambda: desk.order("BUY", "0.1", 99)).code == -2025
    for _ in range(200):
        desk.algo("SELL", "STOP_MARKET", 1, 90)
    assert refused(lambda: desk.algo("SELL", "STOP_MARKET", 1, 90)).code == -4045


def test_a_client_id_of_an_open_order_is_taken():
    desk = Desk()
    desk.order("BUY", 1, 99, client_id="a")
    assert refused(lambda: desk.order("BUY", 1, 99, client_id="a")).code == -4116
    desk.algo("SELL", "STOP_MARKET", 1, 90, client_id="b")
    assert refused(lambda: desk.algo("SELL", "STOP_MARKET", 1, 90, client_id="b")).code == -4116


def test_unknown_orders_are_told_apart_by_what_is_asked():
    desk = Desk()
    engine, user = desk.engine, desk.user
    order = desk.order("BUY", 1)
    assert refused(lambda: engine.query_order(user, "BTCUSDT", order_id=99)).code == -2013
    assert refused(lambda: engine.query_order(user, "ETHUSDT", order_id=order.id)).code == -2013
    assert refused(lambda: engine.query_algo(user, algo_id=99)).code == -2013
    assert refused(lambda: engine.cancel_algo(user, 1, algo_id=99)).code == -2011
    assert refused(lambda: engine.cancel_order(user, "BTCUSDT", 1, order_id=99)).code == -2011
    filled = refused(lambda: engine.cancel_order(user, "BTCUSDT", 1, order_id=order.id))
    assert (filled.code, filled.msg) == (-2011, "Unknown order sent.")
    assert refused(lambda: engine.expire_algo(user, 99, 1)).code == -2011
    assert refused(lambda: engine.fill_order(user, 99, Decimal(1), 1)).code == -2011


def test_before_the_first_price_orders_are_rejected():
    desk = Desk()
    assert refused(lambda: desk.order("BUY", 1, symbol="ETHUSDT")).code == -2010


def test_an_empty_wallet_is_told_apart_from_too_little_margin():
    desk = Desk(0)
    assert refused(lambda: desk.order("BUY", 1)).code == -2018


@pytest.mark.parametrize(
    ("status", "opening", "closing"),
    [
        (SymbolStatus.TRADING, None, None),
        (SymbolStatus.SETTLING, -4140, None),
        (SymbolStatus.CLOSE, -4141, -4141),
    ],
)
def test_a_symbol_that_is_delisted_can_be_left_but_not_entered(status, opening, closing):
    desk = Desk()
    desk.order("BUY", 2)
    desk.engine.set_status("BTCUSDT", status)
    for code, side, reduce_only in ((opening, "BUY", False), (closing, "SELL", True)):
        if code is None:
            desk.order(side, 1, reduce_only=reduce_only)
        else:
            assert (
                refused(lambda s=side, r=reduce_only: desk.order(s, 1, reduce_only=r)).code == code
            )


@pytest.mark.parametrize(
    ("restrictions", "trading", "address", "allowed"),
    [
        (Restrictions(), True, "1.2.3.4", True),
        (Restrictions(trade=False), True, "1.2.3.4", False),
        (Restrictions(trade=False), False, "1.2.3.4", True),
        (Restrictions(read=False), False, "1.2.3.4", False),
        (Restrictions(addresses=frozenset({"1.2.3.4"})), True, "1.2.3.4", True),
        (Restrictions(addresses=frozenset({"1.2.3.4"})), False, "4.3.2.1", False),
    ],
)
def test_a_key_does_what_it_is_allowed_from_where_it_is_allowed(
    restrictions, trading, address, allowed
):
    engine = Engine([BTC])
    account = engine.add_account("k", "s", Decimal(1), 0, restrictions=restrictions)
    if allowed:
        account.authorize(trading=trading, address=address, now=0)
    else:
        error = refused(lambda: account.authorize(trading=trading, address=address, now=0))
        assert (error.code, error.status) == (-2015, 401)
    assert refused(lambda: engine.account("unknown")).code == -2015


def test_hedge_mode_knows_no_reduce_only():
    desk = Desk()
    desk.engine.set_position_mode(desk.user, hedge=True)
    long = {"position_side": "LONG"}
    assert refused(lambda: desk.order("SELL", 1, reduce_only=True, **long)).code == -1106
    assert refused(lambda: desk.order("SELL", 1)).code == -4061


def test_a_trigger_that_has_passed_is_refused():
    desk = Desk()
    desk.order("BUY", 1)
    assert refused(lambda: desk.algo("SELL", "STOP_MARKET", 1, 100)).code == -2021


def test_a_book_far_away_does_not_hold_up_limit_orders():
    desk = Desk()
    desk.price(100, book=depth(90, 110))
    assert desk.order("BUY", 1, 100).is_open


def test_codes_are_unique():
    assert len({refusal.code for refusal in Refusal}) == len(Refusal)
