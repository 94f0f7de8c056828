"""Sums over a fleet, and which limits are exceeded: tables."""

from __future__ import annotations

import pytest

from perpkit.ops.fleet.fleet_file import Limits
from perpkit.ops.fleet.readings import Reading
from perpkit.ops.fleet.sums import Sum, breaches, sums, weights
from perpkit.record.latch import LatchState
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
        # The wallet was read at different times: the smaller one counts.
        (
            [reading(A, account=account(1_010, 0, 10)), reading(B, account=account(900, 0, 0))],
            910,
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
