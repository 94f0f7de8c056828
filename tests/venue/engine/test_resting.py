"""LIMIT orders that wait: the queue, partial fills, and reduce-only orders that never flip."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.venue.engine import Contract, Depth
from perpkit.venue.errors import VenueError
from perpkit.venue.market.book import make_book
from perpkit.venue.market.instruments import Instrument
from tests.venue.engine.desk import BRACKETS, Desk, dec, depth


@pytest.fixture
def desk() -> Desk:
    return Desk(1_000_000)


@pytest.mark.parametrize(
    ("last", "bid", "ask", "size", "filled"),
    [
        ("99.1", "99", "99.2", 50, 0),  # above its price
        ("99", "99", "99.1", 50, 0),  # at its price, and nothing known to have traded
        ("98.9", "98.8", "98.9", 50, 10),  # through
        ("98.9", "98.8", "98.9", 4, 8),  # through: as much as shows up to 99, two levels of 4
        ("98.9", "98", "99.5", 4, 4),  # through, in a wide spread: the best level
        ("99.5", "98.9", "99", 4, 4),  # the other side offers at its price
    ],
)
def test_a_resting_buy_at_99_fills_when_the_market_comes_through(
    desk, last, bid, ask, size, filled
):
    order = desk.order("BUY", 10, 99)
    desk.price(last, book=depth(bid, ask, size=size))
    assert order.executed == filled
    assert order.average == (99 if filled else 0)


@pytest.mark.parametrize(
    ("last", "bid", "ask", "filled"),
    [("100.9", "100.9", "101", 0), ("101.1", "101.1", "101.2", 10), ("101", "101", "101.2", 10)],
)
def test_a_resting_sell_at_101_likewise(desk, last, bid, ask, filled):
    order = desk.order("SELL", 10, 101)
    desk.price(last, book=depth(bid, ask))
    assert order.executed == filled
    assert desk.amount == -filled


def test_at_its_price_it_waits_for_those_ahead(desk):
    desk.price(100, book=depth(100, "100.1", size=5))
    first = desk.order("BUY", 2, 99.8)
    second = desk.order("BUY", 3, 99.8)
    assert (first.ahead, second.ahead) == (5, 5)
    wide = depth(99, 101)
    executed = []
    for traded in (4, 2, 2, 9):
        desk.price(99.8, book=wide, traded=dec(traded))
        executed.append((first.executed, second.executed))
    # 4 + 1 go to those ahead, then the first, then the second
    assert executed == [(0, 0), (1, 0), (2, 1), (2, 3)]
    assert first.status == second.status == "FILLED"


def test_better_prices_fill_first_and_share_the_depth(desk):
    low = desk.order("BUY", 10, 98)
    high = desk.order("BUY", 10, 99)
    desk.price(97, book=Depth(asks=((dec("97.1"), dec(12)),)))
    assert (high.executed, low.executed) == (10, 2)


@pytest.mark.parametrize(("most", "filled"), [(0, 0), (3, 3), (12, 12), (100, 20), (None, 20)])
def test_the_market_may_be_made_to_fill_slowly(desk, most, filled):
    orders = [desk.order("BUY", 10, 99), desk.order("BUY", 10, 98)]
    limit = None if most is None else dec(most)
    desk.price(97, book=depth("96.9", 97), resting_limit=limit)
    assert sum(order.executed for order in orders) == filled


def test_a_stuck_order_takes_nothing_from_the_book(desk):
    desk.order("BUY", 10, 99)
    book = Depth(asks=((dec(97), dec(10)),))
    desk.price(97, book=book, resting_limit=dec(0))
    assert desk.order("BUY", 10).executed == 10


@pytest.mark.parametrize(
    ("position", "resting", "asked", "accepted"),
    [
        (10, [], (4, None), 4),
        (10, [], (10, None), 10),
        (10, [], (25, None), 10),  # cut to the position
        (10, [(10, 110)], (10, None), 10),  # at market it goes first
        (10, [(4, 110)], (10, 120), 6),  # 4 are closed before
        (10, [(4, 120)], (10, 110), 10),  # those at 120 come after
        (10, [(10, 110)], (1, 110), None),
        (0, [], (1, None), None),
        (-10, [], (1, None), None),
    ],
)
def test_a_reduce_only_sell_is_cut_to_what_it_can_close(desk, position, resting, asked, accepted):
    if position:
        desk.order("BUY" if position > 0 else "SELL", abs(position))
    for quantity, price in resting:
        desk.order("SELL", quantity, price, reduce_only=True)
    quantity, price = asked
    if accepted is None:
        with pytest.raises(VenueError, match="-2022"):
            desk.order("SELL", quantity, price, reduce_only=True)
    else:
        assert desk.order("SELL", quantity, price, reduce_only=True).quantity == accepted


def test_reduce_only_orders_end_with_the_position(desk):
    desk.order("BUY", 10)
    near = desk.order("SELL", 6, 101, reduce_only=True)
    far = desk.order("SELL", 10, 102, reduce_only=True)
    assert far.quantity == 4
    desk.order("SELL", 7)  # 3 are left for both
    desk.price(103, book=depth(103, "103.1"))
    assert (near.executed, near.status) == (3, "EXPIRED")
    assert (far.executed, far.status) == (0, "EXPIRED")
    assert desk.amount == 0


def test_reduce_only_orders_end_when_the_position_flips(desk):
    desk.order("BUY", 1)
    out = desk.order("SELL", 1, 105, reduce_only=True)
    desk.order("SELL", 3)
    assert out.status == "EXPIRED"
    desk.price(106, book=depth(106, "106.1"))
    assert desk.amount == -2


def test_an_entry_order_outlives_the_position(desk):
    desk.order("BUY", 1)
    more = desk.order("BUY", 1, 99)
    desk.order("SELL", 1)
    assert more.is_open


@pytest.mark.parametrize(("tick", "last"), [(0.1, 60_000.0), (0.0001, 0.6123), (0.01, 87.65)])
def test_a_book_of_the_market_becomes_a_depth_on_the_grids(tick, last):
    instrument = Instrument("BTC", tick, 0.001)
    contract = Contract.of(instrument, BRACKETS)
    made = make_book(
        instrument, last, turnover=1e9, stress=2.0, levels=50, rng=np.random.default_rng(5)
    )
    shown = Depth.of(contract, made)
    for levels, prices, sizes in (
        (shown.bids, made.bid_prices, made.bid_sizes),
        (shown.asks, made.ask_prices, made.ask_sizes),
    ):
        assert [float(p) for p, _ in levels] == pytest.approx(prices.tolist(), rel=1e-12)
        assert [float(q) for _, q in levels] == pytest.approx(sizes.tolist(), rel=1e-12)
        assert all(p % contract.tick == 0 and q % contract.step == 0 for p, q in levels)
