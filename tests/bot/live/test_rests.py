"""The rest of a nearly filled entry."""

from __future__ import annotations

import pytest

from perpkit.bot.live.rests import REST
from tests.bench.open_entry import BTC, NOW, SECOND, book, entry


def rest(desk, filled=0.009, tag=None, min_stake=1.0):
    trade, order = entry(filled, tag, placed=NOW - 3 * SECOND)
    assert desk.entries.timed_out(trade, order, NOW)
    order.ft_is_open = False
    return desk.rests.stake(trade, NOW, min_stake)


def test_the_rest_takes_what_the_book_offers(desk):
    stake, tag = rest(desk)
    assert tag == REST
    price = desk.rests.price(BTC, 29_000.0)
    assert price == 30_001.0
    assert 0.001 < stake / price * 3 < 0.0010001
    assert desk.rests.price(BTC, 29_000.0) == 29_000.0  # once


@pytest.mark.parametrize(
    ("given", "book_of_the_rest"),
    [
        ({"tag": REST}, book()),  # the rest of a rest
        ({"min_stake": 100.0}, book()),
        ({}, book(amount=0.00001)),
        ({}, book(at=NOW - 10 * SECOND)),
        ({}, RuntimeError("no answer")),
    ],
)
def test_a_rest_that_is_done_without(desk, given, book_of_the_rest):
    desk.dp.book = book_of_the_rest
    assert rest(desk, **given) is None


def test_the_rest_is_not_asked_for_later(desk):
    trade, order = entry(0.009, placed=NOW - 3 * SECOND)
    assert desk.entries.timed_out(trade, order, NOW)
    assert desk.rests.stake(trade, NOW, 1.0) is None  # Freqtrade could not cancel it
    order.ft_is_open = False
    assert desk.rests.stake(trade, NOW, 1.0) is None


def decided(desk, filled=0.009):
    """A trade whose nearly filled entry has ended, and the entry."""
    trade, order = entry(filled, placed=NOW - 3 * SECOND)
    assert desk.entries.timed_out(trade, order, NOW)
    order.ft_is_open = False
    return trade, order


def test_the_rest_is_what_is_missing_now(desk):
    """The entry continues to fill until it has ended."""
    trade, order = decided(desk)
    order.filled = 0.0095
    stake, _ = desk.rests.stake(trade, NOW, 1.0)
    assert 0.0005 < stake / 30_001 * 3 < 0.00050001


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ({"filled": 0.01}, 5 * SECOND),
        ({"filled": 0.011}, 5 * SECOND),
        ({}, 61 * SECOND),
        ({"mid": 30_700.0}, 5 * SECOND),
        ({"mid": 29_300.0}, 5 * SECOND),
        ({"another": True}, 5 * SECOND),
    ],
)
def test_a_rest_that_is_no_longer_wanted(desk, given, later):
    trade, order = decided(desk)
    order.filled = given.get("filled", order.filled)
    desk.dp.book = book(given.get("mid", 30_000.0), at=NOW + later)
    if "another" in given:
        other, _ = entry(0.0, placed=NOW - 120 * SECOND)
        trade.orders.append(other.orders[0])
        trade.orders[-1].ft_is_open = False
    assert desk.rests.stake(trade, NOW + later, 1.0) is None
    assert desk.rests.stake(trade, NOW, 1.0) is None  # nor later
