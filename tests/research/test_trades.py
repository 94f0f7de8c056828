"""One trade: its risk, its excursions, its costs; and what many of them made."""

from __future__ import annotations

import pytest

from perpkit.research.locks import Lock, exported_locks, merged
from perpkit.research.trade_statistics import grouped, trade_statistics
from perpkit.research.trades import Trade, TradeFill, exported_trade


def exported(**more):
    return {
        "pair": "BTC/USDT:USDT",
        "is_short": False,
        "is_open": False,
        "fee_open": 0.001,
        "fee_close": 0.002,
        "open_timestamp": 1_000_000,
        "close_timestamp": 3_000_000,
        "profit_abs": 30.0,
        "initial_stop_loss_abs": 95.0,
        "min_rate": 97.0,
        "max_rate": 120.0,
        "orders": [
            order(1, 2, 100, True),
            order(2, 1, 110, False),
            {**order(2, 1, 1, True), "order_filled_timestamp": None},
            order(3, 1, 120, False),
        ],
        **more,
    }


def order(at, amount, rate, entry):
    return {
        "order_filled_timestamp": at * 1_000_000,
        "amount": amount,
        "safe_price": rate,
        "ft_is_entry": entry,
    }


def test_a_trade_by_parts():
    trade = exported_trade(exported())
    assert [fill.amount for fill in trade.fills] == [2, 1, 1]
    assert (trade.entry_rate, trade.entered) == (100, 200)
    assert trade.fees == pytest.approx(0.2 + 0.22 + 0.24)
    assert trade.r_multiple == pytest.approx(30 / (2 * 5))
    assert trade.excursions() == pytest.approx((0.03, 0.2))


@pytest.mark.parametrize(
    ("more", "r"),
    [
        ({"is_short": True, "initial_stop_loss_abs": 110.0}, 30 / 20),
        ({"initial_stop_loss_abs": None}, None),
        ({"initial_stop_loss_abs": 105.0}, None),  # above a long's entry: no risk to measure by
        ({"orders": []}, None),
    ],
)
def test_r_needs_a_first_stop(more, r):
    assert exported_trade(exported(**more)).r_multiple == (None if r is None else pytest.approx(r))


def test_a_short_goes_the_other_way():
    trade = exported_trade(exported(is_short=True))
    assert trade.excursions() == pytest.approx((0.2, 0.03))
    assert [trade.signed(fill) for fill in trade.fills] == [-2, 1, 1]


def made(profit: float, pair: str = "A/B", closed: float | None = 7200.0) -> Trade:
    return Trade(
        pair, False, 1.0, 0.0, closed, profit, 0.0, 0.0, 0.0, 0.0,
        (TradeFill(0.0, 1.0, 100.0, True),), first_stop=90.0,
    )  # fmt: skip


def test_statistics_by_hand():
    found = trade_statistics([made(30), made(-10), made(-5), made(0), made(99, closed=None)])
    assert (found.trades, found.wins, found.losses, found.profit) == (4, 1, 2, 15)
    assert found.profit_factor == pytest.approx(2)
    assert found.expectancy == pytest.approx(3.75)
    assert found.win_rate == pytest.approx(0.25)
    assert found.mean_r == pytest.approx(0.375)
    assert found.mean_hours == pytest.approx(2)


@pytest.mark.parametrize(("trades", "factor"), [([], None), ([made(5)], None), ([made(-5)], 0.0)])
def test_nothing_is_divided_by_nothing(trades, factor):
    found = trade_statistics(trades)
    assert found.profit_factor == factor
    assert (found.expectancy is None) is (not trades)


def test_groups_begin_with_the_most_profitable():
    found = grouped([made(1, "A"), made(5, "B"), made(-9, "C"), made(2, "A")], lambda t: t.pair)
    assert [(name, s.profit) for name, s in found] == [("B", 5), ("A", 3), ("C", -9)]


@pytest.mark.parametrize(
    ("more", "count"), [({}, 1), ({"active": True}, 1), ({"active": False}, 0)]
)
def test_a_lock_that_a_strategy_lifted_is_left_out(more, count):
    hour = 3_600_000
    lock = {"pair": "*", "lock_timestamp": hour, "lock_end_timestamp": 9 * hour, "reason": "x: y"}
    assert len(exported_locks([{**lock, **more}])) == count


def test_locks_that_meet_are_one():
    locks = [
        Lock("*", "*", 0, 10, "Crash: a"),
        Lock("*", "*", 10, 20, "Crash: b"),
        Lock("*", "*", 25, 30, "Crash: c"),
        Lock("*", "*", 5, 8, "Other x"),
        Lock("*", "long", 20, 25, "Crash: d"),
    ]
    found = [(lock.source, lock.side, lock.start, lock.until) for lock in merged(locks)]
    assert found == [
        ("Crash", "*", 0, 20),
        ("Other", "*", 5, 8),
        ("Crash", "long", 20, 25),
        ("Crash", "*", 25, 30),
    ]


@pytest.mark.parametrize(
    ("pair", "side", "at", "held"),
    [
        ("A", "long", 0, True),
        ("A", "short", 5, False),
        ("B", "long", 5, False),
        ("A", "long", 10, False),
    ],
)
def test_a_lock_holds_for_its_pair_side_and_time(pair, side, at, held):
    assert Lock("A", "long", 0, 10, "x").holds(pair, side, at) is held
