"""`perpkit stop` on a live bot at the venue, as processes: `tests.bench.emergency` says what must
hold. `python -m tests.emergency` runs as many as you like."""

from __future__ import annotations

import json

import pytest

from tests.bench.emergency import (
    FAR,
    HELD,
    RESTING,
    Case,
    bot,
    case,
    is_ready,
    perpkit_stop,
    run,
    wait_until,
)
from tests.bench.emergency import place as at_a_place
from tests.cases import SLOW

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(Case(1, "alive"), marks=SLOW),
        pytest.param(Case(2, "hung", everything=True, lots=True), marks=SLOW),
        Case(3, "dead", "mix", shared=True, lots=True),
        pytest.param(Case(4, "alive", "banned"), marks=SLOW),
        pytest.param(Case(5, "alive", api=False), marks=SLOW),
        pytest.param(Case(6, "hung", "rate limited", api=False), marks=SLOW),
        pytest.param(Case(7, "dead", "market orders refused", thin=True), marks=SLOW),
        pytest.param(Case(8, FAR), marks=SLOW),
        *(pytest.param(case(seed), marks=SLOW) for seed in range(100, 109)),
    ],
    ids=str,
)
def test_an_account_is_flat_and_stays_so(given, tmp_path):
    outcome = run(given, tmp_path)
    assert outcome.wrong == [], outcome.said


@SLOW
def test_a_preview_sends_nothing_and_a_second_stop_finds_nothing(tmp_path):
    with at_a_place(tmp_path, 9, api=False) as at:
        with bot(at) as process:
            wait_until(lambda: is_ready(at), "ready", process, 240)
        at.trade_by_hand()
        first, before = at.requests.total, at.positions()
        preview = perpkit_stop(at, "--preview")
        sent = {entry.method for entry in at.requests.after(first, 1_000)}
        assert (preview.returncode, sent) == (0, {"GET"}), preview.stderr
        planned = json.loads(preview.stdout)["closed"]
        assert len(planned) == 2 * len(HELD) + len(RESTING)
        assert at.positions() == before
        assert not at.latch.exists()

        assert perpkit_stop(at).returncode == 0
        first = at.requests.total
        again = perpkit_stop(at)
        report = json.loads(again.stdout)
        assert (again.returncode, report["flat"], report["closed"]) == (0, True, [])
        assert {entry.method for entry in at.requests.after(first, 1_000)} == {"GET"}
