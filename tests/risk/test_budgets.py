"""Budgets: what each source may risk, and what the file of walk-forward says of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.parameters.kinds import Section
from perpkit.risk.budgets import OutOfSample, SourceRisk, budget_rooms, by_risk, fixed, share_of
from perpkit.risk.exposure import Holding, PlannedEntry

BUDGETS = {"a": 0.5, "b": 0.3, "c": 0.2}
ENTRY = PlannedEntry("BTC/USDT:USDT", is_short=False, stop_distance=0.05, leverage=2.0)


def held(risk: float, *owners: str):
    return owners, Holding("ETH/USDT:USDT", 500.0, risk, 250.0)


@pytest.mark.parametrize(
    ("owners", "positions", "rooms"),
    [
        # half of 3% of 10,000 is 150 at risk: 3,000 with a stop 5% away
        (["a"], [], [3_000]),
        (["a"], [held(100, "a")], [1_000]),
        (["a"], [held(150, "a")], [0]),
        (["a"], [held(200, "a")], [-1_000]),
        # what others hold, and what no source has entered, uses nothing of it
        (["a"], [held(100, "b"), held(100)], [3_000]),
        # a position of two uses both, in proportion
        (["a"], [held(80, "a", "b")], [2_000]),
        (["a", "b"], [], [4_800, 4_800]),
        (["a", "b"], [held(50, "a")], [3_200, 4_800]),
        (["off"], [], [0]),
        ([], [held(100, "a")], []),
    ],
)
def test_the_room_that_a_budget_leaves(owners, positions, rooms):
    found = budget_rooms(BUDGETS, 0.03, owners, 10_000, positions, ENTRY)
    assert [room.notional for room in found] == pytest.approx(rooms)
    assert [room.whose for room in found] == owners


@pytest.mark.parametrize("equity", [0.0, -5.0, math.nan])
@pytest.mark.parametrize("distance", [0.05, 0.0, math.nan])
def test_what_is_unknown_leaves_an_unknown_room(equity, distance):
    entry = ENTRY._replace(stop_distance=distance)
    [room] = budget_rooms(BUDGETS, 0.03, ["a"], equity, [held(100, "a")], entry)
    assert math.isnan(room.notional)


def test_a_refusal_says_whose_budget_it_was():
    [room] = budget_rooms(BUDGETS, 0.03, ["a"], 10_000, [held(120, "a")], ENTRY)
    assert room.reason == "open risk in the budget of a 1.20% of 1.50% of equity in use"


@given(
    entries=st.lists(
        st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.floats(1, 500)), max_size=12
    )
)
def test_entries_within_their_rooms_never_exceed_a_budget(entries):
    positions: list = []
    for owners, wanted in entries:
        found = budget_rooms(BUDGETS, 0.03, sorted(owners), 10_000, positions, ENTRY)
        risk = min(wanted, *(room.notional * ENTRY.stop_distance for room in found))
        if risk > 0:
            positions.append(held(risk, *sorted(owners)))
    for name, budget in BUDGETS.items():
        used = sum(h.risk * budget / share_of(o, BUDGETS) for o, h in positions if name in o)
        assert used <= budget * 300 + 1e-6


def test_budgets_by_risk_bring_the_same_volatility():
    known = OutOfSample({"a": SourceRisk(0.01, 700), "b": SourceRisk(0.02, 700)})
    found = by_risk(["a", "b"], known)
    assert sum(found.values()) == pytest.approx(1)
    assert found["a"] * 0.01 == pytest.approx(found["b"] * 0.02)
    with pytest.raises(ValueError, match="sources must have c, has a, b"):
        by_risk(["a", "c"], known)


@pytest.mark.parametrize(
    ("given_budgets", "message"),
    [
        ({"a": None}, "budget of a must be given with fixed budgets, got null"),
        ({"a": 0.7, "b": 0.4}, "budgets of all sources must be at most 1 together, got 1.1"),
    ],
)
def test_fixed_budgets_that_are_refused(given_budgets, message):
    with pytest.raises(ValueError, match=message):
        fixed(given_budgets)


RISK = {"daily_volatility": 0.01, "days": 700}
GOOD = {"sources": {"a": RISK}}


def test_the_content_of_the_file():
    assert Section(OutOfSample).read("it", GOOD).sources["a"] == SourceRisk(0.01, 700)
    until = {"sources": {"a": {**RISK, "until": "2024-01-01"}}}
    found = Section(OutOfSample).read("it", until).sources["a"]
    assert found == SourceRisk(0.01, 700, "2024-01-01")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "it must be an object"),
        ({}, "it.sources is missing"),
        ({**GOOD, "note": 1}, "it has no parameter 'note'. Allowed: sources, version"),
        ({**GOOD, "version": 2}, "it.version must be"),
        ({"sources": {"a": {"days": 700}}}, "sources of a.daily_volatility is missing"),
        ({"sources": {"a": {"daily_volatility": 0, "days": 700}}}, "daily_volatility must be"),
        ({"sources": {"a": {"daily_volatility": 0.01, "days": 29}}}, "days must be"),
        ({"sources": {"a": {"daily_volatility": 0.01, "days": 700, "x": 1}}}, "no parameter 'x'"),
        ({"sources": {"a": {"daily_volatility": float("nan"), "days": 700}}}, "daily_volatility"),
        ({"sources": {"a": {**RISK, "until": "2023"}}}, "of a.until must be a day such as 2024-"),
        ({"sources": {"a": {**RISK, "until": 2023}}}, "of a.until must be a text, got 2023"),
    ],
)
def test_contents_that_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        Section(OutOfSample).read("it", content)
