"""Six episodes of the soak, and what the soak itself must be able to tell. See docs/soak.md."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from perpkit.venue.exchange.invariants import Invariant
from perpkit.venue.faults.faults import STREAM_KINDS, Fault, FaultKind
from tests.bench.planted import KEY
from tests.cases import SLOW
from tests.soak.episodes import GROUPS, MIX, NOTHING, episode
from tests.soak.rehearsal import Outcome, Stopwatch, run
from tests.soak.report import bare, summary, table, troubles

pytestmark = pytest.mark.integration

CALM = Outcome(0, NOTHING, "holding", "long", adverse=False, entered=True, flat=True)


def test_every_kind_of_fault_takes_its_turn():
    turns = [episode(number) for number in range(len(GROUPS))]
    struck = {fault.kind for each in turns if each.group != MIX for fault in each.faults}
    assert struck == set(FaultKind) - STREAM_KINDS  # Freqtrade uses no streams
    assert turns[0].faults == ()


def test_episodes_end_without_trouble():
    outcomes = [run(seed) for seed in range(3)]
    assert troubles(outcomes) == []
    assert any(outcome.entered for outcome in outcomes)
    assert any(outcome.strikes for outcome in outcomes)


@SLOW
def test_the_same_seed_is_the_same_episode():
    assert run(5) == run(5)


@SLOW
@pytest.mark.parametrize(
    ("seed", "group", "what"),
    [
        (10, FaultKind.RESPONSE_LOST, "unknown"),
        (78, NOTHING, "misbooked"),
        (72, FaultKind.SLOW_FILLS, "bare_s"),
        pytest.param(290, FaultKind.TRUNCATED, "orphans", marks=SLOW),
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


def test_only_a_guarded_bot_is_in_trouble_without_a_stop():
    late = replace(CALM, bare_s=40.0, inexcusable_s=16.0)
    assert troubles([late]) == []
    assert troubles([late], guarded=True) == [
        "seed 0 (nothing): no stop for 16 s without an excuse"
    ]
    assert troubles([replace(late, inexcusable_s=15.0)], guarded=True) == []


SECOND = 1000
NOBODY = SimpleNamespace(accounts=[])


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], (60, 60, set())),
        ([(FaultKind.BANNED, 0, 60)], (60, 60, set())),
        ([(FaultKind.MAINTENANCE, 0, 60)], (60, 0, {"maintenance"})),
        ([(FaultKind.MAINTENANCE, 0, None)], (60, 0, {"maintenance"})),
        ([(FaultKind.EMPTY_BOOK, 30, 50)], (60, 29, {"empty_book"})),
        # It had ended before, and one comes later.
        ([(FaultKind.DELISTING, -20, -1), (FaultKind.EMPTY_BOOK, 70, 80)], (60, 60, set())),
        ([(FaultKind.EMPTY_BOOK, 0, 20), (FaultKind.EMPTY_BOOK, 25, 40)], (60, 20, {"empty_book"})),
    ],
)
def test_the_clock_without_an_excuse(faults, expected):
    """Without a stop for a minute, from second 0 on, looked at every second."""
    watch = Stopwatch(
        Fault(kind, since=100_000 + since * SECOND, until=until and 100_000 + until * SECOND)
        for kind, since, until in faults
    )
    watch._bare_since[KEY, "BTCUSDT", "BOTH"] = 100_000
    for second in range(61):
        watch.observe(NOBODY, 100_000 + second * SECOND)
    assert (watch.bare_ms / SECOND, watch.inexcusable_ms / SECOND, watch.excuses) == expected


@pytest.mark.parametrize(("symbol", "inexcusable_s"), [("BTCUSDT", 0), ("ETHUSDT", 60), (None, 0)])
def test_a_fault_of_another_symbol_is_no_excuse(symbol, inexcusable_s):
    watch = Stopwatch([Fault(FaultKind.EMPTY_BOOK, symbol=symbol, until=200_000)])
    watch._bare_since[KEY, "BTCUSDT", "BOTH"] = 100_000
    watch.observe(NOBODY, 160_000)
    assert watch.inexcusable_ms == inexcusable_s * SECOND
    assert watch.excuses == ({"empty_book"} if inexcusable_s == 0 else set())


def test_the_table_beside_another():
    late = replace(CALM, group=FaultKind.RESET, bare_s=20.4, inexcusable_s=20.4, said=["Left | it"])
    beside = {"nothing": {"episodes": "20", "traded": "", "longest, s": "5"}}
    found = summary([CALM, replace(CALM, entered=False), late])
    names, _, *rows = (line.split(" | ") for line in table(found, beside).splitlines())
    cells, reset = (dict(zip(names, row, strict=True)) for row in rows)
    assert cells["episodes"] == "20 → 2"
    assert cells["traded"] == "0 → 1"
    assert cells["longest, s"] == "5 → 0"
    assert reset["no stop > 15 s"] == "- → 1"
    assert "| 0 | reset | holding | 20 | 20 |  | Left   it |" in bare([CALM, late])
