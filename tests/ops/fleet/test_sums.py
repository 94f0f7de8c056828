"""Sums over a fleet, and which limits are exceeded: tables."""

from __future__ import annotations

import pytest

from perpkit.ops.fleet.fleet_file import Limits
from perpkit.ops.fleet.readings import Reading
from perpkit.ops.fleet.sums import Sum, breaches, sums, weights
from perpkit.record.latch import LatchState
from tests.bench.states import NOW, SECOND
from tests.ops.fleet.factories import account, member, reading, requests

A, B, C = member("a"), member("b"), member("c", "two")
REDUCING, HALTED = LatchState.REDUCING, LatchState.HALTED


@pytest.mark.parametrize(
    ("readings", "equity", "gross"),
    [
        ([reading(A, account=account(1_000, 500))], 1_000, 500),
        # One wallet of 1,000, and the profits of both.
        (
            [
                reading(A, account=account(1_010, 500, 10)),
                reading(B, account=account(980, 300, -20)),
            ],
            990,
            800,
        ),
        # Both have lost 100, and the own equity of neither has what the other lost: the newest
        # balance has.
        (
            [
                reading(A, account=account(900, 0, 0, balance=900, balance_at=NOW - SECOND)),
                reading(B, account=account(900, 0, 0, balance=800)),
            ],
            800,
            0,
        ),
        # So it has what both have won; what is open counts in full.
        (
            [
                reading(A, account=account(1_100, 0, 0, balance=1_200)),
                reading(B, account=account(1_130, 0, 30, balance=1_100, balance_at=NOW - SECOND)),
            ],
            1_230,
            0,
        ),
        # Funding of what is open is in the balance already.
        (
            [
                reading(A, account=account(1_015, 0, 15, balance=1_005, funding=5)),
                reading(B, account=account(1_000, 0, -7, balance=1_005, funding=-2)),
            ],
            1_010,
            0,
        ),
        (
            [
                reading(A, account=account(1_000)),
                reading(B, account=account(1_000)),
                reading(C, account=account(500, 50)),
            ],
            1_500,
            50,
        ),
        # Each has a part of the account.
        (
            [
                reading(member("a", own_capital=True), account=account(400)),
                reading(member("b", own_capital=True), account=account(600)),
            ],
            1_000,
            0,
        ),
        # Simulated wallets are of one bot each.
        (
            [
                reading(member("a", live=False), account=account(1_000)),
                reading(member("b", live=False), account=account(1_000)),
            ],
            2_000,
            0,
        ),
    ],
)
def test_an_account_counts_once(readings, equity, gross):
    [total] = sums(readings)
    assert (total.equity, total.gross, total.unknown) == (equity, gross, ())


OLD = NOW - 35 * 60 * SECOND - SECOND


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"balance": None}, {}, "not all of its bots know its balance"),
        ({"balance_at": None}, {}, "not all of its bots know its balance"),
        ({"funding": None}, {}, "not all of its bots know their funding"),
        ({"balance_at": OLD}, {"balance_at": OLD}, "read last at 2026-03-02 09:24:59 UTC"),
        ({"balance_at": OLD}, {"balance_at": OLD + SECOND}, ""),
    ],
)
def test_a_shared_balance_that_is_not_known_or_old_is_no_sum(first, second, words):
    one = reading(A, account=account(1_000, **first))
    [total] = sums([one, reading(B, account=account(1_000, **second))])
    assert (total.equity is None) is bool(words)
    assert words in "; ".join(total.unknown)
    [alone] = sums([one])  # it knows its own
    assert alone.equity == 1_000


def test_parts_of_an_account_have_names_of_their_own():
    # In one order, whichever the file has.
    own = [reading(member(name, own_capital=True), account=account(400)) for name in "ba"]
    assert sums(own)[0].accounts == ("one/a", "one/b")
    shared = [reading(member(name), account=account(400)) for name in "ab"]
    assert sums(shared)[0].accounts == ("one",)


def test_live_and_simulated_money_are_not_added_up():
    dry = member("d", live=False)
    live, simulated = sums(
        [reading(dry, account=account(9_000)), reading(A, account=account(1_000))]
    )
    assert (live.mode, live.equity) == ("live", 1_000)
    assert (simulated.mode, simulated.equity) == ("dry-run", 9_000)


GOOD = reading(A, account=account(1_000))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Reading(C, None, "There is no state file"), "c: There is no state file"),
        (reading(C, "it is old", account=account(1_000)), "c: it is old"),
        (reading(C), "c: its state file has no account"),
        (reading(C, missing={"account": "KeyError: x"}), "c: KeyError: x"),
        (reading(C, account=account(None)), "c: it does not know its equity now"),
        (reading(C, account=account(1, None)), "c: it does not know its exposure now"),
        (reading(C, account=account(1, 1, None)), "c: it does not know its profit now"),
        (reading(C, account=account(1, currency="USDC")), "the stake currencies differ: USDC"),
        (
            reading(member("c", own_capital=True), account=account(1)),
            "account one: either all of its bots must have available_capital, or none",
        ),
    ],
)
def test_what_is_not_known_is_no_zero(bad, words):
    [total] = sums([GOOD, bad])
    assert (total.equity, total.gross) == (None, None)
    assert words in "; ".join(total.unknown)
    assert breaches(total, 10_000, Limits(max_gross=0.1, max_drawdown=0.1)) == []


def total(equity: float | None, gross: float | None) -> Sum:
    return Sum(True, ("one",), "USDT", equity, gross)


BOTH = Limits(max_gross=2.0, max_drawdown=0.2)


@pytest.mark.parametrize(
    ("found", "peak", "limits", "states"),
    [
        (total(1_000, 2_000), 1_000, BOTH, []),
        (total(1_000, 2_000.1), 1_000, BOTH, [REDUCING]),
        (total(801, 0), 1_000, BOTH, []),
        (total(800, 0), 1_000, BOTH, [HALTED]),
        (total(800, 1_601), 1_000, BOTH, [REDUCING, HALTED]),
        (total(800, 9_000), 1_000, Limits(), []),
        (total(800, 9_000), 1_000, Limits(max_drawdown=0.2), [HALTED]),
        (total(800, 9_000), 1_000, Limits(max_gross=2), [REDUCING]),
        (total(0, 1), 1_000, Limits(max_gross=2), [REDUCING]),
        (total(-5, 1), 1_000, BOTH, [REDUCING, HALTED]),
        (total(0, 0), None, BOTH, []),
        (total(None, None), 1_000, BOTH, []),
    ],
)
def test_which_limit_is_exceeded(found, peak, limits, states):
    assert [breach.state for breach in breaches(found, peak, limits)] == states


def test_a_breach_has_its_figures():
    gross, drawdown = breaches(total(700, 1_750), 1_000, BOTH)
    assert gross.why == (
        "the fleet's exposure of 1,750.00 USDT is 2.50 times its equity of 700.00 USDT, above 2"
    )
    assert drawdown.why == (
        "the fleet's equity of 700.00 USDT is 30.0% below its highest of 1,000.00, at least 20.0%"
    )


def test_the_weight_of_an_address_is_counted_once():
    there = member("d", "two", address="there")
    found = weights(
        [
            reading(A, requests=requests(100)),
            reading(B, requests=requests(140)),
            reading(C, "it is old", requests=requests(2_000)),
            reading(there, requests=requests(None)),
        ]
    )
    assert [(each.address, each.bots, each.used) for each in found] == [
        ("here", ("a", "b", "c"), 140),
        ("there", ("d",), None),
    ]
