"""Six episodes of the soak, and what the soak itself must be able to tell. See docs/soak.md."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perpkit.venue.faults import FaultKind
from perpkit.venue.invariants import Invariant
from tests.soak.episodes import GROUPS, MIX, NOTHING, episode
from tests.soak.rehearsal import Outcome, run
from tests.soak.report import troubles

pytestmark = pytest.mark.integration

CALM = Outcome(0, NOTHING, "holding", "long", adverse=False, entered=True, flat=True)


def test_every_kind_of_fault_takes_its_turn():
    turns = [episode(number) for number in range(len(GROUPS))]
    struck = {fault.kind for each in turns if each.group != MIX for fault in each.faults}
    assert struck == set(FaultKind)
    assert turns[0].faults == ()


def test_episodes_end_without_trouble():
    outcomes = [run(seed) for seed in range(6)]
    assert troubles(outcomes) == []
    assert any(outcome.entered for outcome in outcomes)
    assert any(outcome.strikes for outcome in outcomes)


def test_the_same_seed_is_the_same_episode():
    assert run(5) == run(5)


@pytest.mark.parametrize(
    ("seed", "group", "what"),
    [
        (10, FaultKind.RESPONSE_LOST, "unknown"),
        (78, NOTHING, "misbooked"),
        (72, FaultKind.SLOW_FILLS, "bare_s"),
        (290, FaultKind.TRUNCATED, "orphans"),
    ],
)
def test_the_soak_sees_what_it_reports(seed, group, what):
    value = getattr(run(seed, group), what)
    assert value > 15 if what == "bare_s" else value


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (CALM, []),
        (replace(CALM, crashed="KeyError"), ["seed 0: trouble without a fault"]),
        (replace(CALM, halted=True), ["seed 0: trouble without a fault"]),
        (replace(CALM, flat=False), ["seed 0: trouble without a fault"]),
        (replace(CALM, group=FaultKind.RESET, flat=False), []),
        (
            replace(CALM, group=FaultKind.RESET, breaches={Invariant.CONSERVED: 1}),
            ["seed 0 (reset): money is not conserved"],
        ),
    ],
)
def test_trouble(outcome, found):
    assert troubles([outcome]) == found
