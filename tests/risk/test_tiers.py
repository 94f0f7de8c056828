"""Tiers of exchanges that state rates only: joined, or above a margin that jumps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.leverage import LeverageLimit, choose_leverage
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from perpkit.risk.tiers import in_parts, of_whole
from tests.risk.markets import BUNDLED, random_tiers

# Bybit's of BTCUSDT in form: value, rate, leverage.
BYBIT = (
    MaintenanceTier(0, 0.005, 0, 100),
    MaintenanceTier(2_000_000, 0.01, 0, 50),
    MaintenanceTier(10_000_000, 0.02, 0, 25),
)


def stated_rates(tiers: MaintenanceTiers) -> list[MaintenanceTier]:
    return [replace(row, amount=0.0) for row in tiers.rows]


def step(rows: list[MaintenanceTier], notional: float) -> float:
    """The margin on an exchange that applies the rate of the tier to the whole value."""
    return notional * [row.rate for row in rows if row.floor <= notional][-1]


@pytest.mark.parametrize("tiers", BUNDLED)
def test_in_parts_gives_the_amounts_that_binance_states(tiers):
    for found, stated in zip(in_parts(stated_rates(tiers)), tiers.rows, strict=True):
        assert found.amount == pytest.approx(stated.amount, rel=1e-6, abs=0.02)


def test_in_parts_each_part_of_the_value_has_the_rate_of_its_tier():
    tiers = MaintenanceTiers(in_parts(BYBIT))
    assert tiers.maintenance(3_000_000) == pytest.approx(2_000_000 * 0.005 + 1_000_000 * 0.01)
    parts = 2_000_000 * 0.005 + 8_000_000 * 0.01 + 1_000_000 * 0.02
    assert tiers.maintenance(11_000_000) == pytest.approx(parts)


@given(tiers=random_tiers(), share=st.floats(0, 1))
def test_of_whole_never_asks_for_less_than_the_exchange(tiers, share):
    rows = stated_rates(tiers)
    ours = MaintenanceTiers(of_whole(rows), tiers.cap)
    notional = share * tiers.cap
    assert ours.maintenance(notional) >= step(rows, notional) * (1 - 1e-9) - 1e-6


@given(tiers=random_tiers(), share=st.floats(0, 1))
def test_of_whole_asks_for_no_more_than_the_steepest_way_up(tiers, share):
    """Between two floors it is at most what is required at the upper one."""
    rows = stated_rates(tiers)
    made = of_whole(rows)
    ours = MaintenanceTiers(made, tiers.cap)
    for lower, upper in pairwise(rows):
        notional = lower.floor + share * (upper.floor - lower.floor)
        assert ours.maintenance(notional) <= ours.maintenance(upper.floor) * (1 + 1e-9)
    if all(a.rate < b.rate < 0.99 for a, b in pairwise(made)):  # no slope had to be held
        for row in rows[1:]:
            assert ours.maintenance(row.floor) == pytest.approx(row.floor * row.rate)


def test_one_tier_is_the_same_either_way():
    assert in_parts(BYBIT[:1]) == of_whole(BYBIT[:1]) == BYBIT[:1]


def test_none_are_none():
    assert in_parts(()) == of_whole(()) == ()


def test_a_small_position_is_not_held_to_the_highest_tier():
    """Amounts of 0 would apply the rate of the last tier to every position."""
    rows = (*BYBIT, MaintenanceTier(50_000_000, 0.5, 0, 1))
    asked = {"stake": 1_000, "stop_distance": 0.05, "is_short": False, "range_24h": 0.01}
    limit = LeverageLimit(max_leverage=20)
    # Of the whole, the first tier is held to the rate of the second.
    for tiers, leverage in ((in_parts(rows), 9), (of_whole(rows), 8), (rows, 1)):
        assert choose_leverage(limit, MaintenanceTiers(tiers), **asked).leverage == leverage


@pytest.mark.parametrize("make", [in_parts, of_whole])
@pytest.mark.parametrize("number", range(3))
def test_of_tiers_with_one_floor_the_strictest_terms_count(make, number):
    row = BYBIT[number]
    stricter = replace(row, rate=row.rate * 1.5, max_leverage=row.max_leverage * 0.8)
    expected = make((*BYBIT[:number], stricter, *BYBIT[number + 1 :]))
    for twice in ((row, stricter), (stricter, row), (row, stricter, row)):
        tiers = make((*BYBIT[:number], *twice, *BYBIT[number + 1 :]))
        assert tiers == expected
    asked = {"stake": 1_000, "stop_distance": 0.05, "is_short": False, "range_24h": 0.01}
    choice = choose_leverage(LeverageLimit(max_leverage=20), MaintenanceTiers(tiers), **asked)
    assert choice.leverage > 1
