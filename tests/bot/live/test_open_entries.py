"""Decisions about open entries, and about those that could not be checked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.bench.open_entry import NOW, SECOND, Desk, book, entry


@pytest.mark.parametrize(
    ("filled", "price", "placed", "over"),
    [
        (0.0, 30_000.0, NOW - 60 * SECOND, False),
        (0.0, 31_000.0, NOW - 60 * SECOND, True),  # the price is gone
        (0.0, 30_000.0, NOW - 300 * SECOND, True),  # waited enough
        (0.004, 30_000.0, NOW - 3 * SECOND, False),
        (0.004, 30_000.0, NOW - 10 * SECOND, True),  # 10 s, and 6 to the next look
        (0.009, 30_000.0, NOW - 3 * SECOND, True),  # nearly filled
    ],
)
def test_an_entry_is_waited_for_or_ended(desk, filled, price, placed, over):
    desk.dp.book = book(price)
    assert desk.entries.timed_out(*entry(filled, placed=placed), NOW) is over
    assert desk.bot.ended == []


@pytest.mark.parametrize("gone", [RuntimeError("no answer"), book(at=NOW - 10 * SECOND), {}])
def test_without_a_book_it_is_withdrawn(desk, gone):
    desk.dp.book = gone
    assert desk.entries.timed_out(*entry(0.0), NOW)


@pytest.mark.parametrize("filled", [0.0, 0.004, 0.009])
def test_when_entries_are_blocked_it_is_withdrawn(desk, filled, caplog):
    caplog.set_level("INFO")
    trade, order = entry(filled, placed=NOW - 3 * SECOND)
    assert desk.entries.timed_out(trade, order, NOW, "lost 9%")
    assert "no entry any more: lost 9%" in caplog.text
    order.ft_is_open = False
    assert desk.rests.stake(trade, NOW, 1.0) is None


def test_fills_are_without_a_stop_since_the_last_look_that_saw_none(desk):
    trade, order = entry(0.0)
    assert not desk.entries.timed_out(trade, order, NOW)
    order.filled = 0.004
    desk.dp.book = book(at=NOW + 9 * SECOND)
    assert not desk.entries.timed_out(trade, order, NOW + 9 * SECOND)
    assert desk.entries.timed_out(trade, order, NOW + 10 * SECOND)


def test_after_a_restart_they_may_be_so_since_the_order(desk):
    assert desk.entries.timed_out(*entry(0.004), NOW)


@pytest.mark.parametrize(("apart", "over"), [(5, False), (10, True)])
def test_looks_that_are_far_apart_end_it_earlier(desk, apart, over):
    for number in range(3):
        desk.entries.begin_cycle(NOW + number * apart * SECOND)
    assert desk.entries.next_look_seconds == apart + 1
    assert desk.entries.timed_out(*entry(0.004, placed=NOW - 5 * SECOND), NOW) is over


@pytest.mark.parametrize(("gone", "ended"), [(False, True), (True, False)])
def test_what_freqtrade_would_keep_is_ended_without_it(desk, gone, ended):
    desk.bot.gone = gone
    trade, order = entry(0.001)
    assert not desk.entries.timed_out(trade, order, NOW)
    assert desk.bot.ended == [order.order_id] * ended


def test_a_dry_run_fills_whole_and_ends_nothing_itself(trade_database):
    desk = Desk(dry_run=True)
    assert desk.entries.timed_out(*entry(0.001), NOW)
    assert desk.bot.ended == []


def begin(desk, trade, at=NOW) -> None:
    desk.entries.begin_cycle(at)
    desk.entries.end_unseen(trade)


@pytest.mark.parametrize("seconds", [5, 8, 600])
def test_an_entry_that_a_cycle_cannot_look_at_is_ended(desk, seconds):
    """The duration of cycles does not matter."""
    trade, order = entry(0.0)
    for cycle in range(3):
        begin(desk, trade, NOW + cycle * seconds * SECOND)
        assert not desk.entries.timed_out(trade, order, NOW)
    begin(desk, trade)
    assert desk.bot.ended == []
    begin(desk, trade)
    assert desk.bot.ended == [order.order_id]
    begin(desk, trade)  # again, for the exchange may not have heard
    assert desk.bot.ended == [order.order_id] * 2


@pytest.mark.parametrize("since", ["a restart", "it was placed"])
def test_an_entry_is_given_a_look_first(desk, since):
    trade, _ = entry(0.0, placed=NOW - timedelta(hours=1))
    if since == "it was placed":
        desk.entries.begin_cycle(NOW)  # before there was a trade
    begin(desk, trade)
    assert desk.bot.ended == []


@pytest.mark.parametrize(
    ("order", "ended", "updated"),
    [
        ({"status": "open", "filled": 0.0}, False, False),
        ({"status": "open", "filled": 0.001}, True, False),  # a stop waits for it already
        ({"status": "closed", "filled": 0.01}, False, True),
        ({"status": "canceled", "filled": 0.0}, False, True),
        (RuntimeError("no answer"), True, False),
    ],
)
def test_a_second_look_decides_about_what_a_cycle_could_not_look_at(desk, order, ended, updated):
    trade, placed = entry(0.0)
    begin(desk, trade)
    desk.bot.order = order
    begin(desk, trade)
    assert desk.bot.ended == [placed.order_id] * ended
    assert desk.bot.updated == [placed.order_id] * updated


def test_a_second_look_without_a_fill_counts_as_one(desk):
    """Later fills have been without a stop since that check, not since the order."""
    trade, placed = entry(0.0, placed=NOW - 60 * SECOND)
    begin(desk, trade)
    desk.bot.order = {"status": "open", "filled": 0.0}
    begin(desk, trade)
    placed.filled = 0.004
    desk.dp.book = book(at=NOW + 3 * SECOND)
    assert not desk.entries.timed_out(trade, placed, NOW + 3 * SECOND)


@pytest.mark.parametrize(
    ("order", "ended", "updated"),
    [
        ({"status": "open", "filled": 0.0}, False, False),
        ({"status": "open", "filled": 0.001}, True, False),
        ({"status": "closed", "filled": 0.01}, False, True),
        (RuntimeError("no answer"), False, False),  # it is given another one
    ],
)
def test_a_process_that_begins_looks_at_what_filled_while_it_was_down(desk, order, ended, updated):
    """The entry ends before pairs are analysed, which may take long: its fills have no stop."""
    trade, placed = entry(0.0)
    desk.bot.order = order
    begin(desk, trade)
    assert desk.bot.ended == [placed.order_id] * ended
    assert desk.bot.updated == [placed.order_id] * updated
