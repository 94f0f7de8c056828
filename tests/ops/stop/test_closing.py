"""What is to be done next, from what is seen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.book import NoBook, read_book
from perpkit.ops.stop.at_exchange import OrderListing, Seen
from perpkit.ops.stop.closing import (
    HeldPosition,
    OrderToSend,
    Resting,
    closing,
    crossing_price,
    due_of,
    parts,
    request_of,
    within_book,
)
from perpkit.ops.stop.contracts import ZERO, read_contracts
from perpkit.ops.stop.own_part import OwnParts
from perpkit.ops.stop.picture import Picture
from tests.factories import symbol_info

PERCENT = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95"}
INFO = symbol_info("BTC")
CONTRACT = read_contracts({"symbols": [{**INFO, "filters": [*INFO["filters"], PERCENT]}]})[
    "BTCUSDT"
]
CONTRACTS = {"BTCUSDT": CONTRACT}


def held(amount: str | Decimal, side: str = "BOTH") -> HeldPosition:
    return HeldPosition("BTCUSDT", side, Decimal(amount), 100.0)


@pytest.mark.parametrize(
    ("amount", "ours", "due"),
    [
        ("1", "1", "1"),
        ("1.5", "1", "1"),  # with a part of somebody else
        ("0.4", "1", "0.4"),  # of which a stop has closed some
        ("-1", "-0.3", "0.3"),
        ("-1", "1", "0"),  # of the other side
        ("1", "0", "0"),
        ("1", "0.0004", "0"),  # less than can be ordered
    ],
)
def test_never_more_than_the_bots_part_and_only_of_its_side(amount, ours, due):
    assert due_of(held(amount), {"BTCUSDT": Decimal(ours)}, CONTRACT).amount == Decimal(due)


amounts = st.integers(-10_000, 10_000).map(lambda n: n * Decimal("0.001"))


@given(amounts, amounts)
def test_what_is_due_is_bounded_by_both(amount, ours):
    due = due_of(held(amount), {"BTCUSDT": ours}, CONTRACT).amount
    assert 0 <= due <= min(abs(amount), abs(ours))
    assert due == 0 or amount * ours > 0


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_parts_are_all_of_it_and_none_is_too_large(amount, most):
    step = Decimal("0.001")
    found = parts(amount * step, most * step, step)
    assert sum(found) == amount * step
    assert max(found) <= most * step
    assert len(found) == -(-amount // most)


def test_what_is_less_than_a_step_at_market_is_left():
    assert parts(Decimal("0.25"), Decimal(1), Decimal("0.1")) == [Decimal("0.2")]
    assert parts(Decimal("0.05"), Decimal(1), Decimal("0.1")) == []


@pytest.mark.parametrize(("reach", "taken"), [(0.01, "2"), (0.02, "5"), (0.5, "8")])
def test_a_slice_is_what_the_book_holds_within_reach(reach, taken):
    book = read_book(
        {
            "bids": [["99.5", "2"], ["98.2", "3"], ["60", "100"]],
            "asks": [["100.5", "1"]],
        }
    )
    assert within_book(Decimal(8), CONTRACT, book, "SELL", reach) == Decimal(taken)


def test_without_a_book_all_of_it_goes_at_once():
    assert within_book(Decimal(8), CONTRACT, NoBook("no bids"), "SELL", 0.01) == 8


@pytest.mark.parametrize(("amount", "price"), [("1", "95.1"), ("-1", "104.9")])
def test_a_limit_crosses_just_inside_the_bound(amount, price):
    assert crossing_price(held(amount), CONTRACT) == Decimal(price)


def test_without_a_bound_none_crosses():
    contract = read_contracts({"symbols": [{**INFO, "filters": INFO["filters"]}]})["BTCUSDT"]
    assert crossing_price(held("-1"), contract) == Decimal("10000000.0")  # the filter's greatest


@pytest.mark.parametrize(
    ("order", "sent"),
    [
        (
            closing(held("0.5"), Decimal("0.5")),
            {"side": "SELL", "type": "MARKET", "quantity": "0.5", "reduceOnly": "true"},
        ),
        (
            closing(held("-0.5"), Decimal("0.5"), Decimal("104.9")),
            {
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "IOC",
                "price": "104.9",
                "quantity": "0.5",
                "reduceOnly": "true",
            },
        ),
        (
            closing(held("-0.5", "SHORT"), Decimal("1E+1")),
            {"side": "BUY", "type": "MARKET", "quantity": "10", "positionSide": "SHORT"},
        ),
    ],
)
def test_what_is_sent_can_only_reduce(order: OrderToSend, sent):
    always = {"symbol": "BTCUSDT", "newClientOrderId": "id", "newOrderRespType": "RESULT"}
    assert request_of(order, "id") == always | sent


# Orders, beside positions


def order(kind: str, *, ours: bool = True, symbol: str = "BTCUSDT") -> Resting:
    return Resting(
        symbol, f"{kind} {symbol} {ours}", "SELL", kind != "entry", kind == "stop", ZERO, ours
    )


def picture(amount: str | None, own: OwnParts | None, *orders: Resting, **known) -> Picture:
    regular = tuple(each for each in orders if not each.conditional)
    conditional = tuple(each for each in orders if each.conditional)
    positions = None if amount is None else (held(amount),) if Decimal(amount) else ()
    seen = Seen(positions, OrderListing(regular, None), OrderListing(conditional, None))
    return Picture(seen, CONTRACTS, own, **known)


OURS = OwnParts({"BTCUSDT": Decimal(1)})
NONE = OwnParts({"BTCUSDT": ZERO})
UNKNOWN = OwnParts({}, {"BTCUSDT": "no answer"})


def test_entries_go_first_then_exits_and_what_is_the_traders_stays():
    theirs = [order(kind, ours=False) for kind in ("entry", "exit", "stop")]
    found = picture("1", OURS, order("exit"), order("entry"), order("stop"), *theirs)
    assert [each.kind for each in found.cancels_first] == ["entry", "exit"]
    assert found.cancels_last == []


@pytest.mark.parametrize(
    ("amount", "own", "known", "goes"),
    [
        ("1", OURS, {}, False),
        ("0", OURS, {}, True),  # the position is seen flat
        ("0.5", NONE, {}, True),  # down to the trader's part
        ("0.5", UNKNOWN, {}, False),
        (None, NONE, {}, False),  # positions could not be read
        ("0.5", NONE, {"files_complete": False}, False),  # it may be the bot's
        ("0", NONE, {"files_complete": False}, True),
        ("1", None, {}, False),
        ("0", None, {}, True),
    ],
)
def test_a_stop_goes_when_it_protects_nothing(amount, own, known, goes):
    found = picture(amount, own, order("stop"), **known)
    assert bool(found.cancels_last) is goes


@pytest.mark.parametrize(
    ("amount", "own", "in_doubt", "blocked"),
    [
        ("1.5", OURS, {"BTCUSDT"}, True),
        ("1", OURS, {"BTCUSDT"}, False),  # a second order would close nothing
        ("1.5", OURS, (), False),
        ("1.5", None, {"BTCUSDT"}, False),
        ("0", OURS, {"BTCUSDT"}, False),
        (None, OURS, {"BTCUSDT"}, True),
    ],
)
def test_of_a_shared_position_nothing_is_sold_while_an_order_may_arrive(
    amount, own, in_doubt, blocked
):
    found = picture(amount, own, in_doubt=in_doubt)
    assert bool(found.blocked) is blocked


@pytest.mark.parametrize(
    ("found", "settled"),
    [
        (picture("0", OURS), True),
        (picture("0.5", NONE), True),
        (picture("1", OURS), False),
        (picture("0", OURS, order("entry")), False),
        (picture("0", OURS, order("entry", ours=False)), True),
        (picture("0", UNKNOWN), False),
        (picture("0", OwnParts({}, {}, frozenset({"BTCUSDT"}))), False),
        (picture("0.5", NONE, order("stop"), files_complete=False), True),
    ],
)
def test_what_is_still_to_be_done(found, settled):
    assert found.is_settled is settled
